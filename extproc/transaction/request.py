"""The request side: what is asked for, and where it goes."""

from enum import Enum, auto
from typing import Final, assert_never

from extproc import llm
from extproc.protocol.effects import Chunk, HeaderMutation, Override, Phase, Proceed
from extproc.protocol.enums import plain
from extproc.protocol.errors import ClientError, ProtocolViolation
from extproc.protocol.headers import HeaderMap
from extproc.protocol.messages import Body, Headers, Side
from extproc.protocol.modes import BodyMode, ModeOverride, ProtocolConfig, SendMode
from extproc.protocol.states import Event, State, advance
from extproc.transaction.answers import (
    NOTHING,
    PASS_REQUEST_BODY,
    PASS_REQUEST_HEADERS,
    PASS_REQUEST_TRAILERS,
    Effects,
    answer,
)
from extproc.transaction.facts import Facts
from extproc.transaction.lanes import Lane
from extproc.transaction.plan import Plan
from extproc.transaction.routed import Routed, route
from extproc.transaction.shared import Shared

CHUNK_BYTES: Final = 256 * 1024
"""Size of a piece of a held body on its way out in full duplex. Envoy took 20 MiB at once, but pieces let it apply
back-pressure, and at 256 KiB a message's fixed cost is lost in that of copying it."""

READ_ONLY: Final = frozenset({b"GET", b"HEAD", b"OPTIONS", b"DELETE"})
"""Methods that ask a model for nothing, also on a path that a dialect claims."""

_AT_ONCE: Final = (BodyMode.BUFFERED, BodyMode.BUFFERED_PARTIAL)


@plain
class Intent(Enum):
    """What is to become of the request."""

    PASSING = auto()  # it goes on as it comes
    READING = auto()  # its body decides; nothing of it has gone on
    DECIDED = auto()  # its destination is known; what still comes is a formality


class RequestSide:
    """Reads a request until its destination is known. Raises ClientError for what the client is to be told."""

    __slots__ = (
        "_early",
        "_facts",
        "_held",
        "_plan",
        "_response_mode",
        "_shared",
        "intent",
        "lane",
        "mode",
        "state",
    )

    def __init__(self, plan: Plan, shared: Shared, facts: Facts) -> None:
        self._plan = plan
        self._shared = shared
        self._facts = facts
        self._early = False
        self._held: list[bytes] = []
        self._response_mode = BodyMode.NONE
        self.intent = Intent.PASSING
        self.lane = Lane.READ
        self.mode = BodyMode.NONE
        self.state = State.IDLE

    @property
    def may_answer(self) -> bool:
        """Whether Envoy waits for an answer of ours, so that one may be given although no message just came."""
        return self.intent is Intent.READING and self.mode not in _AT_ONCE

    def configure(self, config: ProtocolConfig) -> None:
        """Takes the modes that the first message of the exchange tells of."""
        self.mode = config.request_body
        self._response_mode = config.response_body
        self._early = config.body_early

    def headers(self, message: Headers) -> Effects:
        """Says what the request is, and holds its headers where the body may decide about them."""
        self.state = advance(self.mode, self.state, Event.HEADERS_END if message.end else Event.HEADERS, Side.REQUEST)
        fields = message.fields
        plan, facts = self._plan, self._facts
        facts.identify(fields.get("x-request-id"))
        facts.strips = plan.control_headers(fields)
        facts.path = fields.get(":path") or b""
        claim = facts.claim = plan.claim(facts.path)
        method = fields.get(":method") or b""
        if claim.models is not None and method in (b"GET", b"HEAD"):
            return self._models(claim.models, fields)
        if claim.dialect is None or plan.inert or (method in READ_ONLY and not _upgrades(fields)):
            # In streamed modes it matters for the trailers whether there was a body: there it is looked at.
            if self.mode is BodyMode.BUFFERED:
                self.lane = Lane.PASS
            # The body of an upgraded connection has no end, so an Envoy that waits for it would pass nothing on.
            endless = self.mode in _AT_ONCE and _upgrades(fields)
            return self._pass_headers(ModeOverride(BodyMode.NONE, self._response_mode) if endless else None)
        facts.dialect, facts.reason = claim.dialect, "reading"
        self._check(fields, method, empty=message.end)
        self.intent = Intent.READING
        return self._ask_for_body()

    def body(self, message: Body, now: float) -> Effects:
        """Collects what decides, passes on what does not."""
        data, before = message.data, self.state
        if before is State.IDLE:
            raise ProtocolViolation("a request body came without headers: set request_header_mode: SEND")
        event = (Event.BODY_END if data else Event.EMPTY_END) if message.end else Event.BODY
        self.state = advance(self.mode, before, event, Side.REQUEST)
        self._facts.request_bytes += len(data)
        if self.intent is not Intent.READING:
            return self._pass_body(message, repeated=before is State.DONE)
        self._held.append(data)
        if self._facts.request_bytes > self._plan.limits.request_body:
            raise too_large(self._plan)
        if self.state is State.OPEN:
            return NOTHING
        if self.mode is BodyMode.BUFFERED_PARTIAL and not message.end:
            # What follows would bypass us; a body that cannot be read whole is not let through.
            raise too_large(self._plan)
        return self._decide(now)

    def trailers(self, now: float) -> Effects:
        """Ends the request, where a body's end mark did not."""
        before = self.state
        if before is State.IDLE:
            raise ProtocolViolation("request trailers came without headers: set request_header_mode: SEND")
        self.state = advance(self.mode, before, Event.TRAILERS, Side.REQUEST)
        if self._would_double():
            raise ClientError(400, "request_trailers", "Request trailers are not supported here; send none.")
        if self.intent is not Intent.READING:
            return PASS_REQUEST_TRAILERS
        return self._decide_at_trailers(now)

    # -- headers

    def _models(self, name: str, fields: HeaderMap) -> Effects:
        api: llm.Api = "anthropic" if "anthropic-version" in fields else "openai"
        names = self._plan.table.names
        if name and name not in names:
            raise ClientError(
                404, "model_not_found", "The requested model does not exist; see GET /v1/models.", "model"
            )
        self._facts.decision, self._facts.reason = "allowed", "models"
        body = llm.model_card(name, api) if name else llm.models_list(names, api)
        return (answer(body, self._facts.request_id),)

    def _check(self, fields: HeaderMap, method: bytes, *, empty: bool) -> None:
        if _upgrades(fields):
            # An upgraded connection would carry requests that nobody reads; a WebSocket begins with a GET.
            raise ClientError(400, "upgrade_not_supported", "A connection upgrade is not possible on this path.")
        if method != b"POST":
            raise ClientError(405, "method_not_allowed", "Use POST on this path.")
        if empty:
            raise ClientError(400, "empty_body", "The request has no body; send a JSON object.")
        encoding = fields.get("content-encoding")
        if encoding is not None and encoding.strip().lower() not in (b"", b"identity"):
            raise ClientError(415, "unsupported_encoding", "Send the request body without content-encoding.")
        length = fields.get("content-length")
        if length is not None and _exceeds(length, self._plan.limits.request_body):
            raise too_large(self._plan)

    def _pass_headers(self, modes: ModeOverride | None = None) -> Effects:
        strips = self._facts.strips
        if not strips and modes is None:
            return PASS_REQUEST_HEADERS
        removed = HeaderMutation(remove=strips) if strips else None
        return (Proceed(Side.REQUEST, Phase.HEADERS, headers=removed, modes=modes),)

    def _ask_for_body(self) -> Effects:
        match self.mode:
            case BodyMode.BUFFERED | BodyMode.BUFFERED_PARTIAL:
                return self._pass_headers()
            case BodyMode.FULL_DUPLEX_STREAMED:
                return NOTHING
            case BodyMode.STREAMED | BodyMode.NONE:
                return NOTHING if self._early else self._switch_to_duplex()
            case BodyMode.GRPC:
                raise ProtocolViolation("body mode GRPC is not supported: use BUFFERED or FULL_DUPLEX_STREAMED")
            case _:
                assert_never(self.mode)

    def _switch_to_duplex(self) -> Effects:
        # Envoy 1.40 takes this while the headers stay unanswered. One that does not take it is left without an answer
        # to its headers, and gives up: closed, never open.
        if self.mode is BodyMode.NONE:
            # From NONE, Envoy would keep the client's content-length beside a body of another length.
            self._facts.strips = (*self._facts.strips, "content-length")
        self.mode = BodyMode.FULL_DUPLEX_STREAMED
        return (Override(ModeOverride(self.mode, self._response_mode, request_trailers=SendMode.SEND)),)

    # -- what does not decide

    def _pass_body(self, message: Body, *, repeated: bool) -> Effects:
        if self.mode is not BodyMode.FULL_DUPLEX_STREAMED:
            return PASS_REQUEST_BODY
        if repeated or not (message.data or message.end):
            return NOTHING
        return (Chunk(Side.REQUEST, message.data, message.end),)

    def _would_double(self) -> bool:
        # Envoy 1.40 (#36119): a route's retry after request trailers sends a streamed body a second time, unless all
        # of it was in the headers answer.
        if not self._plan.rejects_trailers or self.mode in (BodyMode.BUFFERED, BodyMode.NONE):
            return False
        whole = self.intent is Intent.READING and self.mode is BodyMode.FULL_DUPLEX_STREAMED
        return self._facts.request_bytes > 0 and not whole

    # -- what does

    def _route(self, body: bytes, now: float) -> Routed:
        routed = route(self._plan, self._shared, self._facts, body, now)
        self.intent = Intent.DECIDED
        return routed

    def _decide(self, now: float) -> Effects:
        held, self._held = self._held, []
        body = held[0] if len(held) == 1 else b"".join(held)
        routed = self._route(body, now)
        steering, strips = routed.steering, self._facts.strips
        clear, metadata = steering is not None, steering.metadata if steering else None
        if self.mode in _AT_ONCE:
            if steering is not None and routed.body is None and not strips:
                return (steering.unchanged,)
            headers = routed.headers if routed.body is None else _with_length(routed.headers, routed.body)
            return (Proceed(Side.REQUEST, Phase.BODY, headers, routed.body, False, clear, None, metadata),)
        onward = body if routed.body is None else routed.body
        # Envoy drops the length of a body that it streams, and takes ours where it is allowed: the whole body is here.
        headers = routed.headers if "content-length" in strips else _with_length(routed.headers, onward)
        first = Proceed(Side.REQUEST, Phase.HEADERS, headers, clear_route=clear, metadata=metadata)
        if self.mode is BodyMode.STREAMED:
            return (first, *_one_for_each(len(held), routed.body))
        return (first, *_pieces(onward))

    def _decide_at_trailers(self, now: float) -> Effects:
        held, self._held = self._held, []
        body = b"".join(held)
        routed = self._route(body, now)
        clear, metadata = routed.steering is not None, routed.steering.metadata if routed.steering else None
        if self.mode is not BodyMode.FULL_DUPLEX_STREAMED:
            first = Proceed(Side.REQUEST, Phase.HEADERS, routed.headers, clear_route=clear, metadata=metadata)
            return (first, *_one_for_each(len(held), routed.body), *PASS_REQUEST_TRAILERS)
        # All of the body in the headers answer, so that a retry cannot send it twice. The trailers end here: no API
        # that we claim has a use for them.
        whole = body if routed.body is None else routed.body
        return (Proceed(Side.REQUEST, Phase.HEADERS, routed.headers, whole, True, clear, None, metadata),)


def too_large(plan: Plan) -> ClientError:
    """The refusal of a body over `limits.request_body`."""
    limit = plan.limits.request_body
    return ClientError(413, "request_too_large", f"The request body is larger than the limit of {limit} bytes.")


def _upgrades(fields: HeaderMap) -> bool:
    return "upgrade" in fields or ":protocol" in fields


def _exceeds(length: bytes, limit: int) -> bool:
    # By its digits first: a hostile number is not worth converting.
    return not length.isdigit() or len(length) > 15 or int(length) > limit


def _with_length(headers: HeaderMutation, body: bytes) -> HeaderMutation:
    return HeaderMutation(headers.set, headers.remove, (("content-length", b"%d" % len(body)),))


def _one_for_each(messages: int, changed: bytes | None) -> Effects:
    if changed is None:
        return PASS_REQUEST_BODY * messages
    cleared = Proceed(Side.REQUEST, Phase.BODY, body=b"")
    return (Proceed(Side.REQUEST, Phase.BODY, body=changed), *((cleared,) * (messages - 1)))


def _pieces(body: bytes) -> Effects:
    if len(body) <= CHUNK_BYTES:
        return (Chunk(Side.REQUEST, body, end=True),)
    starts = range(0, len(body), CHUNK_BYTES)
    return tuple(Chunk(Side.REQUEST, body[at : at + CHUNK_BYTES], end=at + CHUNK_BYTES >= len(body)) for at in starts)
