"""The copy of a request for a mirror: Envoy's filter before the backend hands it over, to be made fit for that backend.

Nobody gets its response. Envoy copies what goes to the request's first backend. Whatever is not as it was planned ends
the copy; the request itself goes on.
"""

from extproc.protocol.effects import HeaderMutation, Phase, Proceed
from extproc.protocol.errors import ClientError
from extproc.protocol.messages import Body, Headers, Side
from extproc.protocol.record import AttemptRecord
from extproc.transaction.answers import Effects
from extproc.transaction.plan import Plan
from extproc.transaction.steering.fingerprint import COPY_MARK
from extproc.transaction.upstream.copies import COPY_HEADER, copy_state
from extproc.transaction.upstream.upstream_request import (
    OtherPlans,
    UpstreamRequest,
    UpstreamTarget,
    no_others,
    rewritten,
)


class CopyRefusedError(ClientError):
    """Ends a copy. `code` is for the record: nobody gets the response."""

    def __init__(self, code: str) -> None:
        super().__init__(503, code, "This copy of a request may not be sent.")


class CopyTarget(UpstreamTarget, frozen=True):
    """The target of a copy, and the path there. `known`: the model's name at the backend as the policy has it."""

    path: bytes
    known: str | None


class CopiedRequest(UpstreamRequest[CopyTarget]):
    """Rewrites one copy."""

    __slots__ = ("_request_bytes",)

    mark = COPY_MARK

    def __init__(self, plan: Plan, now: float, configuration: bytes, others: OtherPlans = no_others) -> None:
        super().__init__(plan, now, configuration, others)
        self._request_bytes: int | None = None

    def _version(self, message: Headers) -> str | None:
        state = copy_state(message.fields.getall(COPY_HEADER))
        return None if state is None else state.version

    def _meant(self, message: Headers) -> CopyTarget:
        plan = self._plan
        state = copy_state(message.fields.getall(COPY_HEADER))
        if state is None or message.end:
            raise CopyRefusedError("copy_unknown")
        if state.version != plan.version:
            raise CopyRefusedError("copy_policy_changed")
        names = plan.table.names
        name = names[state.number] if state.number < len(names) else ""
        mirror = plan.table.mirrors.get(name)
        destination = None if mirror is None else mirror.candidate.destination
        if mirror is None or destination is None or destination.name.encode() != self._backend:
            raise CopyRefusedError("copy_unplanned")
        if destination.removes is None:
            raise CopyRefusedError("copy_unplanned")
        claimed = plan.claim(state.path).claimed
        if claimed is None or claimed.api.family.name != destination.api:
            raise CopyRefusedError("copy_unknown")
        candidate = mirror.candidate
        model = candidate.model or name
        path = claimed.target(state.path, destination.prefix, model)
        return CopyTarget(destination, model, claimed, path, candidate.known or None)

    def _headers(self, message: Headers, target: CopyTarget, now: float) -> Effects:  # noqa: ARG002  - attempts need it
        plan, destination = self._plan, target.destination
        changes = HeaderMutation(
            set=((":path", target.path), (":authority", destination.authority), *destination.credential),
            # The first backend's key is among them, and the client's own, however it is named.
            remove=(*(destination.removes or ()), *plan.credentials(message.fields), COPY_HEADER),
        )
        return (Proceed(Side.REQUEST, Phase.HEADERS, changes),)

    def _body(self, message: Body) -> Effects:
        body = self._renamed(message.data, CopyRefusedError("copy_unreadable"))
        self._request_bytes = len(body)
        return rewritten(message, body)

    def _record(self, now: float) -> AttemptRecord:
        target = self._target
        # One that ends before its body came was not sent: the filter holds the headers until then.
        lost = None if self._request_bytes is not None else "copy_incomplete"
        reason = self._reason or lost
        return AttemptRecord(
            self._request_id.decode("ascii"),
            1,
            None if target is None else target.destination.name,
            None if target is None else target.known,
            "sent" if reason is None else "refused",
            reason,
            self._request_bytes or 0,
            self._duration(now),
            copy=True,
            policy=self._plan.digest,
        )
