"""The request side: what is asked for, and where it goes."""

from enum import Enum, auto
from typing import assert_never, cast

from msgspec.structs import replace

from extproc.inspection.verdict import Blocked
from extproc.protocol.effects import Chunk, HeaderMutation, Override, Phase, Proceed
from extproc.protocol.enums import plain
from extproc.protocol.errors import ClientError
from extproc.protocol.headers import HeaderMap
from extproc.protocol.messages import Body, Headers, Side, Trailers
from extproc.protocol.modes import BodyMode, ModeOverride, ProtocolConfig, SendMode
from extproc.protocol.states import MessageKind, SideState, advance
from extproc.transaction.admission import (
    READ_ONLY,
    check_claimed,
    crowded,
    exceeds,
    too_large,
    too_many_headers,
    upgrade_refused,
    upgrades,
)
from extproc.transaction.answers import (
    NOTHING,
    PASS_REQUEST_BODY,
    PASS_REQUEST_HEADERS,
    Effects,
    answer,
)
from extproc.transaction.astray import check_steered
from extproc.transaction.held import Held
from extproc.transaction.lanes import Lane
from extproc.transaction.memory import Memory
from extproc.transaction.misconfigured import MisconfiguredError, check_line, hands_over, mistaken
from extproc.transaction.onward import AT_ONCE, one_for_each, pieces, send, send_with_trailers, trailers_without
from extproc.transaction.opening import Judged, OpenedBody, Opening, Refusal
from extproc.transaction.passage import Forwarding, without_key_protocols
from extproc.transaction.pending import PendingJudgement
from extproc.transaction.plan import Plan
from extproc.transaction.recoding import Recoded, Recoding
from extproc.transaction.request_body import Intake, begin_signals, take_pipeline
from extproc.transaction.routed import Routed
from extproc.transaction.shared import Shared


@plain
class Intent(Enum):
    """The transaction's plan for the request."""

    PASSING = auto()  # it goes on as it comes
    READING = auto()  # its body decides; nothing of it has gone on
    DECIDED = auto()  # its destination is known; what still comes is a formality


class RequestSide:
    """Reads a request until its destination is known. Raises ClientError for what the client is to be told.

    While `job` is not None, its body is being worked on; nothing else may be fed until `judged` was told the result.
    """

    __slots__ = (
        "_config",
        "_early",
        "_held",
        "_holding",
        "_intake",
        "_memory",
        "_passage",
        "_plan",
        "_response_mode",
        "_routed",
        "_shared",
        "_trailers",
        "intent",
        "job",
        "lane",
        "mode",
        "state",
        "unproven",
    )

    def __init__(self, plan: Plan, shared: Shared, memory: Memory) -> None:
        self._plan = plan
        self._shared = shared
        self._memory = memory
        self._early = False
        self._held: list[bytes] = []
        self._config: ProtocolConfig | None = None
        self._holding: Held | None = None
        self._response_mode = BodyMode.NONE
        self._intake: Intake | None = None
        self._passage = plan.unsteered
        self._trailers = False
        self._routed: Routed | None = None
        self.job: Opening | OpenedBody | Recoding | PendingJudgement[Judged | Refusal] | None = None
        self.intent = Intent.PASSING
        self.lane = Lane.READ
        self.mode = BodyMode.NONE
        self.state = SideState.IDLE
        self.unproven = False  # an override was asked for, and nothing shows yet that Envoy took it

    @property
    def may_answer(self) -> bool:
        """True if Envoy waits for an answer of ours, so that one may be given although no message just came."""
        return self.intent is Intent.READING and (self.mode not in AT_ONCE or self.job is not None)

    def configure(self, config: ProtocolConfig) -> None:
        """Takes the modes that the first message of the exchange tells of."""
        self.mode = config.request_body
        self._response_mode = config.response_body
        self._early = config.body_early
        self._config = config

    def headers(self, message: Headers) -> Effects:
        """Says what the request is, and holds its headers where the body may decide about them."""
        self.state = advance(
            self.mode, self.state, MessageKind.HEADERS_END if message.end else MessageKind.HEADERS, Side.REQUEST
        )
        fields = message.fields
        plan, memory = self._plan, self._memory
        memory.identify(fields.get("x-request-id"))
        memory.strips = plan.control_headers(fields)
        memory.keys = plan.credentials(fields)
        memory.path = fields.get(":path") or b""
        claim = memory.claim = plan.claim(memory.path)
        if not memory.known:
            if memory.configuration:
                raise mistaken(plan, memory.configuration)
            memory.first_cluster = message.attributes.get("xds.cluster_name")
        method = fields.get(":method") or b""
        check_line(method, memory.path)
        if claim.models is not None and method in (b"GET", b"HEAD"):
            return self._models(claim.models, fields)
        claimed = claim.claimed is not None and (method not in READ_ONLY or upgrades(fields))
        route_name = begin_signals(plan, memory, message)
        if claim.pipelines:
            self._take_pipeline(message, route_name)
        if not claimed:
            self._passage = self._onward(fields)
        inspected = memory.findings is not None and memory.findings.reads_request and not message.end
        if crowded(message) and (self._passage.destination is not None or (claimed and not plan.inert)):
            memory.teller = None if claim.claimed is None else claim.claimed.api
            raise too_many_headers()
        if not inspected and (not claimed or plan.inert):
            if memory.keys:
                memory.strip_keys(plan.table.removes)
            return self._pass(fields, end=message.end)
        if claimed:
            memory.claimed = claim.claimed
            check_claimed(fields, method, empty=message.end)
        elif upgrades(fields):
            return self._upgrade(fields)
        memory.reason = "reading"
        self._check_length(fields)
        self._intake = Intake(plan, memory, fields, route_name, self._passage)
        self.intent = Intent.READING
        return self._ask_for_body()

    def body(self, message: Body, now: float) -> Effects:
        """Collects what decides, passes on what does not."""
        data, before = message.data, self.state
        if before is SideState.IDLE:
            raise MisconfiguredError("request_header_mode")
        event = (MessageKind.BODY_END if data else MessageKind.EMPTY_END) if message.end else MessageKind.BODY
        self.state = advance(self.mode, before, event, Side.REQUEST)
        if self.unproven:
            self._shared.overridden.add(self._memory.configuration)
            self.unproven = False
        self._memory.request_bytes += len(data)
        if self.intent is not Intent.READING:
            return self._pass_body(message, repeated=before is SideState.DONE)
        self._held.append(data)
        if self._memory.request_bytes > self._most():
            return self._oversize(message)
        if self.state is SideState.OPEN:
            self._hold(len(data))
            return NOTHING
        if self.mode is BodyMode.BUFFERED and not message.end:
            self._refuse_trailers()  # they follow, whether or not Envoy shows them to us
        return self._judge(now)

    def trailers(self, message: Trailers, now: float) -> Effects:
        """Ends the request, where a body's end mark did not."""
        before = self.state
        if before is SideState.IDLE:
            raise MisconfiguredError("request_header_mode")
        self.state = advance(self.mode, before, MessageKind.TRAILERS, Side.REQUEST)
        self.unproven = False
        self._refuse_trailers()
        keys = self._plan.credentials(message.fields)
        if self.intent is not Intent.READING:
            return self._pass_trailers(keys)
        self._memory.keys += keys
        self._trailers = True
        return self._judge(now)

    # -- headers

    def _take_pipeline(self, message: Headers, route_name: str) -> None:
        """Finds the pipeline that is for the request, and sees to it that responses can be read where it wants that."""
        memory = self._memory
        take_pipeline(self._plan, memory, message, route_name, detailed=self._shared.detailed)
        assert self._config is not None, "the first message of an exchange tells it"
        if memory.findings is not None and memory.findings.pipeline.reads_response and not hands_over(self._config):
            error = MisconfiguredError("response_body_mode")
            if memory.findings.pipeline.enforces_response:
                raise error
            memory.note(error.what, error.detail)

    def _models(self, name: str, fields: HeaderMap) -> Effects:
        registry = self._plan.apis
        family = registry.family_of(fields) or registry.default
        names = self._plan.table.names
        if name and name not in names:
            raise ClientError(
                404, "model_not_found", "The requested model does not exist; see GET /v1/models.", "model"
            )
        self._memory.decision, self._memory.reason = "allowed", "models"
        body = family.model_card(name, 0) if name else family.model_list(names, 0)
        return (answer(body, self._memory.request_id),)

    def _upgrade(self, fields: HeaderMap) -> Effects:
        """An upgraded connection on a path of no API, which a pipeline is for: nobody could read it."""
        findings = self._memory.findings
        assert findings is not None
        if findings.pipeline.blocks_unread and findings.judges_request:
            raise upgrade_refused()
        findings.saw("upgrade")
        return self._pass(fields, end=False)

    def _check_length(self, fields: HeaderMap) -> None:
        findings, most = self._memory.findings, self._plan.limits.request_body
        if self._memory.claimed is not None and exceeds(fields, most):
            raise too_large(most)
        if findings is not None and findings.blocks_oversize and exceeds(fields, findings.pipeline.body_limit):
            findings.blocked = Blocked(findings.pipeline.name, "oversize")
            raise too_large(findings.pipeline.body_limit)

    def _onward(self, fields: HeaderMap) -> Forwarding:
        """Return where a request goes that no API claims. Raises ClientError where nothing is served.

        A pipeline that is for it says that somebody serves it: then Envoy's routes decide.
        """
        memory, plan = self._memory, self._plan
        passage = plan.passage(memory.path, known=memory.known) or (None if memory.findings is None else plan.unsteered)
        if passage is None:
            assert memory.claim is not None
            claimed = memory.claim.claimed
            memory.teller = claimed.api if claimed is not None else plan.apis.family_of(fields)
            raise ClientError(404, "not_found", "Nothing is served under this path.")
        if passage.destination is not None:
            check_steered(plan, self._shared, memory, passage.destination)
        memory.destination = passage.destination
        if memory.keys:
            memory.strip_keys(plan.table.removes if passage.destination is None else passage.destination.removes)
        return passage

    def _pass(self, fields: HeaderMap, *, end: bool) -> Effects:
        """Lets the request go on as it comes; Envoy is told not to wait for the end of its body."""
        if self.mode is BodyMode.BUFFERED:
            # An Envoy that allows no override sends the body all the same. In streamed modes it matters for the
            # trailers whether there was one: there it is looked at.
            self.lane = Lane.PASS
        streams = self.mode in AT_ONCE and not end
        if streams:
            self._memory.request_mode = BodyMode.NONE
        if self._memory.findings is not None:
            self._memory.strips = (*self._memory.strips, *self._memory.findings.strips)
        return self._pass_headers(
            self._response_mode if streams else None, upgrade=fields if upgrades(fields) else None
        )

    def _pass_headers(self, response: BodyMode | None, upgrade: HeaderMap | None) -> Effects:
        passage, strips = self._passage, self._memory.strips
        named = () if upgrade is None else without_key_protocols(passage.destination, upgrade)
        more = HeaderMutation(remove=strips, more=named) if strips or named else None
        return (passage.answer(more, response),)

    def _hold_headers(self) -> Effects:
        """Lets the headers of a body that is read go on, without `strips`; other changes are said with the body."""
        return (Proceed(Side.REQUEST, Phase.HEADERS, HeaderMutation(remove=self._memory.strips)),)

    def _ask_for_body(self) -> Effects:
        match self.mode:
            case BodyMode.BUFFERED:
                return self._hold_headers() if self._memory.strips else PASS_REQUEST_HEADERS
            case BodyMode.FULL_DUPLEX_STREAMED:
                return NOTHING
            case BodyMode.STREAMED | BodyMode.NONE:
                return NOTHING if self._early else self._switch_to_duplex()
            case BodyMode.BUFFERED_PARTIAL | BodyMode.GRPC:
                # Partly buffered, the headers go on before the body is whole if that comes in pieces: the client
                # decides then whether its request is steered at all.
                raise MisconfiguredError("request_body_mode")
            case _:
                assert_never(self.mode)

    def _switch_to_duplex(self) -> Effects:
        # Envoy 1.40 takes this while the headers stay unanswered. One that does not take it is left without an answer
        # to its headers, and gives up: closed, never open.
        if self.mode is BodyMode.NONE:
            # From NONE, Envoy would keep the client's content-length beside a body of another length.
            self._memory.strips = (*self._memory.strips, "content-length")
        self.mode = BodyMode.FULL_DUPLEX_STREAMED
        self.unproven = self._memory.configuration not in self._shared.overridden
        return (Override(ModeOverride(self.mode, self._response_mode, request_trailers=SendMode.SEND)),)

    # -- what does not decide

    def _pass_body(self, message: Body, *, repeated: bool) -> Effects:
        if self.mode is not BodyMode.FULL_DUPLEX_STREAMED:
            return PASS_REQUEST_BODY
        if repeated or not (message.data or message.end):
            return NOTHING
        return (Chunk(Side.REQUEST, message.data, message.end),)

    def _pass_trailers(self, keys: tuple[str, ...]) -> Effects:
        """Lets trailers go on without what the client's credentials could stand in; `keys` are those that came."""
        destination = self._memory.destination
        meant = destination is not None and destination.removes is None  # the client's own is for the backend
        return trailers_without(() if meant else (*(self._plan.table.removes or ()), *keys))

    def _refuse_trailers(self) -> None:
        # Envoy 1.40 (#36119): a route's retry after request trailers sends a streamed body a second time.
        if self._plan.rejects_trailers:
            raise ClientError(400, "request_trailers", "Request trailers are not supported here; send none.")

    # -- how much is read

    def _most(self) -> int:
        """Bytes of a body, as it comes, beyond which it is not read."""
        most = self._plan.limits.request_body
        if self._memory.claimed is not None:
            return most  # whoever claims it must read all of it, for its model
        assert self._memory.findings is not None
        return min(most, self._memory.findings.pipeline.body_limit)

    def _oversize(self, message: Body) -> Effects:
        findings = self._memory.findings
        if self._memory.claimed is not None or findings is None or findings.blocks_oversize:
            raise self._too_much()
        findings.saw("size")
        held, self._held = self._held, []
        self.gone()
        self.intent, self._memory.reason = Intent.PASSING, "oversize"
        self._memory.strips = (*self._memory.strips, *findings.strips)
        headers = self._passage.changed(HeaderMutation(remove=self._memory.strips))
        clear = self._passage.destination is not None
        if self.mode in AT_ONCE:
            return (Proceed(Side.REQUEST, Phase.BODY, headers, clear_route=clear),)
        first = Proceed(Side.REQUEST, Phase.HEADERS, headers, clear_route=clear)
        if self.mode is BodyMode.STREAMED:
            return (first, *one_for_each(len(held), None))
        return (first, *pieces(Side.REQUEST, b"".join(held), end=message.end))

    def _too_much(self) -> ClientError:
        findings = self._memory.findings
        if findings is not None and self._memory.claimed is None:
            findings.blocked = Blocked(findings.pipeline.name, "oversize")
        return too_large(self._most())

    # -- what decides

    def _judge(self, now: float) -> Effects:
        """The body is whole: has it judged, here or in another thread."""
        intake, held = self._intake, self._held
        assert intake is not None
        body = held[0] if len(held) == 1 else b"".join(held)
        if intake.reads_at_once(body):
            return self._go_on(intake, intake.route(self._shared, None, now))
        work = intake.work(body)
        result = work.at_once()
        if result is not None and not isinstance(result, PendingJudgement):
            return self._route(intake, result, now)
        self._hold(len(work.body) - (self._holding.size if self._holding is not None else 0))
        self.job = result or work
        return NOTHING

    def _hold(self, size: int) -> None:
        if self._holding is None:
            self._holding = Held(self._shared)
        self._holding.add(size, self._plan.limits.held)

    def gone(self) -> None:
        """The exchange is over: nothing is held for it any more."""
        if self._holding is not None:
            self._holding.clear()

    def judged(self, result: object, now: float) -> Effects:
        """Goes on with what became of the body."""
        intake, self.job = self._intake, None
        assert intake is not None
        if type(result) is Recoded:
            assert self._routed is not None
            return self._go_on(intake, replace(self._routed, body=result.body))
        return self._route(intake, cast("Judged | Refusal", result), now)

    def _route(self, intake: Intake, result: Judged | Refusal, now: float) -> Effects:
        """Chooses where the body goes, and whether it is to be encoded again before."""
        routed = intake.route(self._shared, intake.settle(result), now)
        self.job = intake.recoding(routed)
        if self.job is None:
            return self._go_on(intake, intake.decoded(routed))
        self._routed = routed
        return NOTHING

    def _go_on(self, intake: Intake, routed: Routed) -> Effects:
        held = len(self._held)
        self._held, self._intake, self._routed = [], None, None
        if self._holding is not None:
            self._holding.clear()
        self.intent = Intent.DECIDED
        if self._memory.signals is not None:
            self._memory.signals.forget_body()
        if self._trailers:
            return send_with_trailers(self.mode, routed, intake.body, held)
        return send(self.mode, routed, intake.body, held, self._memory.strips)
