"""A later attempt of a request: Envoy's filter before a backend hands it over, to be made fit for that backend.

Of attempts before it, Envoy keeps the header fields that were changed, and the body as the
request's own stream left it.
"""

from extproc.protocol.effects import HeaderMutation, Metadata, Phase, Proceed
from extproc.protocol.errors import ClientError
from extproc.protocol.headers import Field
from extproc.protocol.messages import Body, Failed, Headers, Inspected, Message, Side
from extproc.protocol.record import AttemptRecord
from extproc.routing.health import Ailment
from extproc.transaction.answers import Effects
from extproc.transaction.outcome import FROM_UPSTREAM
from extproc.transaction.plan import Plan
from extproc.transaction.shared import Shared
from extproc.transaction.steering.fingerprint import ATTEMPT_MARK
from extproc.transaction.upstream.attempts import COUNT_HEADER, TRY_PREFIX, AttemptState, attempt_of, state_of
from extproc.transaction.upstream.error_reader import ErrorReader
from extproc.transaction.upstream.leaving_out import LeavingOut, UnsealedBody, leaves
from extproc.transaction.upstream.upstream_request import (
    OtherPlans,
    UpstreamRequest,
    UpstreamTarget,
    no_others,
    rewritten,
)


class AttemptRefusedError(ClientError):
    """Ends a request closed: its next attempt may not be made. `code` is for the record; the client learns less."""

    def __init__(self, code: str) -> None:
        message = "The backend did not serve this request, and the gateway could not send it to another one; try again."
        super().__init__(503, code, message)


class AttemptTarget(UpstreamTarget, frozen=True):
    """The target of an attempt, what was planned for the request, and which attempt this is, counted from 1."""

    state: AttemptState
    number: int


class Attempt(UpstreamRequest[AttemptTarget]):
    """Rewrites one attempt's request."""

    __slots__ = ("_errors", "_request_bytes", "_shared")

    mark = ATTEMPT_MARK

    def __init__(
        self, plan: Plan, shared: Shared, now: float, configuration: bytes, others: OtherPlans = no_others
    ) -> None:
        super().__init__(plan, now, configuration, others)
        self._shared = shared
        self._request_bytes = 0
        self._errors = ErrorReader()

    def _proceed(self, message: Message, now: float) -> Effects:
        match message:
            case Inspected(result=UnsealedBody(body=bytes() as body)):
                return rewritten(None, self._named(body))
            case Inspected() | Failed():
                raise AttemptRefusedError("attempt_unreadable")
        return super()._proceed(message, now)

    # -- what it is for

    def _version(self, message: Headers) -> str | None:
        state = state_of(message)
        return None if state is None else state.version

    def _meant(self, message: Headers) -> AttemptTarget:
        plan = self._plan
        state, number = state_of(message), attempt_of(message)
        if state is None:
            raise AttemptRefusedError("attempt_unknown")
        if state.version != plan.version:
            raise AttemptRefusedError("attempt_policy_changed")
        known = plan.table.destinations
        if any(backend not in known or not at for backend, at in state.order):
            raise AttemptRefusedError("attempt_unplanned")
        name, model = state.order[number - 1] if 1 < number <= len(state.order) else ("", "")
        destination = known.get(name)
        if destination is None or name.encode() != self._backend or destination.removes is None:
            # A forged field, or a cluster that the plan does not name: nobody chose this backend for the request.
            raise AttemptRefusedError("attempt_unplanned")
        claimed = plan.claim(state.path).claimed
        if claimed is None or message.end:
            raise AttemptRefusedError("attempt_unknown")
        return AttemptTarget(destination, model, claimed, state, number)

    def _learn(self, message: Headers, target: AttemptTarget, now: float) -> None:
        """Note that the attempts before this one failed, which nobody else was told."""
        details = message.attributes.get("response.code_details")
        # Envoy does not say with which status a backend answered: it may have been a rate limit.
        why: Ailment = "failing" if details != FROM_UPSTREAM else "retried"
        health, settings = self._shared.health, self._plan.health
        for number in range(max(target.state.seen, 1), target.number):
            if number != target.state.spoilt:  # that one failed by what the request says
                health.failed(*self._plan.health_key(*target.state.order[number - 1]), now, settings, why)
        health.sent(*self._plan.health_key(target.destination.name, target.model), now)

    # -- what it becomes

    def _headers(self, message: Headers, target: AttemptTarget, now: float) -> Effects:
        self.deadline = self._started + self._plan.limits.exchange_timeout
        self._learn(message, target, now)
        destination, order = target.destination, target.state.order
        path = target.claimed.target(target.state.path, destination.prefix, target.model)
        tries = [f"{TRY_PREFIX}{number}" for number in range(1, len(order))]
        last = target.number == len(order)
        following: tuple[Field, ...] = ()
        if not last:
            assert self._plan.retries is not None, "the plan is the one under which attempts were planned"
            number = self._plan.retries.numbers[order[target.number][0]]
            following = ((tries[0], number.encode()),)
        changes = HeaderMutation(
            set=(
                (":path", path),
                (":authority", destination.authority),
                *destination.credential,
                *following,
            ),
            # The first attempt's key is among them, and the client's own, however it is named.
            remove=(
                *(destination.removes or ()),
                *self._plan.credentials(message.fields),
                COUNT_HEADER,
                *(tries if last else ()),
            ),
        )
        return (Proceed(Side.REQUEST, Phase.HEADERS, changes, metadata=self._metadata(target)),)

    def _metadata(self, target: AttemptTarget) -> Metadata:
        name, model, decision = target.destination.name, target.model, target.state.decision
        rerouted = "rerouted" if decision == "allowed" else decision
        ours = {"decision": rerouted, "model": model, "backend": name, "seen": str(target.number)}
        return {
            "extproc": ours,
            "io.envoy.ai_gateway": {"model_name_override": model, "ai_service_backend_name": name},
        }

    def _body(self, message: Body) -> Effects:
        target = self._target
        if target is not None:
            self._request_bytes = len(message.data)
            if leaves(target.state, target.destination.maker):  # in a thread: it may take long
                return (LeavingOut(message.data, target.claimed.api.sealed).order(self._started),)
        return rewritten(message, self._named(message.data))

    def _named(self, body: bytes) -> bytes:
        return self._renamed(body, AttemptRefusedError("attempt_unreadable"))

    # -- what becomes of it

    def _response_headers(self, message: Headers) -> Effects:
        return self._errors.headers(message)

    def _response_body(self, message: Body) -> Effects:
        return self._errors.body(message)

    def _record(self, now: float) -> AttemptRecord:
        target = self._target
        known = None if target is None else self._plan.health_key(target.destination.name, target.model)[1] or None
        first = target is None and self._errors.number == 1
        return AttemptRecord(
            self._request_id.decode("ascii"),
            self._errors.number if target is None else target.number,
            self._backend.decode("ascii") if first else None if target is None else target.destination.name,
            known,
            "refused" if self._reason is not None else "read" if first else "sent",
            self._reason or self._errors.reason,
            self._request_bytes,
            self._duration(now),
            policy=self._plan.digest,
        )
