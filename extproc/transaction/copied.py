"""The copy of a request for a mirror: Envoy's filter before the backend hands it over, to be made fit for that backend.

It is an exchange of its own, whose response nobody gets. Envoy copies what goes to the request's first backend, so that
everything is set or removed absolutely here, and nothing of the first backend's or of the client's own may be left.
Whatever is not as it was planned ends the copy; the request itself goes on.
"""

from msgspec import Struct

from extproc import apis
from extproc.apis import ApiRequestPath
from extproc.protocol.effects import Abort, AbortCode, Effect, HeaderMutation, Phase, Proceed
from extproc.protocol.errors import ClientError, ProtocolViolation
from extproc.protocol.messages import Body, Deadline, Headers, Message, Side, StreamClosed, Trailers
from extproc.protocol.modes import BodyMode
from extproc.protocol.record import AttemptRecord
from extproc.routing.candidates import Candidate
from extproc.transaction.answers import NOTHING, PASS, Effects, rejection
from extproc.transaction.copies import COPY_HEADER, copy_state
from extproc.transaction.fingerprint import COPY_MARK
from extproc.transaction.lanes import Lane
from extproc.transaction.memory import request_id_of
from extproc.transaction.misconfigured import MisconfiguredError, mistaken
from extproc.transaction.plan import Plan


class CopyRefusedError(ClientError):
    """Ends a copy. `code` is for the record: nobody gets the response."""

    def __init__(self, code: str) -> None:
        super().__init__(503, code, "This copy of a request may not be sent.")


class _Place(Struct, frozen=True):
    """Where a copy goes, and the model's name there."""

    candidate: Candidate
    model: str
    claimed: ApiRequestPath

    def __repr__(self) -> str:
        return f"_Place({self.candidate.destination.name})"


class CopiedRequest:
    """Rewrites one copy. `configuration` is what Envoy sent: the fingerprint, and the filter's backend."""

    __slots__ = (
        "_body",
        "_configuration",
        "_over",
        "_path",
        "_place",
        "_plan",
        "_reason",
        "_request_id",
        "_started",
        "deadline",
        "request_lane",
        "response_lane",
    )

    def __init__(self, plan: Plan, now: float, configuration: bytes) -> None:
        self._plan = plan
        self._configuration = configuration
        self._started = now
        self._place: _Place | None = None
        self._path = b""
        self._request_id = b""
        self._body: int | None = None
        self._reason: str | None = None
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
            return self._proceed(message)
        except ClientError as error:
            return (self._refuse(error),)

    def _proceed(self, message: Message) -> Effects:
        match message:
            case Headers(side=Side.REQUEST):
                self._request_id = request_id_of(message.fields.get("x-request-id"))
                self._place = place = self._meant(message)
                return self._headers(message, place)
            case Body(side=Side.REQUEST):
                return self._rewritten(message)
            case Headers(side=side):
                return PASS[side, Phase.HEADERS]
            case Body(side=side):
                return PASS[side, Phase.BODY]
            case Trailers(side=side):
                return PASS[side, Phase.TRAILERS]
            case Deadline():
                self._over, self._reason = True, "exchange_timeout"
                return (Abort(AbortCode.DEADLINE_EXCEEDED, "exchange_timeout"),)
        raise ProtocolViolation("a message of no known kind")

    def _meant(self, message: Headers) -> _Place:
        """Return where the copy goes. Raises ClientError unless all that Envoy says of it agrees."""
        plan = self._plan
        fingerprint, _, backend = self._configuration.partition(COPY_MARK)
        if fingerprint != plan.fingerprint:
            raise mistaken(plan, fingerprint)
        if message.config is None or message.config.request_body is not BodyMode.BUFFERED:
            raise MisconfiguredError("request_body_mode")
        state = copy_state(message.fields.getall(COPY_HEADER))
        if state is None or message.end:
            raise CopyRefusedError("copy_unknown")
        if state.version != plan.version:
            raise CopyRefusedError("copy_policy_changed")
        names = plan.table.names
        name = names[state.number] if state.number < len(names) else ""
        mirror = plan.table.mirrors.get(name)
        destination = None if mirror is None else mirror.candidate.destination
        if mirror is None or destination is None or destination.name.encode() != backend or destination.removes is None:
            raise CopyRefusedError("copy_unplanned")
        claimed = plan.claim(state.path).claimed
        if claimed is None or claimed.api.family.name != destination.api:
            raise CopyRefusedError("copy_unknown")
        self._path = claimed.target(state.path, destination.prefix, mirror.candidate.model or name)
        return _Place(mirror.candidate, mirror.candidate.model or name, claimed)

    def _headers(self, message: Headers, place: _Place) -> Effects:
        plan, destination = self._plan, place.candidate.destination
        changes = HeaderMutation(
            set=((":path", self._path), (":authority", destination.authority), *destination.credential),
            # The first backend's key is among them, and the client's own, however it is named.
            remove=(*(destination.removes or ()), *plan.credentials(message.fields), COPY_HEADER),
        )
        return (Proceed(Side.REQUEST, Phase.HEADERS, changes),)

    def _rewritten(self, message: Body) -> Effects:
        """Write the model's name there into the body, and its length into the headers."""
        place = self._place
        if place is None:
            raise MisconfiguredError("request_header_mode")
        body = message.data
        try:
            asked = place.claimed.api.read_request(body, place.claimed)
        except ClientError:
            raise CopyRefusedError("copy_unreadable") from None
        if asked.model_span is not None and asked.model != place.model:
            body = apis.rename(body, asked.model_span, place.model)
        self._body = len(body)
        length = HeaderMutation(more=(("content-length", b"%d" % len(body)),))
        return (Proceed(Side.REQUEST, Phase.BODY, length, None if body is message.data else body),)

    def _refuse(self, error: ClientError) -> Effect:
        self._over = True
        what = f"_{error.what}" if isinstance(error, MisconfiguredError) else ""
        self._reason = error.code + what
        teller = None if self._place is None else self._place.claimed.api
        return rejection(error, teller, self._request_id, "rejected", self._reason)

    def _record(self, now: float) -> AttemptRecord:
        place = self._place
        # One that ends before its body came was not sent: the filter holds the headers until then.
        lost = None if self._body is not None else "copy_incomplete"
        reason = self._reason or lost
        return AttemptRecord(
            self._request_id.decode("ascii"),
            1,
            None if place is None else place.candidate.destination.name,
            (place and place.candidate.known) or None,
            "sent" if reason is None else "refused",
            reason,
            self._body or 0,
            round((now - self._started) * 1000, 3),
            copy=True,
        )
