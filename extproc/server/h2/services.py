"""The methods that are served: what a call of each does with its messages."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Protocol

from extproc.protocol.effects import AbortCode
from extproc.server.exchange import Exchange, admit
from extproc.server.h2.call import NOBODY, Handler
from extproc.server.h2.status import Status
from extproc.server.health import CHECK, PROCESS, UNKNOWN, WATCH, TooManyWatchersError, WorkerHealth, service_of
from extproc.server.runtime import Runtime

_NO_QUESTION: Final = "not a HealthCheckRequest"
# A unary request is one message; gRPC's libraries give INTERNAL for any other number.
_NONE: Final = "no message in a call that has one"
_MORE_THAN_ONE: Final = "more than one message in a call that has one"


class Answering(Protocol):
    """A handler's access to its call, at any time; after the call's end its methods do nothing."""

    def send(self, payload: bytes, /) -> None:
        """Sends a message."""

    def abort(self, code: AbortCode, reason: str, /) -> None:
        """Ends the call as an error."""

    def fail(self, code: Status, reason: str, /) -> None:
        """The same, with any status."""

    def finish(self) -> None:
        """Ends the call well."""


class ProcessCall:
    """`ExternalProcessor.Process`: one exchange a call."""

    __slots__ = ("_answering", "_exchange", "receive")

    def __init__(self, exchange: Exchange, answering: Answering) -> None:
        self._exchange = exchange
        self._answering = answering
        self.receive = exchange.receive  # no detour: this is called for every message

    def half_closed(self) -> None:
        """Envoy wants nothing more of this exchange: the one way in which a call ends as OK."""
        self._exchange.gone(clean=True)
        self._answering.finish()

    def gone(self) -> None:
        """Envoy's reset is as normal an end; the exchange does not ask which end it was."""
        self._exchange.gone(clean=False)


class CheckCall:
    """`Health.Check`: one question, one answer."""

    __slots__ = ("_answering", "_health", "_question")

    def __init__(self, health: WorkerHealth, answering: Answering) -> None:
        self._health = health
        self._answering = answering
        self._question: bytes | None = None

    def receive(self, payload: bytes, /) -> Sequence[bytes]:
        """Keeps the question until the client has said that there is no other."""
        if self._question is not None:
            self._answering.fail(Status.INTERNAL, _MORE_THAN_ONE)
        self._question = payload
        return ()

    def half_closed(self) -> None:
        """Answers."""
        if self._question is None:
            self._answering.fail(Status.INTERNAL, _NONE)
            return
        service = service_of(self._question)
        answer = None if service is None else self._health.answer(service)
        if service is None:
            self._answering.fail(Status.INVALID_ARGUMENT, _NO_QUESTION)
        elif answer is None:
            self._answering.fail(Status.NOT_FOUND, "no such service")
        else:
            self._answering.send(answer)
            self._answering.finish()

    def gone(self) -> None:
        """Nothing is kept."""


class WatchCall:
    """`Health.Watch`: the answer now, and again whenever it changes, for as long as the client listens."""

    __slots__ = ("_answering", "_health", "_last", "_service", "_stop")

    def __init__(self, health: WorkerHealth, answering: Answering) -> None:
        self._health = health
        self._answering = answering
        self._service: str | None = None
        self._last = b""
        self._stop: Callable[[], None] | None = None

    def receive(self, payload: bytes, /) -> Sequence[bytes]:
        """The question: from now on there are answers."""
        if self._stop is not None:
            self._fail(Status.INTERNAL, _MORE_THAN_ONE)
            return ()
        self._service = service_of(payload)
        if self._service is None:
            self._fail(Status.INVALID_ARGUMENT, _NO_QUESTION)
            return ()
        try:
            self._stop = self._health.watch(self._tell)
        except TooManyWatchersError:
            self._fail(Status.RESOURCE_EXHAUSTED, "too many watchers")
            return ()
        self._last = self._answer()
        return (self._last,)

    def half_closed(self) -> None:
        """Usual after the one question; the answers go on."""
        if self._service is None:
            self._fail(Status.INTERNAL, _NONE)

    def gone(self) -> None:
        """Nobody listens any more."""
        if self._stop is not None:
            self._stop()

    def _tell(self) -> None:
        answer = self._answer()
        if answer != self._last:
            self._last = answer
            self._answering.send(answer)

    def _answer(self) -> bytes:
        return self._health.answer(self._service or "") or UNKNOWN

    def _fail(self, code: Status, reason: str) -> None:
        self.gone()
        self._answering.fail(code, reason)


def _process(runtime: Runtime, answering: Answering, configuration: bytes) -> Handler:
    exchange = admit(runtime, answering, configuration)
    return NOBODY if exchange is None else ProcessCall(exchange, answering)


def _check(runtime: Runtime, answering: Answering, configuration: bytes) -> Handler:
    if configuration:
        runtime.heard(configuration, runtime.clock())
    return CheckCall(runtime.health, answering)


def _watch(runtime: Runtime, answering: Answering, _configuration: bytes) -> Handler:
    return WatchCall(runtime.health, answering)


OPENERS: Final[Mapping[bytes, Callable[[Runtime, Answering, bytes], Handler]]] = MappingProxyType(
    {PROCESS.encode(): _process, CHECK.encode(): _check, WATCH.encode(): _watch}
)
"""Path -> what makes the handler of a call, told the fingerprint that came with it; `NOBODY` where the call was ended
instead."""
