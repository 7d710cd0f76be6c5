"""The request side: what is asked for, and where it goes."""

from collections.abc import Sequence
from typing import Final, assert_never

from msgspec.structs import replace

from extproc import apis
from extproc.apis.asked import NOTHING_ASKED, Asked
from extproc.apis.seals.requests import TaggedMember
from extproc.inspection.verdict import Blocked
from extproc.protocol.effects import Chunk, HeaderMutation, Override, Phase, Proceed, Reject
from extproc.protocol.errors import ClientError
from extproc.protocol.headers import HeaderMap
from extproc.protocol.messages import Body, Headers, Side, Trailers
from extproc.protocol.modes import BodyMode, ModeOverride, ProtocolConfig, SendMode
from extproc.protocol.states import MessageKind, SideState, advance
from extproc.protocol.work import WorkResult
from extproc.transaction.answers import NOTHING, PASS_REQUEST_BODY, PASS_REQUEST_HEADERS, Effects
from extproc.transaction.auditing.capture import capture
from extproc.transaction.held import Held
from extproc.transaction.lanes import Intent, Lane
from extproc.transaction.mcp.requests import route_mcp
from extproc.transaction.memory import Memory
from extproc.transaction.plan import Plan
from extproc.transaction.requests.admission import too_large, upgrades
from extproc.transaction.requests.confining import check_region
from extproc.transaction.requests.noting import note_judged, note_refused
from extproc.transaction.requests.onward import (
    AT_ONCE,
    Routed,
    route,
    send,
    send_unread,
    send_with_trailers,
    trailers_without,
    unrouted,
    with_endpoints,
)
from extproc.transaction.requests.opened_body import Judged, Refusal
from extproc.transaction.requests.opening import OPENED_BYTES, Opening
from extproc.transaction.requests.passage import without_key_protocols
from extproc.transaction.requests.picks import PickEdits, model_at, picked, with_metadata
from extproc.transaction.requests.request_headers import admit
from extproc.transaction.responses.pending import PendingJudgement
from extproc.transaction.responses.recoding import Recoded, Recoding, swells
from extproc.transaction.shared import Shared
from extproc.transaction.steering.misconfigured import MisconfiguredError

_REQUEST: Final = Side.REQUEST
_UNTOLD: Final = ProtocolConfig()


class RequestSide:
    """Reads a request until its destination is known. Raises ClientError for what the client is to be told.

    Each method returns what is to be done, work included. While such work is handed out, nothing else may be fed until
    `judged` was given its result.
    """

    __slots__ = (
        "_config",
        "_held",
        "_holding",
        "_kept",
        "_memory",
        "_most",
        "_opening",
        "_passage",
        "_plan",
        "_routed",
        "_shared",
        "_trailers",
        "intent",
        "lane",
        "mode",
        "state",
        "unproven",
    )

    def __init__(self, plan: Plan, shared: Shared, memory: Memory) -> None:
        self._plan = plan
        self._shared = shared
        self._memory = memory
        self._held: list[bytes] = []
        self._config = _UNTOLD
        self._holding: Held | None = None
        self._kept: Held | None = None  # what the response is judged by
        self._most = 0  # bytes of a body, as it comes, beyond which it is not read
        self._opening: Opening | None = None
        self._passage = plan.unsteered
        self._trailers = False
        self._routed: Routed | None = None
        self.intent = Intent.PASSING
        self.lane = Lane.READ
        self.mode = BodyMode.NONE
        self.state = SideState.IDLE
        self.unproven = False  # an override was asked for, and nothing shows yet that Envoy took it

    @property
    def may_answer(self) -> bool:
        """True if Envoy waits for an answer of ours, so that one may be given although no message just came."""
        return self.intent is Intent.READING and (self.mode not in AT_ONCE or self._memory.handed.waits(_REQUEST))

    def configure(self, config: ProtocolConfig) -> None:
        """Takes the modes that the first message of the exchange tells of."""
        self.mode = config.request_body
        self._config = config

    def headers(self, message: Headers) -> Effects:
        """Says what the request is, and holds its headers where the body may decide about them."""
        self.state = advance(
            self.mode, self.state, MessageKind.HEADERS_END if message.end else MessageKind.HEADERS, _REQUEST
        )
        memory = self._memory
        admitted = admit(self._plan, self._shared, memory, self._config, message)
        if isinstance(admitted, Reject):
            return (admitted,)
        self._passage = admitted.passage
        if not admitted.reads:
            return self._pass(admitted.fields, end=message.end)
        self._opening = Opening(self._plan, memory, admitted.fields, admitted.route_name)
        self._most = self._plan.limits.request_body
        if memory.claimed is None and memory.findings is not None:  # whoever claims it must read all, for its model
            self._most = min(self._most, memory.findings.pipeline.body_limit)
        self.intent = Intent.READING
        if memory.findings is not None and memory.findings.pipeline.eager:
            # Only an Envoy that is configured for the policy is sure to show the response, which is to be held.
            memory.handed.eager = memory.known and not memory.observed and not self._plan.reads.findings
        return self._ask_for_body()

    def body(self, message: Body, now: float) -> Effects:
        """Collects what decides, passes on what does not."""
        data, before = message.data, self.state
        if before is SideState.IDLE:
            raise MisconfiguredError("request_header_mode")
        event = (MessageKind.BODY_END if data else MessageKind.EMPTY_END) if message.end else MessageKind.BODY
        self.state = advance(self.mode, before, event, _REQUEST)
        if self.unproven:
            self._shared.overridden.add(self._memory.configuration)
            self.unproven = False
        self._memory.request_bytes += len(data)
        if self.intent is not Intent.READING:
            return self._pass_body(message, repeated=before is SideState.DONE)
        self._held.append(data)
        if self._memory.request_bytes > self._most:
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
        self.state = advance(self.mode, before, MessageKind.TRAILERS, _REQUEST)
        self.unproven = False
        self._refuse_trailers()
        keys = self._plan.credentials(message.fields)
        if self.intent is not Intent.READING:
            return self._pass_trailers(keys)
        self._memory.keys += keys
        self._trailers = True
        return self._judge(now)

    def judged(self, result: WorkResult, now: float) -> Effects:
        """Goes on with what became of the body."""
        match result:
            case Judged(opened=opened, asked=asked):
                return self._route(asked, opened.plain, result, now)
            case Refusal():
                raise note_refused(self._memory, result)
            case Recoded(body=body):
                assert self._routed is not None, "it was routed before it was encoded again"
                return self._go_on(replace(self._routed, body=body))
        assert self._plan.budgets is not None, type(result).__name__
        assert self._routed is not None, "it was routed before it was counted"
        self._plan.budgets.take(self._shared, self._memory, result, now)
        return self._finish(self._routed, now)

    def gone(self) -> None:
        """The exchange is over: nothing is held for it any more."""
        for each in (self._holding, self._kept):
            if each is not None:
                each.clear()
        self._memory.asked = NOTHING_ASKED

    # -- headers

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
            self._config.response_body if streams else None, upgrade=fields if upgrades(fields) else None
        )

    def _pass_headers(self, response: BodyMode | None, upgrade: HeaderMap | None) -> Effects:
        passage, strips = self._passage, self._memory.strips
        named = () if upgrade is None else without_key_protocols(passage.destination, upgrade)
        edits = metadata = None
        if self._plan.pools is not None:
            edits = self._pick(None, "", self._memory.started)
        if edits is not None:
            named, metadata = (*named, edits.field), with_metadata(passage.metadata, edits)
        more = HeaderMutation(remove=strips, more=named) if strips or named else None
        return (passage.answer(more, response, rematch=self._memory.spoofed, metadata=metadata),)

    def _pick(self, body: bytes | None, model: str, now: float) -> PickEdits | None:
        """Pick the endpoints of a request that goes on; None where there is no pool for it. Raises ClientError."""
        return None if self._plan.pools is None else picked(self._plan, self._shared, self._memory, body, model, now)

    def _hold_headers(self) -> Effects:
        """Lets the headers of a body that is read go on, without `strips`; other changes are said with the body."""
        return (Proceed(_REQUEST, Phase.HEADERS, HeaderMutation(remove=self._memory.strips)),)

    def _ask_for_body(self) -> Effects:
        match self.mode:
            case BodyMode.BUFFERED:
                return self._hold_headers() if self._memory.strips else PASS_REQUEST_HEADERS
            case BodyMode.FULL_DUPLEX_STREAMED:
                return NOTHING
            case BodyMode.STREAMED | BodyMode.NONE:
                return NOTHING if self._config.body_early else self._switch_to_duplex()
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
        return (Override(ModeOverride(self.mode, self._config.response_body, request_trailers=SendMode.SEND)),)

    # -- what does not decide

    def _pass_body(self, message: Body, *, repeated: bool) -> Effects:
        if self.mode is not BodyMode.FULL_DUPLEX_STREAMED:
            return PASS_REQUEST_BODY
        if repeated or not (message.data or message.end):
            return NOTHING
        return (Chunk(_REQUEST, message.data, message.end),)

    def _pass_trailers(self, keys: tuple[str, ...]) -> Effects:
        """Lets trailers go on without what the client's credentials could stand in; `keys` are those that came."""
        destination = self._memory.destination
        meant = destination is not None and destination.removes is None  # the client's own is for the backend
        return trailers_without(() if meant else (*(self._plan.table.removes or ()), *keys))

    def _refuse_trailers(self) -> None:
        # Envoy 1.40 (#36119): a route's retry after request trailers sends a streamed body a second time.
        if self._plan.rejects_trailers:
            raise ClientError(400, "request_trailers", "Request trailers are not supported here; send none.")

    def _oversize(self, message: Body) -> Effects:
        """Lets a body go on that is too large to be read, or refuses it."""
        memory, findings = self._memory, self._memory.findings
        if memory.claimed is not None:
            raise too_large(self._most)
        if findings is not None:
            if findings.blocks_oversize:
                findings.blocked = Blocked(findings.pipeline.name, "oversize")
                raise too_large(self._most)
            findings.saw("size")
        if self._plan.confines:
            check_region(self._plan, memory, self._passage.destination)
        held, self._held = self._held, []
        self.gone()
        memory.asked = None
        self.intent, memory.reason = Intent.PASSING, "oversize"
        if findings is not None:
            memory.strips = (*memory.strips, *findings.strips)
        edits = self._pick(None, "", memory.started)
        return send_unread(self.mode, memory, self._passage, held, edits, end=message.end)

    # -- what decides

    def _judge(self, now: float) -> Effects:
        """The body is whole: has it read and judged, here or in another thread."""
        plan, memory, opening, held = self._plan, self._memory, self._opening, self._held
        assert opening is not None
        opening.body = body = held[0] if len(held) == 1 else b"".join(held)
        known = memory.mcp is None and not opening.codings and len(body) <= OPENED_BYTES
        if known and memory.findings is None and not plan.reads.body:  # as most are that nobody judges
            claimed = memory.claimed
            asked = None if claimed is None or plan.inert else claimed.api.read_request(body, claimed)
            sealed = () if asked is None else opening.sealed_at_once()
            if sealed is not None:
                return self._route(asked, body, None, now, sealed)
        result = opening.at_once()
        if memory.handed.eager and (early := memory.handed.going_on(result, now)) is not None:
            return (*early[0], *self.judged(early[1], now))
        if result is None or isinstance(result, PendingJudgement):
            self._hold(len(body) - (self._holding.size if self._holding is not None else 0))
            return memory.handed.order(_REQUEST, result or opening, now)
        if isinstance(result, Refusal):
            raise note_refused(memory, result)
        return self._route(result.asked, result.opened.plain, result, now)

    def _hold(self, size: int) -> None:
        if self._holding is None:
            self._holding = Held(self._shared)
        self._holding.add(size, self._plan.limits.held)

    def _keep(self, wanted: Asked | None) -> None:
        """Keep what the response is judged by until the exchange is over. Raises ClientError if there is no room."""
        self._memory.asked = None
        if wanted is not None:
            self._kept = Held(self._shared)
            self._kept.add(wanted.size, self._plan.limits.held)
            self._memory.asked = wanted

    def _route(
        self,
        asked: apis.Request | None,
        plain: bytes,
        judged: Judged | None,
        now: float,
        sealed: Sequence[TaggedMember] = (),
    ) -> Effects:
        """Write down what became of the body, and choose where it goes. `judged` is None where nobody judges it.

        `sealed`: the values in it that only one provider can read, where `judged` does not tell.
        """
        memory, changed, calls = self._memory, None, None
        if asked is not None:  # recorded whatever becomes of the body
            memory.stream = asked.stream
            if memory.counting is not None:
                memory.counting.takes(asked.model, plain)
            memory.model = asked.model if asked.model in self._plan.known else None
        if judged is not None:
            changed, calls = note_judged(memory, judged, plain), judged.opened.calls
            if memory.findings is not None and memory.findings.pipeline.asks:
                self._keep(judged.wanted)
        if calls is not None:
            routed = route_mcp(self._plan, self._shared, memory, calls.messages, changed, now)
        elif memory.claimed is None or asked is None:
            routed = unrouted(self._plan, memory, self._passage, changed)
        else:
            sealed = sealed if judged is None else judged.sealed
            coded = self._opening is not None and bool(self._opening.codings)
            routed = route(self._plan, self._shared, memory, asked, plain, changed, sealed, now, coded=coded)
        if self._plan.audit is not None and self._plan.audit.captures:
            capture(self._plan.audit, memory, plain if routed.body is None else routed.body)
        if self._plan.pools is not None:
            routed = with_endpoints(routed, self._pick(routed.body or plain, model_at(memory, asked), now))
        if self._plan.budgets is not None and calls is None and asked is not None:
            waiting = self._plan.budgets.reserve(self._shared, memory, asked, plain, now)
            if waiting is not None:
                self._routed = routed
                return memory.handed.order(_REQUEST, waiting, now)
        return self._finish(routed, now)

    def _finish(self, routed: Routed, now: float) -> Effects:
        """Send a request on whose backend is chosen, in its encodings if it has to have them."""
        if routed.body is not None and self._opening is not None and self._opening.codings:
            return self._recode(self._opening, routed, routed.body, now)
        return self._go_on(routed)

    def _recode(self, opening: Opening, routed: Routed, changed: bytes, now: float) -> Effects:
        """Sends a body on that was decoded and changed: without its encodings, or in them if it is much larger so."""
        if not swells(changed, opening.body):
            return self._go_on(replace(routed, headers=routed.headers.removing("content-encoding")))
        self._routed = routed
        return self._memory.handed.order(_REQUEST, Recoding(opening.name, changed, opening.codings), now)

    def _go_on(self, routed: Routed) -> Effects:
        opening, held = self._opening, len(self._held)
        assert opening is not None
        self._held, self._opening, self._routed = [], None, None
        if self._holding is not None:
            self._holding.clear()
        self.intent = Intent.DECIDED
        if self._memory.spending is not None:
            self._memory.spending.sent = True
        if self._memory.signals is not None:
            self._memory.signals.forget_body()
        if self._trailers:
            return send_with_trailers(self.mode, routed, opening.body, held)
        return send(self.mode, routed, opening.body, held, self._memory.strips)
