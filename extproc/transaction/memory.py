"""The memory of one exchange, which both of its sides share, until it becomes a `Record`."""

import re
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, field

from extproc.apis import ApiRequestPath
from extproc.apis.asked import NOTHING_ASKED, Asked
from extproc.apis.mcp.request import RpcCalls
from extproc.apis.seals.sealed import SealedApi
from extproc.pipe.plugged import PlannedStage
from extproc.pipe.sealing import ReplySealer
from extproc.policy.endpoints import EndpointPool
from extproc.policy.signals import BACKEND_STATE, SPENT
from extproc.protocol.errors import ClientError
from extproc.protocol.modes import BodyMode
from extproc.protocol.record import NO_USAGE, BudgetCharge, Usage
from extproc.protocol.trail import CapturedBody
from extproc.routing.endpoints import Picked
from extproc.routing.health import BackendHealth, HealthKey
from extproc.routing.quoted import Quoted, QuotedInPieces
from extproc.routing.residency import Confinement
from extproc.routing.table import Choice, Destination
from extproc.routing.weighing import LeftOut, WeighedBody
from extproc.signals.asked import AskedValues
from extproc.signals.registry import Signals
from extproc.signals.view import UNKNOWN_CALLER, Circumstances
from extproc.transaction.answers import Teller
from extproc.transaction.claim import Claim
from extproc.transaction.counting.exchange_usage import ExchangeUsage
from extproc.transaction.counting.last_edits import LastEdits, in_turn, without_extra
from extproc.transaction.findings import Findings
from extproc.transaction.handed import HandedOut
from extproc.transaction.mcp.exchange import McpExchange
from extproc.transaction.requests.backend_signals import states_of
from extproc.transaction.steering.edits import SteeringEdits
from extproc.transaction.steering.misconfigured import OBSERVED, MisconfiguredError, What, detail_of
from extproc.transaction.steering.missteering import Missteering

if TYPE_CHECKING:  # only policies with budgets need it
    from extproc.transaction.spending.account import Spending

# Envoy writes UUIDs; anything else in that header may be a client's own text, which is not to reach a log.
_REQUEST_ID: Final = re.compile(rb"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


_SERVED: Final = frozenset({"allowed", "passed", "rerouted"})

ERROR: Final = 400
"""The first status that is an error."""

BAD_GATEWAY: Final = 502

_NO_SIGNALS: Final[Mapping[str, Any]] = MappingProxyType({})


def request_id_of(given: bytes | None) -> bytes:
    """Return an exchange's id, if it is one that Envoy makes; else nothing."""
    return given if given and _REQUEST_ID.fullmatch(given) else b""


class Memory(Struct, eq=False):
    """Mutable, one an exchange. Times are in seconds on the shell's clock.

    `path` is the request's as it came, `circumstances` says who is calling and when, `strips` the control headers that
    the client sent itself, `keys` fields whose names end as credentials do: they join `strips` once it is known that
    they are for no backend. `claimed` the API's path once the request is known to be one that is read, `teller` writes
    the errors on other paths. `family`: the APIs that the headers of a request of no API show, which write them if
    nothing else is known of it.
    `findings` where a pipeline is for it, `staged` where none is and the response passes answer stages; `signals`,
    pipeline or not, where the policy reads any. `destination`: the backend that gets the request. `request_mode`: the
    body mode that Envoy was told to go on in. `configuration` is Envoy's fingerprint, empty where it sends none;
    `known`: it is the plan's. `first_cluster`: the cluster of the route that an Envoy without the fingerprint matched
    first, if it reports one. `misconfigured` names what Envoy lacks, `detail` says how to fix it; `observed`: Envoy
    ignores every response of the processor. `usage`: the tokens that were counted, once the response has ended,
    `counting` what they are counted by (None if nobody counts), `counted` what Envoy counted, and `cost` their price;
    `response_model`: the model that the response names. `route_name`: that of Envoy's route, where the policy reads
    it. `rule`: the model's rule that decided, or could not be asked; `rule_signals`: the signals that the model's rules
    and those of residency read.
    `confinement`: where the request may go, if a rule of residency holds. `weighed`: what is weighed of the body.
    `left`: the candidates that were left out, where somebody wants to know. `opened`: the key under which the exchange
    counts as open.
    `spoofed`: the client sent control headers, by which Envoy's first route may have been chosen. `missteered`: Envoy
    led the request elsewhere than was decided. `hint`: the endpoints that Envoy allows; `objective`: the one that the
    request names; `picking`: the pool that an endpoint is picked of, and `picked` the pick; `endpoint`: where it counts
    as open, and `endpoint_served` where it was in the end.
    `sealed`, `sealed_members`: see `Record`; `seals`: how the response is tagged, if it may hold sealed values,
    `sealer`: what tags it, once it is known who sends it; `leavable`: the members without which a later attempt at
    another provider goes.
    `asked`: the parts of the request by which its response is judged, as far as they are needed and known.
    `handed`: work for threads and remote detectors. `mcp`: what decides about a request on an MCP path; `rpc`: those of
    its messages that wait for answers, once it was read; `filter`: the stage that takes out what they may not hold.
    `first_byte`, `first_token`: when the response's headers came, and the first piece of a stream that is read.
    `trace`: see `Record`.
    `unfinished`: the backend ended a stream before its API's end, and the client was told.
    `attempt`: the one whose response came, counted from 1; `tried`: the backends of those before.
    `subjects`: the values of the headers that name whose budget is spent; `spending`: what was reserved of budgets, and
    `charges` what was taken of each, once the exchange is over.
    `mirror`: the backend that gets a copy; if `unmirrored`, the reason why none does. `captured`: the body as it
    went on, for the audit record.
    """

    started: float
    configuration: bytes = b""
    known: bool = False
    first_cluster: str | None = None
    observed: bool = False
    misconfigured: What | None = None
    missteered: Missteering | None = None
    detail: str = ""
    decided: float | None = None
    claim: Claim | None = None
    claimed: ApiRequestPath | None = None
    path: bytes = b""
    circumstances: Circumstances = UNKNOWN_CALLER
    strips: tuple[str, ...] = ()
    spoofed: bool = False
    hint: tuple[str, ...] | None = None
    objective: str = ""
    picking: str | None = None
    picked: Picked | None = None
    endpoint: str | None = None
    endpoint_served: str | None = None
    keys: tuple[str, ...] = ()
    choice: Choice | None = None
    destination: Destination | None = None
    request_mode: BodyMode | None = None
    teller: Teller | None = None
    family: Teller | None = None
    steering: SteeringEdits | None = None
    first_byte: float | None = None
    first_token: float | None = None
    trace: tuple[str, str] | None = None
    attempt: int = 1
    tried: tuple[str, ...] = ()
    mirror: str | None = None
    unmirrored: bool = False
    decision: str = "passed"
    reason: str = "unclaimed"
    failure: str | None = None
    findings: Findings | None = None
    handed: HandedOut = field(default_factory=HandedOut)
    staged: Findings | None = None
    signals: Signals | None = None
    rule_signals: Mapping[str, Any] = _NO_SIGNALS
    rule: str | None = None
    confinement: Confinement | None = None
    weighed: WeighedBody | None = None
    left: list[LeftOut] | None = None
    opened: HealthKey | None = None
    sealed: str | None = None
    sealed_members: tuple[str, ...] = ()
    leavable: tuple[str, ...] = ()
    seals: SealedApi | None = None
    sealer: ReplySealer | None = None
    model: str | None = None
    request_id: bytes = b""
    status: int | None = None
    unfinished: bool = False
    stream: bool | None = None
    usage: Usage = NO_USAGE
    cost: float | None = None
    counted: Usage | None = None
    response_model: str | None = None
    route_name: str = ""
    subjects: Mapping[str, str] = _NO_SIGNALS
    spending: "Spending | None" = None
    charges: tuple[BudgetCharge, ...] = ()
    counting: ExchangeUsage | None = None
    asked: Asked | None = NOTHING_ASKED
    request_bytes: int = 0
    mcp: McpExchange | None = None
    rpc: RpcCalls | None = None
    filter: PlannedStage | None = None
    captured: CapturedBody | None = None

    def __repr__(self) -> str:
        return f"Memory({self.decision}, {self.failure or self.reason})"

    @property
    def health_key(self) -> HealthKey | None:
        """The backend and the model that were chosen. A name that the policy does not hold counts for the backend."""
        choice = self.choice
        return None if choice is None else choice.candidate.key

    @property
    def quoted(self) -> Quoted | None:
        """The credential that the request's backend was sent, to be looked for in what it says."""
        return None if self.destination is None else self.destination.quoted

    def in_pieces(self) -> "LastEdits | None":
        """Return what makes the last edits in a stream: tags on sealed values, and what is taken out of it.

        That is our credential, and an event that the client did not ask for. None if there is nothing to be made.
        """
        edits: list[LastEdits] = []
        if self.sealer is not None:
            edits.append(self.sealer)
        if self.quoted is not None:
            edits.append(QuotedInPieces(self.quoted))
        return in_turn(edits, self.counting)

    def cleaned_whole(self, said: bytes) -> bytes:
        """Return a body that has come whole, with the same edits."""
        quoted = self.quoted
        if self.sealer is not None:
            said = self.sealer.whole(said)
        if quoted is not None and said:
            said = quoted.cleaned(said)
        return said if self.counting is None or not self.counting.removes else without_extra(said)

    @property
    def reads_error(self) -> bool:
        """True if the response is an error in which the backend might quote our credential."""
        return self.status is not None and self.status >= ERROR and self.quoted is not None

    def refuse_unread_error(self) -> None:
        """Raises ClientError where the response may not pass unread, because of what it might quote."""
        if self.reads_error:
            raise self.withheld()

    def withheld(self) -> ClientError:
        """Return the refusal in place of a response that may quote our credential; an error keeps its status."""
        status = self.status if self.status is not None and self.status >= ERROR else BAD_GATEWAY
        return ClientError(status, "response_withheld", "The backend's response was withheld by the gateway.")

    def priority_in(self, pool: EndpointPool) -> int:
        """Return the priority of the request; 0 if it names no objective of the pool."""
        return pool.objectives.get(self.objective, 0) if self.objective else 0

    def strip_keys(self, removes: tuple[str, ...] | None) -> None:
        """Have the client's `keys` removed. `removes`: None if the client's own credentials are for the backend."""
        if removes is not None:
            self.strips = (*self.strips, *self.keys)
        self.keys = ()

    def identify(self, request_id: bytes | None) -> None:
        """Takes the request's id over, if it is one that Envoy makes."""
        if request_id and _REQUEST_ID.fullmatch(request_id):
            self.request_id = request_id

    def observe(self) -> None:
        """Take it that Envoy ignores what the processor says."""
        self.observed = True
        self.note(OBSERVED, detail_of(OBSERVED))

    def lacks(self, error: MisconfiguredError) -> None:
        """Write down what Envoy lacks for the exchange, which ends for it."""
        self.decision, self.failure = "failed", error.code
        self.note(error.what, error.detail)

    def note(self, what: What, detail: str) -> None:
        """Write down what Envoy lacks. Where a pipeline is for the exchange, something of it stays unread."""
        self.misconfigured, self.detail = what, detail
        if self.findings is not None and what != OBSERVED:
            self.findings.saw("misconfigured")

    def unread(self) -> None:
        """Say of an exchange that ended before its request was read: the client left, unless its response was shown."""
        if self.observed and self.status is not None:
            self.reason = "misconfigured"
            if self.findings is not None:
                self.findings.saw("misconfigured")
        else:
            self.decision, self.reason = "gone", "client_gone"

    def conclude(self) -> None:
        """Says of an answer that went on what inspection did about it; of streams that is known only at their end."""
        if self.observed:
            self.reason, self.failure, self.decision = self.failure or self.reason, None, "shadow"
            return
        findings = self.findings or self.staged
        if findings is None or self.failure is not None:
            return
        if findings.blocked is not None:
            self.decision, self.failure = "blocked", "answer_cut"
        elif findings.masked and self.served:
            self.decision = "masked"

    def count(self, *, unanswered: bool = False) -> None:
        """Say what was counted, now that the response has ended. `unanswered`: it never began."""
        if self.counting is not None:
            served = self.status is not None and self.status < ERROR
            self.usage = self.counting.unanswered() if unanswered else self.counting.total(served=served)

    @property
    def served(self) -> bool:
        """True if the request went on, and nothing of the exchange was changed or refused."""
        return self.decision in _SERVED

    def cut(self) -> None:
        """Says of a response that it did not come to its end: the client or the backend left in the middle of it."""
        if self.failure is None:
            self.failure = "response_unfinished" if self.unfinished else "response_cut"
            if self.served:
                self.decision = "cut"

    def signal_values(self) -> dict[str, Any]:
        """Return the signals that conditions of the pipeline read, by name, as far as they are known."""
        findings = self.findings
        if findings is None or self.signals is None:
            return {}
        values = self.signals.read(findings.pipeline.signals)
        if "findings" in values:
            values["findings"] = findings.so_far()
        return values

    def signals_for_rules(
        self,
        names: Collection[str],
        health: BackendHealth | None = None,
        now: float = 0.0,
        spent: "Callable[[], AskedValues] | None" = None,
    ) -> Mapping[str, Any]:
        """Return the signals that rules of the model and of residency read, by name, and remember them.

        `health`: what is known of backends at `now`, if a backend is chosen, and `spent` what of budgets.
        """
        if self.signals is None or not names:
            return {}
        values = self.signals.read(names)
        if "findings" in values:
            values["findings"] = [] if self.findings is None else self.findings.known()
        if health is not None and BACKEND_STATE.name in values:
            values[BACKEND_STATE.name] = states_of(health, now)
        if spent is not None and SPENT.name in values:
            values[SPENT.name] = spent()
        self.rule_signals = values
        return values
