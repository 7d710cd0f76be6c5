"""One gRPC stream, which is one HTTP exchange: bytes in, bytes out, whatever carries them.

There is no await and no task here. A transport calls `receive` for each message, writes what it returns in one go, and
calls `gone` when the stream is over. It never ends a stream as OK before Envoy has half-closed: Envoy takes a clean
early close for "go on without me".
"""

import traceback
from typing import Final, Protocol, assert_never, cast

from msgspec import Struct
from msgspec.structs import replace

from extproc.protocol.effects import Abort, AbortCode, Inspect, Withdraw
from extproc.protocol.errors import ProtocolViolation
from extproc.protocol.messages import Body, Deadline, Failed, Headers, Inspected, Message, Side, StreamClosed, Trailers
from extproc.protocol.record import AttemptRecord, Record
from extproc.server.inspections import Cancel
from extproc.server.runtime import Decider, Runtime
from extproc.transaction import Lane
from extproc.wire import decode, encode
from extproc.wire.lane import PASSED_REQUEST, PASSED_RESPONSE, REQUEST_BODY, RESPONSE_BODY, content, echo

OVERLOADED: Final = "overloaded"
DRAINING: Final = "draining"
INTERNAL_ERROR: Final = "internal_error"
PROTOCOL_VIOLATION: Final = "protocol_violation"

FRAMES_MAX: Final = 20
"""Innermost frames of a traceback that are logged; where an error comes from is among them."""

_KINDS: Final[dict[type[Message], tuple[tuple[str], tuple[str]]]] = {
    Headers: (("request_headers",), ("response_headers",)),
    Body: (("request_body",), ("response_body",)),
    Trailers: (("request_trailers",), ("response_trailers",)),
}
_RESPONSE: Final = Side.RESPONSE
_UNKNOWN: Final = ("unknown",)
_RESPONSE_BODY: Final = ("response_body",)
_REQUEST_BODY: Final = ("request_body",)
_PASS, _ECHO, _TAP, _TAP_ECHO = Lane.PASS, Lane.ECHO, Lane.TAP, Lane.TAP_ECHO
_PASSED: Final = [PASSED_RESPONSE]
_PASSED_REQUEST: Final = [PASSED_REQUEST]

# Looked up by class: an `isinstance` that is false costs ten times as much, and nearly all effects are answers.
_ORDERS: Final = frozenset({Abort, Inspect, Withdraw, Record, AttemptRecord})


class ExchangeStream(Protocol):
    """The transport's side of one gRPC stream."""

    def send(self, payload: bytes, /) -> None:
        """Sends a message that nobody's `receive` returned, such as an answer to a deadline. Never blocks."""

    def abort(self, code: AbortCode, reason: str, /) -> None:
        """Ends the stream with this gRPC status and sends nothing more. Called once at most, within `receive`, too."""


def admit(runtime: Runtime, stream: ExchangeStream, configuration: bytes = b"") -> "Exchange | None":
    """The exchange of a new stream; None, with the stream aborted, when there is no room or the worker drains.

    `configuration` is the fingerprint that Envoy sent with the stream, empty where it sent none.

    Both are UNAVAILABLE: that is what Envoy's `retry_on: unavailable` takes to another worker.
    """
    if runtime.draining or runtime.elsewhere(configuration) or runtime.full:
        runtime.refused(AbortCode.UNAVAILABLE)
        stream.abort(AbortCode.UNAVAILABLE, _public(DRAINING if runtime.draining else OVERLOADED))
        return None
    return Exchange(runtime, stream, configuration)


class _Handed(Struct, frozen=True):
    """Work that is handed out: how to take it back, whose it is, and since when."""

    cancel: Cancel
    processor: str
    since: float


class Exchange:
    """Feeds one transaction and carries its orders out."""

    __slots__ = (
        "_aborted",
        "_detail",
        "_over",
        "_runtime",
        "_since",
        "_spent",
        "_stream",
        "_waited",
        "_work",
        "decider",
    )

    def __init__(self, runtime: Runtime, stream: ExchangeStream, configuration: bytes = b"") -> None:
        self._runtime = runtime
        self._stream = stream
        self._spent = 0.0
        self._over = False
        self._aborted: tuple[AbortCode, str] | None = None
        self._detail: str | None = None
        self._work: dict[int, _Handed] | None = None
        self._since = 0.0  # when the work began that is handed out
        self._waited = 0.0
        self.decider: Decider = runtime.begin(runtime.clock(), configuration)
        runtime.enter(self)

    def receive(self, payload: bytes) -> list[bytes]:
        """The messages to be sent now in answer to `payload`. Never raises; after `abort` it returns nothing."""
        if self._over:
            return []
        runtime = self._runtime
        first = payload[:1]
        if first == RESPONSE_BODY:
            lane = self.decider.response_lane
            if lane is _PASS:
                runtime.messages[_RESPONSE_BODY] += 1
                return _PASSED
            if (lane is _TAP or lane is _TAP_ECHO) and (data := content(payload)) is not None:
                tap = self.decider.tap
                if tap is not None and tap(data) is not False:
                    runtime.messages[_RESPONSE_BODY] += 1
                    return _PASSED if lane is _TAP else [cast("bytes", echo(payload))]  # what has a content has one
            if lane is _ECHO and (answer := echo(payload)) is not None:
                runtime.messages[_RESPONSE_BODY] += 1
                return [answer]
        if first == REQUEST_BODY and self.decider.request_lane is _PASS:
            runtime.messages[_REQUEST_BODY] += 1
            return _PASSED_REQUEST
        now = runtime.clock()
        try:
            message = decode(payload)
            kinds = _KINDS.get(message.__class__)
            kind = _UNKNOWN if kinds is None else kinds[cast("Body", message).side is _RESPONSE]
            runtime.messages[kind] += 1
            answers = self._decide(message, now)
        except Exception as error:  # noqa: BLE001  - an error that left here would end the stream in the transport's way
            self._fail(error)
            return []
        self._spent += runtime.clock() - now
        return answers

    def expire(self, now: float) -> None:
        """The time named by the transaction's deadline has passed."""
        if not self._over:
            self._tell(Deadline(), now)

    def inspected(self, message: Inspected | Failed) -> None:
        """Work that was handed out is done, or has failed."""
        if self._over:
            return
        now = self._runtime.clock()
        if self._work is not None and (handed := self._work.pop(message.ticket, None)) is not None:
            self._runtime.worked(handed.processor, now - handed.since)
            self._no_more(now)
        self._tell(message, now)
        self._spent += self._runtime.clock() - now

    def gone(self, clean: bool) -> None:
        """The stream is over. `clean`: by a half-close; a reset is just as normal an end of an exchange."""
        if self._over:
            return
        self._over = True
        if self._work:
            for handed in self._work.values():
                handed.cancel()
            self._work.clear()
            self._no_more(self._runtime.clock())
        self._runtime.leave(self)
        told = self._told(clean)
        if type(told) is Record:
            self._runtime.record(told, self._spent, self._waited)
        elif isinstance(told, AttemptRecord):
            self._runtime.attempted(told, self._spent)

    def abort(self, code: AbortCode, reason: str) -> None:
        """Ends the stream as an error; `reason` is a fixed word."""
        if self._over:
            return
        self._aborted = (code, reason)
        self._runtime.aborted(code, violation=reason == PROTOCOL_VIOLATION)
        self._stream.abort(code, _public(reason))
        self.gone(clean=False)

    def _tell(self, message: Message, now: float) -> None:
        """Has a message decided that is none of Envoy's."""
        try:
            answers = self._decide(message, now)
        except Exception as error:  # noqa: BLE001  - as in `receive`
            self._fail(error)
            return
        for answer in answers:
            self._stream.send(answer)

    def _decide(self, message: Message, now: float) -> list[bytes]:
        answers = []
        for effect in self.decider.receive(message, now):
            if effect.__class__ in _ORDERS:
                self._perform(cast("Abort | Inspect | Withdraw | Record | AttemptRecord", effect))
            else:
                answers.append(encode(effect))
        return [] if self._over else answers

    def _perform(self, order: Abort | Inspect | Withdraw | Record | AttemptRecord) -> None:
        """The effects that are no messages to Envoy."""
        match order:
            case Abort(code=code, reason=reason):
                self.abort(code, reason)
            case Inspect(ticket=ticket, processor=processor):
                if self._work is None:
                    self._work = {}
                now = self._runtime.clock()
                if not self._work:
                    self._since = now
                self._work[ticket] = _Handed(self._runtime.submit(order, self.inspected), processor, now)
            case Withdraw(ticket=ticket):
                if self._work is not None and (handed := self._work.pop(ticket, None)) is not None:
                    handed.cancel()
                    self._no_more(self._runtime.clock())
            case Record() | AttemptRecord():
                # It answers `StreamClosed` alone; anything else is ours to mend, so INTERNAL.
                raise AssertionError(type(order).__name__)
            case _:
                assert_never(order)

    def _no_more(self, now: float) -> None:
        """Add up the time in which work was handed out, if none is any more."""
        if not self._work:
            self._waited += now - self._since

    def _fail(self, error: Exception) -> None:
        if isinstance(error, ProtocolViolation):
            self._detail = str(error)
            self.abort(AbortCode.INVALID_ARGUMENT, PROTOCOL_VIOLATION)
        else:
            self._runtime.log.event("internal_error", _origin(error))
            self.abort(AbortCode.INTERNAL, INTERNAL_ERROR)

    def _told(self, clean: bool) -> Record | AttemptRecord:
        """The record of the exchange, with what only this shell knows of it."""
        told: Record | AttemptRecord | None = None
        try:
            for effect in self.decider.receive(StreamClosed(clean), self._runtime.clock()):
                if type(effect) is Record or type(effect) is AttemptRecord:
                    told = effect
        except Exception as error:  # noqa: BLE001  - what failed once may fail again while it is told of
            self._runtime.log.event("internal_error", _origin(error))
        record = Record.lost(INTERNAL_ERROR) if told is None else told
        spent = round(self._spent * 1000, 3)
        if self._detail is not None and isinstance(record, Record):
            record = replace(record, detail=self._detail)
        if self._aborted is None:
            return replace(record, processing_ms=spent)
        code, reason = self._aborted
        return replace(record, processing_ms=spent, decision="failed", reason=reason, abort=code.name)


def _public(reason: str) -> str:
    """Return what Envoy shows in `%RESPONSE_CODE_DETAILS%`."""
    return f"extproc_{reason}"


def _origin(error: Exception) -> dict[str, str | list[str]]:
    """Return where an error of ours comes from: its type and the places, never its text, which may quote a client."""
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES_MAX:]
    places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    return {"error": type(error).__name__, "frames": places}
