"""The request side: what is asked for, and where it goes."""

from enum import Enum, auto
from typing import Final, assert_never

from msgspec.structs import replace

from extproc import llm
from extproc.inspection.judge import Job, Verdict
from extproc.inspection.pipeline import Pipeline
from extproc.inspection.verdict import Blocked
from extproc.llm import mcp
from extproc.llm.text import encodings
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
from extproc.transaction.context import context
from extproc.transaction.facts import Facts
from extproc.transaction.findings import Findings
from extproc.transaction.lanes import Lane
from extproc.transaction.pieces import pieces
from extproc.transaction.plan import Plan
from extproc.transaction.routed import Routed, route
from extproc.transaction.shared import Shared

INLINE_BYTES: Final = 16 * 1024
"""Largest body that is judged at once; what is larger goes to another thread. At 40 us a KiB it keeps other exchanges
waiting for less than a millisecond, which is what handing it over and back may cost under load."""

READ_ONLY: Final = frozenset({b"GET", b"HEAD", b"OPTIONS", b"DELETE"})
"""Methods that ask a model for nothing, also on a path that a dialect claims."""

_NO_FIELDS: Final = HeaderMap()
_UNKNOWN: Final = ("unknown",)
"""Codings that cannot be undone here."""

_AT_ONCE: Final = (BodyMode.BUFFERED, BodyMode.BUFFERED_PARTIAL)


@plain
class Intent(Enum):
    """What is to become of the request."""

    PASSING = auto()  # it goes on as it comes
    READING = auto()  # its body decides; nothing of it has gone on
    DECIDED = auto()  # its destination is known; what still comes is a formality


class RequestSide:
    """Reads a request until its destination is known. Raises ClientError for what the client is to be told.

    While `job` is not None, its body is being judged; nothing else may be fed until `judged` was told the verdict.
    """

    __slots__ = (
        "_asked",
        "_body",
        "_codings",
        "_early",
        "_facts",
        "_fields",
        "_held",
        "_plain",
        "_plan",
        "_response_mode",
        "_route_name",
        "_shared",
        "_trailers",
        "intent",
        "job",
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
        self._codings: tuple[str, ...] = ()
        self._fields = _NO_FIELDS
        self._route_name = ""
        self._asked: llm.Request | None = None
        self._body = self._plain = b""
        self._trailers = False
        self.job: Job | None = None
        self.intent = Intent.PASSING
        self.lane = Lane.READ
        self.mode = BodyMode.NONE
        self.state = State.IDLE

    @property
    def may_answer(self) -> bool:
        """Whether Envoy waits for an answer of ours, so that one may be given although no message just came."""
        return self.intent is Intent.READING and (self.mode not in _AT_ONCE or self.job is not None)

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
        claimed = claim.dialect is not None and (method not in READ_ONLY or _upgrades(fields))
        if claim.pipelines:
            self._take_pipeline(message)
        inspected = facts.findings is not None and facts.findings.pipeline.request is not None and not message.end
        if not inspected and (not claimed or plan.inert):
            return self._pass(fields)
        if claimed:
            facts.dialect = claim.dialect
            self._check(fields, method, empty=message.end)
        elif _upgrades(fields):
            return self._upgrade()
        facts.reason = "reading"
        self._codings = self._undone(fields)
        self._check_length(fields)
        self._fields = fields
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
        if self._facts.request_bytes > self._most():
            return self._oversize(message)
        if self.state is State.OPEN:
            return NOTHING
        if self.mode is BodyMode.BUFFERED_PARTIAL and not message.end:
            # What follows would bypass us; a body that cannot be read whole is not let through.
            raise too_large(self._most())
        return self._judge(now)

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
        self._trailers = True
        return self._judge(now)

    def judged(self, verdict: Verdict, now: float) -> Effects:
        """Goes on with what inspection says of the body."""
        self.job = None
        findings = self._facts.findings
        assert findings is not None
        findings.take(verdict)
        if verdict.blocked is not None:
            raise findings.refusal(verdict.blocked)
        if "findings" in findings.said:
            findings.said = {**findings.said, "findings": findings.facts()}
        return self._go_on(verdict.body, now)

    # -- headers

    def _take_pipeline(self, message: Headers) -> None:
        facts, claim = self._facts, self._facts.claim
        assert claim is not None
        self._route_name = message.attributes.get("xds.route_name", "") if self._plan.needs.route_name else ""
        found = self._plan.pipeline(claim, message.fields, self._route_name)
        if found is not None:
            facts.findings = Findings(found, detailed=self._shared.detailed)
            facts.findings.said = self._context(message.fields)

    def _context(self, fields: HeaderMap, body: bytes = b"") -> dict[str, object]:
        facts = self._facts
        assert facts.claim is not None
        assert facts.findings is not None
        return context(
            facts.findings.pipeline.facts,
            fields,
            path=facts.claim.path,
            route_name=self._route_name,
            asked=self._asked,
            rpc=facts.findings.rpc,
            body=body,
        )

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
            raise _upgrade_refused()
        if method != b"POST":
            raise ClientError(405, "method_not_allowed", "Use POST on this path.")
        if empty:
            raise ClientError(400, "empty_body", "The request has no body; send a JSON object.")

    def _upgrade(self) -> Effects:
        """An upgraded connection on a path of no dialect, which a pipeline is for: nobody could read it."""
        findings = self._facts.findings
        assert findings is not None
        if findings.pipeline.blocks_unread:
            raise _upgrade_refused()
        findings.unread["upgrade"] += 1
        return self._pass(self._fields, upgrades=True)

    def _undone(self, fields: HeaderMap) -> tuple[str, ...]:
        """The codings to be undone before the body can be read."""
        given = fields.getall("content-encoding")
        if not given:
            return ()
        try:
            return encodings.codings(b",".join(given).decode("latin-1"))
        except encodings.UnknownEncodingError:
            if self._facts.dialect is not None:
                message = "This content-encoding is not supported; use gzip, or none."
                raise ClientError(415, "unsupported_encoding", message) from None
            return _UNKNOWN

    def _check_length(self, fields: HeaderMap) -> None:
        length = fields.get("content-length")
        findings = self._facts.findings
        if length is None:
            return
        if _exceeds(length, self._plan.limits.request_body) and self._facts.dialect is not None:
            raise too_large(self._plan.limits.request_body)
        blocks = findings is not None and findings.pipeline.request is not None and findings.pipeline.blocks_oversize
        if findings is not None and blocks and _exceeds(length, findings.pipeline.body_limit):
            findings.blocked = Blocked(findings.pipeline.name, "oversize")
            raise too_large(findings.pipeline.body_limit)

    def _pass(self, fields: HeaderMap, *, upgrades: bool = False) -> Effects:
        """Lets the request go on as it comes."""
        # In streamed modes it matters for the trailers whether there was a body: there it is looked at.
        if self.mode is BodyMode.BUFFERED:
            self.lane = Lane.PASS
        # The body of an upgraded connection has no end, so an Envoy that waits for it would pass nothing on.
        endless = self.mode in _AT_ONCE and (upgrades or _upgrades(fields))
        self._keep_answer_readable()
        return self._pass_headers(ModeOverride(BodyMode.NONE, self._response_mode) if endless else None)

    def _keep_answer_readable(self) -> None:
        findings = self._facts.findings
        if findings is not None and findings.reads_answer:
            # Envoy cannot decode an answer before we see it (#21205), so the upstream is not asked to encode it.
            self._facts.strips = (*self._facts.strips, "accept-encoding")

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

    # -- how much is read

    def _most(self) -> int:
        """Bytes of a body, as it comes, beyond which it is not read."""
        most = self._plan.limits.request_body
        if self._facts.dialect is not None:
            return most  # whoever claims it must read all of it, for its model
        assert self._facts.findings is not None
        return min(most, self._facts.findings.pipeline.body_limit)

    def _oversize(self, message: Body) -> Effects:
        findings = self._facts.findings
        if self._facts.dialect is not None or findings is None or findings.pipeline.blocks_oversize:
            raise self._too_much()
        findings.unread["size"] += 1
        held, self._held = self._held, []
        self.intent, self._facts.reason = Intent.PASSING, "oversize"
        self._keep_answer_readable()
        headers = HeaderMutation(remove=self._facts.strips)
        if self.mode in _AT_ONCE:
            return (Proceed(Side.REQUEST, Phase.BODY, headers),)
        first = Proceed(Side.REQUEST, Phase.HEADERS, headers)
        if self.mode is BodyMode.STREAMED:
            return (first, *_one_for_each(len(held), None))
        return (first, *pieces(Side.REQUEST, b"".join(held), end=message.end))

    def _too_much(self) -> ClientError:
        findings = self._facts.findings
        if findings is not None and self._facts.dialect is None:
            findings.blocked = Blocked(findings.pipeline.name, "oversize")
        return too_large(self._most())

    # -- what is judged

    def _judge(self, now: float) -> Effects:
        held = self._held
        body = self._body = held[0] if len(held) == 1 else b"".join(held)
        plain = self._plain = self._decoded(body) if self._codings else body
        facts = self._facts
        if facts.dialect is not None and not self._plan.inert:
            self._asked = facts.dialect.read(plain)
        if facts.findings is None or facts.findings.pipeline.request is None:
            return self._go_on(plain, now)
        job = self._job(facts.findings, facts.findings.pipeline, plain)
        if job is None:
            return self._go_on(plain, now)
        if len(plain) <= INLINE_BYTES:
            return self.judged(job.run(), now)
        self.job = job
        return NOTHING

    def _decoded(self, body: bytes) -> bytes:
        findings = self._facts.findings
        limit = self._plan.limits.request_body
        try:
            if self._codings is _UNKNOWN:
                raise encodings.UnknownEncodingError("")
            return encodings.decode(body, self._codings, limit)
        except encodings.DecodedTooLargeError:
            if findings is None or findings.pipeline.blocks_oversize or self._facts.dialect is not None:
                raise too_large(limit) from None
            findings.unread["size"] += 1
        except encodings.EncodingError:
            if self._facts.dialect is not None:
                message = "The body is not what its content-encoding says."
                raise ClientError(400, "malformed_encoding", message) from None
            assert findings is not None
            findings.unread["encoding"] += 1
            if findings.pipeline.blocks_unread:
                findings.blocked = Blocked(findings.pipeline.name, "uninspected")
                raise findings.refusal(findings.blocked) from None
        return b""

    def _job(self, findings: Findings, pipeline: Pipeline, plain: bytes) -> Job | None:
        """What is to be done about the body; None where nothing of it is to be read."""
        if len(plain) > pipeline.body_limit:
            if pipeline.blocks_oversize:
                findings.blocked = Blocked(pipeline.name, "oversize")
                raise too_large(pipeline.body_limit)
            findings.unread["size"] += 1
            return None
        if not plain and self._body:
            return None  # it could not be decoded, and may go on
        if self._facts.dialect is None:
            findings.rpc = mcp.read(plain)
        findings.said = self._context(self._fields, plain)
        # A dialect's body is JSON, whatever it is said to be.
        kind = "application/json" if self._facts.dialect is not None else self._fields.text("content-type")
        return Job(
            pipeline.name,
            pipeline.request,
            plain,
            kind,
            findings.said,
            findings.vault,
            pipeline.blocks_unread,
            detailed=findings.details is not None,
        )

    # -- what decides

    def _go_on(self, judged: bytes, now: float) -> Effects:
        """Sends the body on, `judged` being what inspection made of it."""
        facts = self._facts
        if facts.dialect is None or self._asked is None:
            facts.reason = "inspected"
            if facts.findings is not None and facts.findings.masked:
                facts.decision = "masked"
            self._keep_answer_readable()
            routed = Routed(HeaderMutation(remove=facts.strips), None, None)
        else:
            if judged is not self._plain:
                self._asked = facts.dialect.read(judged)
            self._keep_answer_readable()
            routed = route(self._plan, self._shared, facts, self._asked, judged, now)
        changed = judged if routed.body is None and judged is not self._plain else routed.body
        if changed is not None and self._codings:
            # What was decoded and changed goes on as it is.
            routed = replace(routed, headers=_also_removing(routed.headers, "content-encoding"))
        body, held = self._body, len(self._held)
        self.intent = Intent.DECIDED
        self._body = self._plain = b""
        self._held = []
        self._fields = _NO_FIELDS
        return self._answer(routed, body, changed, held)

    def _answer(self, routed: Routed, body: bytes, changed: bytes | None, held: int) -> Effects:
        """The answers to all that came of a body; `changed` is what goes on in its place."""
        steering, strips = routed.steering, self._facts.strips
        clear, metadata = steering is not None, steering.metadata if steering else None
        if self._trailers:
            return self._answer_with_trailers(routed, body, changed, held)
        if self.mode in _AT_ONCE:
            if steering is not None and changed is None and not strips:
                return (steering.unchanged,)
            headers = routed.headers if changed is None else _with_length(routed.headers, changed)
            return (Proceed(Side.REQUEST, Phase.BODY, headers, changed, False, clear, None, metadata),)
        onward = body if changed is None else changed
        # Envoy drops the length of a body that it streams, and takes ours where it is allowed: the whole body is here.
        headers = routed.headers if "content-length" in strips else _with_length(routed.headers, onward)
        first = Proceed(Side.REQUEST, Phase.HEADERS, headers, clear_route=clear, metadata=metadata)
        if self.mode is BodyMode.STREAMED:
            return (first, *_one_for_each(held, changed))
        return (first, *pieces(Side.REQUEST, onward))

    def _answer_with_trailers(self, routed: Routed, body: bytes, changed: bytes | None, held: int) -> Effects:
        clear, metadata = routed.steering is not None, routed.steering.metadata if routed.steering else None
        if self.mode is not BodyMode.FULL_DUPLEX_STREAMED:
            first = Proceed(Side.REQUEST, Phase.HEADERS, routed.headers, clear_route=clear, metadata=metadata)
            return (first, *_one_for_each(held, changed), *PASS_REQUEST_TRAILERS)
        # All of the body in the headers answer, so that a retry cannot send it twice. The trailers end here: no API
        # that we claim has a use for them.
        whole = body if changed is None else changed
        return (Proceed(Side.REQUEST, Phase.HEADERS, routed.headers, whole, True, clear, None, metadata),)


def too_large(limit: int) -> ClientError:
    """The refusal of a body over `limit` bytes."""
    return ClientError(413, "request_too_large", f"The request body is larger than the limit of {limit} bytes.")


def _upgrade_refused() -> ClientError:
    return ClientError(400, "upgrade_not_supported", "A connection upgrade is not possible on this path.")


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


def _also_removing(headers: HeaderMutation, name: str) -> HeaderMutation:
    return HeaderMutation(headers.set, (*headers.remove, name), headers.more)
