"""A later attempt of a request: Envoy's filter before a backend hands it over, to be made fit for that backend.

It is an exchange of its own, and may come to another worker than the request. Of attempts before it, Envoy keeps the
header fields that were changed, and the body as the request's own stream left it: so everything is set or removed
absolutely here, and nothing that another backend was sent may be left.
"""

from typing import NoReturn

from msgspec import Struct

from extproc import apis
from extproc.apis import ApiRequestPath
from extproc.protocol.effects import Abort, AbortCode, Effect, HeaderMutation, Metadata, Phase, Proceed
from extproc.protocol.errors import ClientError, ProtocolViolation
from extproc.protocol.headers import Field
from extproc.protocol.messages import Body, Deadline, Headers, Message, Side, StreamClosed, Trailers
from extproc.protocol.modes import BodyMode
from extproc.protocol.record import AttemptRecord
from extproc.routing.health import Ailment
from extproc.routing.table import Destination
from extproc.transaction.answers import NOTHING, PASS, Effects, rejection
from extproc.transaction.attempts import COUNT_HEADER, TRY_PREFIX, AttemptState, attempt_of, state_of
from extproc.transaction.error_reader import ErrorReader
from extproc.transaction.fingerprint import ATTEMPT_MARK
from extproc.transaction.lanes import Lane
from extproc.transaction.memory import request_id_of
from extproc.transaction.misconfigured import MisconfiguredError, mistaken
from extproc.transaction.outcome import FROM_UPSTREAM
from extproc.transaction.plan import Plan
from extproc.transaction.shared import Shared


class AttemptRefusedError(ClientError):
    """Ends a request closed: its next attempt may not be made. `code` is for the record; the client learns less."""

    def __init__(self, code: str) -> None:
        message = "The backend did not serve this request, and the gateway could not send it to another one; try again."
        super().__init__(503, code, message)


class _Target(Struct, frozen=True):
    """What an attempt is for."""

    state: AttemptState
    number: int
    destination: Destination
    model: str
    claimed: ApiRequestPath

    def __repr__(self) -> str:
        return f"_Target({self.number}, {self.destination.name})"


class Attempt:
    """Rewrites one attempt's request. `configuration` is what Envoy sent: the fingerprint, and the filter's backend."""

    __slots__ = (
        "_body",
        "_configuration",
        "_errors",
        "_over",
        "_plan",
        "_reason",
        "_request_id",
        "_shared",
        "_started",
        "_target",
        "deadline",
        "request_lane",
        "response_lane",
    )

    def __init__(self, plan: Plan, shared: Shared, now: float, configuration: bytes) -> None:
        self._plan = plan
        self._shared = shared
        self._configuration = configuration
        self._started = now
        self._target: _Target | None = None
        self._request_id = b""
        self._body = 0
        self._reason: str | None = None
        self._errors = ErrorReader()
        self._over = False
        self.deadline = now + plan.limits.request_timeout
        self.request_lane = self.response_lane = Lane.READ

    def receive(self, message: Message, now: float) -> Effects:
        """Return what is to be done about `message`. Raises ProtocolViolation."""
        if isinstance(message, StreamClosed):
            return (self._record(now),)
        if self._over:
            return NOTHING
        try:
            return self._proceed(message, now)
        except ClientError as error:
            return (self._refuse(error),)

    def _proceed(self, message: Message, now: float) -> Effects:
        match message:
            case Headers(side=Side.REQUEST):
                self._request_id = request_id_of(message.fields.get("x-request-id"))
                self._target = target = self._meant(message)
                self.deadline = self._started + self._plan.limits.exchange_timeout
                self._learn(message, target, now)
                return self._headers(message, target)
            case Body(side=Side.REQUEST):
                return self._rewritten(message)
            case Headers(side=Side.RESPONSE):
                return self._errors.headers(message)
            case Body(side=Side.RESPONSE):
                return self._errors.body(message)
            case Trailers(side=side):
                return PASS[side, Phase.TRAILERS]
            case Deadline():
                self._over, self._reason = True, "exchange_timeout"
                return (Abort(AbortCode.DEADLINE_EXCEEDED, "exchange_timeout"),)
        raise ProtocolViolation("a message of no known kind")

    # -- what it is for

    def _meant(self, message: Headers) -> _Target:
        """Return what the attempt is for. Raises ClientError unless all that Envoy says of it agrees."""
        plan = self._plan
        fingerprint, _, backend = self._configuration.partition(ATTEMPT_MARK)
        if fingerprint != plan.fingerprint:
            raise mistaken(plan, fingerprint)
        if message.config is None or message.config.request_body is not BodyMode.BUFFERED:
            raise MisconfiguredError("request_body_mode")
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
        if destination is None or name.encode() != backend or destination.removes is None:
            # A forged field, or a cluster that the plan does not name: nobody chose this backend for the request.
            raise AttemptRefusedError("attempt_unplanned")
        claimed = plan.claim(state.path).claimed
        if claimed is None or message.end:
            raise AttemptRefusedError("attempt_unknown")
        return _Target(state, number, destination, model, claimed)

    def _learn(self, message: Headers, target: _Target, now: float) -> None:
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

    def _headers(self, message: Headers, target: _Target) -> Effects:
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

    def _metadata(self, target: _Target) -> Metadata:
        name, model, decision = target.destination.name, target.model, target.state.decision
        rerouted = "rerouted" if decision == "allowed" else decision
        ours = {"decision": rerouted, "model": model, "backend": name, "seen": str(target.number)}
        return {
            "extproc": ours,
            "io.envoy.ai_gateway": {"model_name_override": model, "ai_service_backend_name": name},
        }

    def _rewritten(self, message: Body) -> Effects:
        """Write the model's name there into the body, and its length into the headers: both may be another's."""
        target = self._target
        if target is None:
            raise MisconfiguredError("request_header_mode")
        body = message.data
        self._body = len(body)
        try:
            asked = target.claimed.api.read_request(body, target.claimed)
        except ClientError:
            self._unreadable()
        if asked.model_span is not None and asked.model != target.model:
            body = apis.rename(body, asked.model_span, target.model)
        length = HeaderMutation(more=(("content-length", b"%d" % len(body)),))
        return (Proceed(Side.REQUEST, Phase.BODY, length, None if body is message.data else body),)

    def _unreadable(self) -> NoReturn:
        raise AttemptRefusedError("attempt_unreadable") from None

    def _refuse(self, error: ClientError) -> Effect:
        self._over = True
        what = f"_{error.what}" if isinstance(error, MisconfiguredError) else ""
        self._reason = error.code + what
        teller = None if self._target is None else self._target.claimed.api
        return rejection(error, teller, self._request_id, "rejected", self._reason)

    def _record(self, now: float) -> AttemptRecord:
        target = self._target
        known = None if target is None else self._plan.health_key(target.destination.name, target.model)[1] or None
        first = target is None and self._errors.number == 1
        filtered = self._configuration.partition(ATTEMPT_MARK)[2].decode("ascii")
        return AttemptRecord(
            self._request_id.decode("ascii"),
            self._errors.number if target is None else target.number,
            filtered if first else None if target is None else target.destination.name,
            known,
            "refused" if self._reason is not None else "read" if first else "sent",
            self._reason or self._errors.reason,
            self._body,
            round((now - self._started) * 1000, 3),
        )
