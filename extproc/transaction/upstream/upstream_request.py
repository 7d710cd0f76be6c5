"""A request at Envoy's filter before one backend, to be made fit for that backend.

It is an exchange of its own, and may come to another worker than the request it belongs to. Everything is set or
removed absolutely here, and nothing that another backend was sent, or that is the client's own, may be left.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, Generic, TypeAlias, TypeVar

from msgspec import Struct

from extproc import apis
from extproc.apis import ApiRequestPath
from extproc.protocol.effects import Abort, AbortCode, Effect, HeaderMutation, Phase, Proceed
from extproc.protocol.errors import ClientError, ProtocolViolation
from extproc.protocol.messages import Body, Deadline, Headers, Message, Side, StreamClosed, Trailers
from extproc.protocol.modes import BodyMode
from extproc.protocol.record import AttemptRecord
from extproc.routing.table import Destination
from extproc.transaction.answers import NOTHING, PASS, Effects, rejection
from extproc.transaction.lanes import Lane, Tap
from extproc.transaction.memory import request_id_of
from extproc.transaction.plan import Plan
from extproc.transaction.steering.misconfigured import MisconfiguredError, mistaken


class UpstreamTarget(Struct, frozen=True):
    """The backend that a request is made fit for, the model's name there, and the API and place of its path."""

    destination: Destination
    model: str
    claimed: ApiRequestPath

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.destination.name})"


T = TypeVar("T", bound=UpstreamTarget)

OtherPlans: TypeAlias = Callable[[str], Plan | None]
"""Return a plan that is not in force, by its version; None if it is not known (any more)."""


def no_others(version: str) -> None:
    """Know no plan but the one in force."""


class UpstreamRequest(ABC, Generic[T]):
    """Rewrites a request for one backend.

    `configuration` is what Envoy sent: the fingerprint, `mark`, and the name of the filter's backend. `plan` is in
    force; the request may have begun under another one, which `others` returns by its version.
    """

    __slots__ = (
        "_backend",
        "_fingerprint",
        "_others",
        "_over",
        "_plan",
        "_reason",
        "_request_id",
        "_started",
        "_target",
        "deadline",
        "request_lane",
        "response_lane",
        "tap",
    )

    mark: ClassVar[bytes]

    def __init__(self, plan: Plan, now: float, configuration: bytes, others: OtherPlans = no_others) -> None:
        self._plan = plan
        self._others = others
        self._fingerprint, _, self._backend = configuration.partition(self.mark)
        self._started = now
        self._target: T | None = None
        self._request_id = b""
        self._reason: str | None = None
        self._over = False
        self.deadline = now + plan.limits.request_timeout
        self.request_lane = self.response_lane = Lane.READ
        self.tap: Tap | None = None

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
                self._go_by(self._version(message))
                self._check(message)
                self._target = target = self._meant(message)
                return self._headers(message, target, now)
            case Body(side=Side.REQUEST):
                return self._body(message)
            case Headers():
                return self._response_headers(message)
            case Body():
                return self._response_body(message)
            case Trailers(side=side):
                return PASS[side, Phase.TRAILERS]
            case Deadline():
                self._over, self._reason = True, "exchange_timeout"
                return (Abort(AbortCode.DEADLINE_EXCEEDED, "exchange_timeout"),)
        raise ProtocolViolation("a message of no known kind")

    def _go_by(self, version: str | None) -> None:
        """Go on under the plan that the request began under, if it is known."""
        if version is not None and version != self._plan.version:
            self._plan = self._others(version) or self._plan

    def _check(self, message: Headers) -> None:
        """Raise MisconfiguredError if the filter is another policy's, or hands no whole bodies over."""
        if self._fingerprint != self._plan.fingerprint:
            raise mistaken(self._plan, self._fingerprint)
        if message.config is None or message.config.request_body is not BodyMode.BUFFERED:
            raise MisconfiguredError("request_body_mode")

    @abstractmethod
    def _version(self, message: Headers) -> str | None:
        """Return the version of the plan that the request began under; None if Envoy does not say."""

    @abstractmethod
    def _meant(self, message: Headers) -> T:
        """Return what the request is sent to. Raises ClientError unless all that Envoy says of it agrees."""

    @abstractmethod
    def _headers(self, message: Headers, target: T, now: float) -> Effects:
        """Return the changes to the request's headers."""

    @abstractmethod
    def _body(self, message: Body) -> Effects:
        """Return the changes to the request's body. Raises ClientError."""

    def _response_headers(self, message: Headers) -> Effects:
        return PASS[message.side, Phase.HEADERS]

    def _response_body(self, message: Body) -> Effects:
        return PASS[message.side, Phase.BODY]

    @abstractmethod
    def _record(self, now: float) -> AttemptRecord:
        """Return the record of the exchange."""

    def _renamed(self, body: bytes, unreadable: ClientError) -> bytes:
        """Return the body with the model's name there. Raises `unreadable`, or MisconfiguredError."""
        target = self._target
        if target is None:
            raise MisconfiguredError("request_header_mode")
        try:
            asked = target.claimed.api.read_request(body, target.claimed)
        except ClientError:
            raise unreadable from None
        if asked.model_span is None or asked.model == target.model:
            return body
        return apis.rename(body, asked.model_span, target.model)

    def _duration(self, now: float) -> float:
        """Return how long the exchange took, in milliseconds."""
        return round((now - self._started) * 1000, 3)

    def _refuse(self, error: ClientError) -> Effect:
        self._over = True
        what = f"_{error.what}" if isinstance(error, MisconfiguredError) else ""
        self._reason = error.code + what
        teller = None if self._target is None else self._target.claimed.api
        return rejection(error, teller, self._request_id, "rejected", self._reason)


def rewritten(message: Body | None, body: bytes) -> Effects:
    """Return what replaces the body of `message` by `body`, and the length in its headers: both may be another's.

    `message` is None if the body was changed before.
    """
    length = HeaderMutation(more=(("content-length", b"%d" % len(body)),))
    same = message is not None and body is message.data
    return (Proceed(Side.REQUEST, Phase.BODY, length, None if same else body),)
