"""Plays Envoy's part against a transaction, and holds it to the law.

    with Playbook(plan) as envoy:
        envoy.sends(request_headers("/v1/chat/completions")).gets(PASSED)
        envoy.sends(request_body(b'{"model":"chat"}')).gets(Routed)

Each effect is checked against `protocol.states.ANSWERS`, and leaving the block proves that every message Envoy waits
for was answered, exactly once, unless the exchange was ended by a `Reject` or an `Abort`.
"""

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Final, Self, TypeVar

from extproc.protocol.effects import (
    Abort,
    Chunk,
    Effect,
    Override,
    Phase,
    Proceed,
    Reject,
)
from extproc.protocol.headers import Field, HeaderMap
from extproc.protocol.messages import Body, Deadline, Headers, Message, Side, StreamClosed, Trailers
from extproc.protocol.modes import BodyMode, ProtocolConfig
from extproc.protocol.record import Record
from extproc.protocol.states import ANSWERS, ReplyKind, ReplyProgress
from extproc.transaction import Plan, Shared, Transaction

E = TypeVar("E", bound=Effect)

REQUEST_ID: Final = b"7b0d3c1e-8d5f-4a4e-9b43-0c5a1f0e6a11"


def request_headers(
    path: str, *extra: Field, method: str = "POST", end: bool = False, authority: str = "gateway"
) -> Headers:
    """Request headers as Envoy sends them."""
    fields: Iterable[Field] = (
        (":method", method.encode()),
        (":path", path.encode("latin-1")),
        (":scheme", b"http"),
        (":authority", authority.encode()),
        ("x-request-id", REQUEST_ID),
        *extra,
    )
    return Headers(Side.REQUEST, HeaderMap(fields), end)


def request_body(data: bytes, *, end: bool = True) -> Body:
    """A piece of a request's body."""
    return Body(Side.REQUEST, data, end)


def request_trailers(*fields: Field) -> Trailers:
    """A request's trailers."""
    return Trailers(Side.REQUEST, HeaderMap(fields))


def response_headers(status: int, *extra: Field, end: bool = False, details: str = "via_upstream") -> Headers:
    """Response headers as Envoy sends them, with the one attribute that tells local replies apart."""
    fields = ((":status", str(status).encode()), *extra)
    return Headers(Side.RESPONSE, HeaderMap(fields), end, {"response.code_details": details})


def response_body(data: bytes, *, end: bool = True) -> Body:
    """A piece of a response's body."""
    return Body(Side.RESPONSE, data, end)


def response_trailers(*fields: Field) -> Trailers:
    """A response's trailers."""
    return Trailers(Side.RESPONSE, HeaderMap(fields))


class Heard:
    """The transaction's effects for one message."""

    def __init__(self, book: "Playbook", effects: Sequence[Effect]) -> None:
        self._book = book
        self.effects = effects

    def gets(self, *expected: Effect) -> None:
        """These effects, and no other."""
        assert list(self.effects) == list(expected), self._book.tell(f"expected {list(expected)}")

    def gets_nothing(self) -> None:
        """No effect: Envoy is kept waiting."""
        self.gets()

    def gets_one(self, kind: type[E]) -> E:
        """One effect of `kind`, for a closer look."""
        assert len(self.effects) == 1, self._book.tell(f"expected one {kind.__name__}")
        (effect,) = self.effects
        assert isinstance(effect, kind), self._book.tell(f"expected a {kind.__name__}")
        return effect


class Playbook:
    """One exchange with one transaction. `now` is the clock, in seconds, and moves when the test says so.

    `response` is Envoy's mode for responses: as `extproc envoy` writes it for the plan, unless told otherwise. Envoy
    has taken an override before, unless `shared` is given; `configuration` is its fingerprint. With `observes` it is
    in observability mode.
    """

    def __init__(
        self,
        plan: Plan,
        shared: Shared | None = None,
        *,
        request: BodyMode = BodyMode.BUFFERED,
        response: BodyMode | None = None,
        early: bool = False,
        now: float = 0.0,
        configuration: bytes = b"",
        observes: bool = False,
    ) -> None:
        self.now = now
        if shared is None:
            shared = Shared()
            shared.overridden.add(configuration)
        if response is None:
            duplex = request is BodyMode.FULL_DUPLEX_STREAMED
            reading = BodyMode.FULL_DUPLEX_STREAMED if duplex else BodyMode.BUFFERED
            needs = plan.needs
            reads = needs.response_body or needs.errors or (needs.metered and duplex)
            response = reading if reads else BodyMode.NONE
        self.transaction = Transaction(plan, shared, now, configuration)
        self._config: ProtocolConfig | None = None if observes else ProtocolConfig(request, response, early)
        self._modes = {Side.REQUEST: request, Side.RESPONSE: response}
        self._replies = dict.fromkeys(Side, ReplyProgress.AWAITED)
        self._waiting: dict[Side, list[Message]] = {side: [] for side in Side}
        self._over = False
        self._script: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and not self._over:
            for side, waiting in self._waiting.items():
                assert not waiting, self.tell(f"Envoy still waits for an answer on the {side.value} side")

    def sends(self, message: Message) -> Heard:
        """Envoy sends `message`; the first one carries the filter's configuration."""
        message = self._with_config(message)
        self._script.append(f">> {message!r}")
        if isinstance(message, Headers | Body | Trailers):
            self._expect_answer(message)
        effects = self.transaction.receive(message, self.now)
        for effect in effects:
            self._script.append(f"<< {effect!r}")
            self._hold_to_the_law(effect)
        return Heard(self, effects)

    def waits(self, seconds: float) -> Heard:
        """Time passes; when the transaction's deadline is reached, it is told so."""
        self.now += seconds
        if self.now < self.transaction.deadline:
            return Heard(self, ())
        return self.sends(Deadline())

    def leaves(self, *, clean: bool = True) -> Record:
        """Envoy ends the stream; gives what is told of the exchange."""
        self._over = True
        return self.sends(StreamClosed(clean)).gets_one(Record)

    def tell(self, problem: str) -> str:
        """The conversation so far, for a failure's message."""
        return "\n".join(["", *self._script, f"!! {problem}"])

    def _with_config(self, message: Message) -> Message:
        config = self._config
        if config is None or not isinstance(message, Headers | Body | Trailers):
            return message
        self._config = None
        match message:
            case Headers():
                return Headers(message.side, message.fields, message.end, message.attributes, config, message.metadata)
            case Body():
                return Body(message.side, message.data, message.end, message.attributes, config)
            case Trailers():
                return Trailers(message.side, message.fields, message.attributes, config)

    def _expect_answer(self, message: Headers | Body | Trailers) -> None:
        # In full duplex a side waits for its headers, then for an end: its pieces are not answered one by one.
        duplex = self._modes[message.side] is BodyMode.FULL_DUPLEX_STREAMED
        if duplex and self._replies[message.side] is ReplyProgress.ENDED:
            return
        if not (duplex and isinstance(message, Body) and not message.end):
            self._waiting[message.side].append(message)

    def _hold_to_the_law(self, effect: Effect) -> None:
        assert not self._over or isinstance(effect, Record), self.tell("nothing may be answered any more")
        match effect:
            case Reject() | Abort():
                self._over = True
            case Override():
                # Envoy 1.40: only to full duplex, only while the request headers are unanswered.
                assert effect.modes.request_body is BodyMode.FULL_DUPLEX_STREAMED, self.tell("spurious override")
                assert self._replies[Side.REQUEST] is ReplyProgress.AWAITED, self.tell(
                    "an override after the headers answer"
                )
                self._modes[Side.REQUEST] = effect.modes.request_body
                self._modes[Side.RESPONSE] = effect.modes.response_body
            case Proceed() | Chunk():
                self._advance(effect)
            case _:
                pass

    def _advance(self, effect: Proceed | Chunk) -> None:
        side, answer = effect.side, _answer(effect)
        after = ANSWERS[self._modes[side]][self._replies[side]].get(answer)
        assert after is not None, self.tell(f"{answer.name} may not be answered now")
        self._replies[side] = after
        waiting = self._waiting[side]
        if answer is ReplyKind.REPLACE:
            waiting.clear()
        elif answer is ReplyKind.CHUNK_END and side is Side.RESPONSE and not waiting:
            pass  # the answer is cut short: what still comes of it is dropped
        elif answer is not ReplyKind.CHUNK:
            assert waiting, self.tell("an answer to no message")
            waiting.pop(0)
        if isinstance(effect, Proceed) and effect.modes is not None and side is Side.RESPONSE:
            self._modes[side] = effect.modes.response_body


def _answer(effect: Proceed | Chunk) -> ReplyKind:
    if isinstance(effect, Chunk):
        return ReplyKind.CHUNK_END if effect.end else ReplyKind.CHUNK
    if effect.replace:
        return ReplyKind.REPLACE
    return {Phase.HEADERS: ReplyKind.HEADERS, Phase.BODY: ReplyKind.BODY, Phase.TRAILERS: ReplyKind.TRAILERS}[
        effect.phase
    ]
