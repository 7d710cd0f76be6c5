"""One HTTP exchange, from Envoy's first message to its last. The only decider."""

from collections.abc import Sequence
from typing import Any, Final, cast

from extproc.inspection.verdict import Verdict
from extproc.protocol.effects import Abort, AbortCode, Effect
from extproc.protocol.errors import ClientError, ProtocolViolation
from extproc.protocol.messages import (
    Body,
    Deadline,
    Failed,
    Headers,
    Inspected,
    Message,
    Side,
    StreamClosed,
    Trailers,
    Unknown,
)
from extproc.protocol.modes import BodyMode, ProtocolConfig
from extproc.protocol.states import SideState
from extproc.routing.candidates import Choice, Destination
from extproc.routing.residency import Confinement
from extproc.routing.weighing import LeftOut
from extproc.transaction.answers import NOTHING, Effects
from extproc.transaction.auditing.trail import audited
from extproc.transaction.billing.counted import check_counted, settle, take
from extproc.transaction.billing.telling import cost_of
from extproc.transaction.findings import Findings
from extproc.transaction.held import Held
from extproc.transaction.lanes import Intent, Lane, Tap
from extproc.transaction.memory import Memory
from extproc.transaction.plan import Plan
from extproc.transaction.recording import record_of
from extproc.transaction.refusing import refused
from extproc.transaction.request import RequestSide
from extproc.transaction.requests.picks import over
from extproc.transaction.requests.weighed import note_closed
from extproc.transaction.response import ResponseSide
from extproc.transaction.shared import Shared
from extproc.transaction.steering.misconfigured import MisconfiguredError, check_order

GRACE: Final = 5.0
"""Seconds past `limits.request_timeout` after which a request whose body Envoy still buffers is aborted: Envoy's own
timeout of the same length comes first and tells the client; this one is for an Envoy that has none."""


PROOF_WITHIN: Final = 0.2
"""Seconds that the end of a stream waits where nothing has shown yet that Envoy took the override which the stream was
asked for by: one that did not has given the exchange up by then, within milliseconds. Once for each worker and Envoy,
and only for a stream that comes in one message."""

OBSERVING: Final = ProtocolConfig(BodyMode.FULL_DUPLEX_STREAMED, BodyMode.FULL_DUPLEX_STREAMED)
"""The configuration assumed if the first message states none, as in observability mode: nothing waits for a response
there, so that of each side as much is read as comes."""


# Members of an Enum are looked up slowly; these two for every message.
_RESPONSE: Final = Side.RESPONSE
_READING: Final = Intent.READING
_OPEN: Final = SideState.OPEN


class Transaction:
    """Takes messages, gives effects. Request and response are independent sides: either may speak first.

    `configuration` is the fingerprint that Envoy sent with the exchange, empty where it sent none. `deadline` is when
    the shell is to send `Deadline`, in its own clock's seconds. The one exception that leaves
    `receive` is ProtocolViolation; the shell then ends the stream with an error. Where a lane says that nobody reads a
    body, the shell may answer its pieces without asking.
    """

    __slots__ = (
        "_configured",
        "_held",
        "_memory",
        "_over",
        "_plan",
        "_refusal",
        "_request",
        "_response",
        "_shared",
        "_telling",
        "_told",
        "_waiting",
        "deadline",
        "request_lane",
        "response_lane",
        "tap",
    )

    def __init__(self, plan: Plan, shared: Shared, now: float, configuration: bytes = b"") -> None:
        self._plan = plan
        self._configured = False
        self._memory = Memory(now, configuration, known=configuration == plan.fingerprint)
        self._request = RequestSide(plan, shared, self._memory)
        self._response = ResponseSide(plan, shared, self._memory)
        self._shared = shared
        self._held: Held | None = None  # what waits of a response whose request is judged
        self._refusal: ClientError | None = None  # the client gets it in place of the response
        self._over = False
        self._telling = None if plan.told is None else plan.told.telling(plan.prices, self._memory)
        self._told = False
        self._waiting: dict[Side, list[Headers | Body | Trailers]] | None = None
        self.request_lane = Lane.READ
        self.response_lane = Lane.READ
        self.tap: Tap | None = None
        self.deadline = now + plan.limits.request_timeout

    @property
    def findings(self) -> Findings | None:
        """Return what inspection has come to; None where no pipeline is for the exchange."""
        return self._memory.findings

    @property
    def signals(self) -> dict[str, Any]:
        """The signals of the exchange that the policy reads, by name; None for what cannot be determined."""
        memory = self._memory
        read = {} if memory.signals is None else memory.signals.read(self._plan.recorded)
        return {**read, **memory.signal_values(), **memory.rule_signals}

    @property
    def choice(self) -> Choice | None:
        """The choice of a backend; None if none was made."""
        return self._memory.choice

    @property
    def destination(self) -> Destination | None:
        """The backend that gets the request, chosen or not; None where Envoy's own routes decide."""
        return self._memory.destination

    @property
    def confinement(self) -> Confinement | None:
        """The regions that the request may go to, if a rule of residency holds."""
        return self._memory.confinement

    @property
    def left(self) -> Sequence[LeftOut]:
        """The candidates that could not serve the request, if `Shared` is detailed."""
        return self._memory.left or ()

    def receive(self, message: Message, now: float) -> Effects:
        """Return what is to be done about `message`, which came at `now`."""
        if type(message) is StreamClosed:
            self._request.gone()
            self._response.gone()
            if self._held is not None:
                self._held.clear()
            return self._tell(now)
        if self._over:
            return NOTHING  # what Envoy had sent before our last word reached it
        try:
            return self._proceed(message, now)
        except ClientError as error:
            return (self._reject(error, now),)
        except ProtocolViolation:
            self._fail("protocol_violation")
            raise

    def _proceed(self, message: Message, now: float) -> Effects:
        # By class and not by pattern: this is what every message pays for.
        kind = type(message)
        if kind is Headers or kind is Body or kind is Trailers:
            of_a_side = cast("Headers | Body | Trailers", message)
            if not self._configured:
                self._configure(of_a_side.config)
            if self._memory.handed.open:
                return self._keep(of_a_side, now)
            return (
                self._on_response(of_a_side, now) if of_a_side.side is _RESPONSE else self._on_request(of_a_side, now)
            )
        if kind is Deadline:
            kept = self._kept_alive(now)
            return (self._expire(now),) if kept is None else kept
        if kind is Unknown:
            raise ProtocolViolation("a message of no known kind")
        return self._returned(cast("Inspected | Failed", message), now)

    def _configure(self, config: ProtocolConfig | None) -> None:
        """Takes what the first message tells of the filter's configuration."""
        self._configured = True
        if config is None:
            self._memory.observe()
            config = OBSERVING
        self._request.configure(config)
        self._response.configure(config)

    # -- work that was handed out

    def _keep(self, message: Headers | Body | Trailers, now: float) -> Effects:
        """A message while there is work: one for a side that waits for it has to wait as well."""
        side = message.side
        if side is _RESPONSE and self._memory.handed.early:
            return self._hold_back(message)
        if self._memory.handed.waits(side):
            effects = self._response.keeps(message) if side is _RESPONSE else NOTHING
            if effects is not None:
                if side is not _RESPONSE or not self._response.ended:
                    if self._waiting is None:
                        self._waiting = {}
                    self._waiting.setdefault(side, []).append(message)
                return effects
        return self._on_response(message, now) if side is _RESPONSE else self._on_request(message, now)

    def _returned(self, message: Inspected | Failed, now: float) -> Effects:
        """Take what became of work; the side that waits for it goes on with the result."""
        handed = self._memory.handed
        side, effects, result = handed.returned(message, now)
        if result is None:
            return effects if handed.late is None else (*effects, *self._concluded(handed.late, now))
        try:
            if side is _RESPONSE:
                judged = self._response.judged(result, now)
                effects += judged if self._telling is None else self._telling.ended(judged, now)
                self.response_lane = self._response.lane
            else:
                effects += self._request.judged(result, now)
                if self._request.intent is not _READING:
                    self.deadline = self._memory.started + self._plan.limits.exchange_timeout
        except ClientError as error:
            return (*effects, self._reject(error, now))
        if handed.waits(side):
            return effects  # what was judged is encoded again, or more of it is judged
        if self._response.withholds:
            self.deadline = now + PROOF_WITHIN
        for waiting in self._waiting.pop(side, ()) if self._waiting else ():
            effects += self._proceed(waiting, now)
        return effects

    # -- requests that go on before they are judged

    def _hold_back(self, message: Headers | Body | Trailers) -> Effects:
        """Keep a message of the response until the request is judged. Raises ClientError if there is no room."""
        if self._waiting is None:
            self._waiting = {}
        self._waiting.setdefault(_RESPONSE, []).append(message)
        if type(message) is Body:
            if self._held is None:
                self._held = Held(self._shared)
            self._held.add(len(message.data), self._plan.limits.held)
        return NOTHING

    def _concluded(self, verdict: Verdict, now: float) -> Effects:
        """The detectors of a request that has gone on have spoken: its response goes on, or is refused."""
        memory, findings = self._memory, self._memory.findings
        assert findings is not None, "it was judged"
        memory.handed.late = None
        findings.take(verdict)
        if self._held is not None:
            self._held.clear()
        waiting = self._waiting.pop(_RESPONSE, []) if self._waiting else []
        effects: Effects = NOTHING
        if verdict.blocked is not None:
            findings.forwarded = True
            self._refusal = findings.refusal(verdict.blocked)
        for each in waiting:
            if not self._over:
                effects += self.receive(each, now)
        return effects

    # -- the sides

    def _on_request(self, message: Headers | Body | Trailers, now: float) -> Effects:
        request = self._request
        if type(message) is Headers:
            effects = request.headers(message)
            if self._telling is not None:
                effects = self._telling.answered(effects, self._memory.started)
            if self._plan.stages or self._memory.mcp is not None:
                self._response.expect()
        elif type(message) is Body:
            effects = request.body(message, now)
        else:
            effects = request.trailers(cast("Trailers", message), now)
        self.request_lane = request.lane
        # Once a request needs no more reading, only the exchange as a whole is under a deadline.
        if request.intent is not _READING:
            self.deadline = self._memory.started + self._plan.limits.exchange_timeout
        elif not request.may_answer:
            self.deadline = self._memory.started + self._plan.limits.request_timeout + GRACE
        return effects

    def _on_response(self, message: Headers | Body | Trailers, now: float) -> Effects:
        response, telling = self._response, self._telling
        if type(message) is Body:
            effects = response.body(message, now)
            if telling is not None and (response.state is not _OPEN or response.ended):
                effects = telling.ended(effects, now)
            if response.withholds:
                self.deadline = now + PROOF_WITHIN
        elif type(message) is Headers:
            if self._refusal is not None:
                raise self._refusal
            if self._request.state is SideState.IDLE:
                check_order(message)
            effects = response.headers(message, now)
            self.response_lane, self.tap = response.lane, response.tap
            if response.alive is not None:
                self.deadline = min(self.deadline, response.alive.due)
            if telling is not None and (response.state is not _OPEN or response.unread):
                effects = telling.begun(effects, now)
        else:
            take(self._memory, cast("Trailers", message))
            effects = response.trailers(now)
            if telling is not None:
                effects = telling.ended(effects, now)
        return effects

    def _reject(self, error: ClientError, now: float) -> Effect:
        self._end()
        reject = refused(self._memory, error)
        if self._telling is None:
            return reject
        return self._telling.refused(reject, now, unserved=self._response.state is SideState.IDLE)

    def _kept_alive(self, now: float) -> Effects | None:
        """Return what is sent in a silent stream; None if the deadline was for something else."""
        response, limit = self._response, self._memory.started + self._plan.limits.exchange_timeout
        alive = response.alive
        if alive is None or response.withholds or now >= limit or self._request.intent is _READING:
            return None
        effects = response.kept_alive(now)
        self.deadline = min(limit, alive.due)
        return effects if self._telling is None or not response.ended else self._telling.ended(effects, now)

    def _expire(self, now: float) -> Effect:
        if self._response.withholds:
            self.deadline = self._memory.started + self._plan.limits.exchange_timeout
            proven = (self._response.proven(),)
            return proven[0] if self._telling is None else self._telling.ended(proven, now)[0]
        self.deadline = now + self._plan.limits.exchange_timeout
        if self._request.may_answer:
            return self._reject(ClientError(408, "request_timeout", "The request did not arrive in time."), now)
        reading = self._request.intent is Intent.READING
        reason = "request_timeout" if reading else "exchange_timeout"
        self._fail(reason)
        return Abort(AbortCode.DEADLINE_EXCEEDED, reason)

    def _fail(self, reason: str) -> None:
        self._end()
        self._memory.decision, self._memory.failure = "failed", reason

    def _end(self) -> None:
        """Nothing more is answered: what still comes is to be shown here, and dropped."""
        self._over = True
        if self._memory.signals is not None:
            self._memory.signals.forget_body()
        self.request_lane = self.response_lane = Lane.READ

    @property
    def _unanswered(self) -> bool:
        """True if the request went on and no response came, which this Envoy would have shown, its own errors too."""
        memory = self._memory
        shown = memory.known and self._plan.needs.response_headers and not memory.observed
        return shown and memory.status is None and memory.served

    def _count_unshown(self) -> None:
        """Note that no response was shown to a request that was steered.

        An Envoy with the plan's fingerprint shows those that the plan needs: there the client has left.
        """
        memory = self._memory
        shown = memory.status is not None or memory.observed or (memory.known and self._plan.needs.response_headers)
        if not shown and memory.failure is None:
            self._shared.steering.unshown(memory.configuration)

    def _tell(self, now: float) -> Effects:
        if self._told:
            return NOTHING
        self._over = self._told = True
        if self._memory.opened is not None:
            note_closed(self._shared, self._memory)
        unanswered = self._unanswered
        if self._memory.failure is None:
            if self._request.unproven or self._response.unproven:
                self._memory.lacks(MisconfiguredError("mode_override"))
            elif self._request.intent is Intent.READING or unanswered:
                self._memory.unread()
        self._memory.conclude()
        self._memory.count(unanswered=unanswered)
        if self._response.begun is not None and not self._memory.observed:
            self._response.settle(now)
        if (self._response.cut or self._memory.unfinished) and not self._memory.observed:
            self._memory.cut()
        if self._memory.destination is not None:
            self._count_unshown()
        if self._memory.picked is not None:
            over(self._shared, self._memory, now)
        settle(self._memory)
        if self._plan.needs.counted:
            check_counted(self._memory)
        self._memory.cost = cost_of(self._plan.prices, self._memory)
        if self._plan.budgets is not None:
            self._plan.budgets.settle(self._memory, whole=self._response.state is SideState.DONE)
        record = record_of(self._memory, now, self._plan.recorded, self._plan.digest)
        return (record if self._plan.audit is None else audited(record, self._memory, self._plan.audit),)
