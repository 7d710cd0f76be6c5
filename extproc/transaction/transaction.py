"""One HTTP exchange, from Envoy's first message to its last. The only decider."""

from typing import Final, cast

from extproc.protocol.effects import Abort, AbortCode, Effect
from extproc.protocol.errors import ClientError, ProtocolViolation
from extproc.protocol.messages import (
    Body,
    Deadline,
    Gone,
    Headers,
    Message,
    Side,
    Trailers,
    Unknown,
)
from extproc.transaction.answers import NOTHING, Effects, rejection
from extproc.transaction.facts import Facts
from extproc.transaction.lanes import Lane
from extproc.transaction.plan import Plan
from extproc.transaction.request import Intent, RequestSide
from extproc.transaction.response import ResponseSide
from extproc.transaction.shared import Shared

GRACE: Final = 5.0
"""Seconds past `limits.request_timeout` after which a request whose body Envoy still buffers is aborted: Envoy's own
timeout of the same length comes first and tells the client; this one is for an Envoy that has none."""


# Members of an Enum are looked up slowly; these two for every message.
_RESPONSE: Final = Side.RESPONSE
_READING: Final = Intent.READING


class Transaction:
    """Takes messages, gives effects. Request and response are independent sides: either may speak first.

    `deadline` is when the shell is to send `Deadline`, in its own clock's seconds. The one exception that leaves
    `receive` is ProtocolViolation; the shell then ends the stream with an error. Where a lane says that nobody reads a
    body, the shell may answer its pieces without asking.
    """

    __slots__ = (
        "_facts",
        "_over",
        "_plan",
        "_request",
        "_response",
        "_told",
        "deadline",
        "request_lane",
        "response_lane",
    )

    def __init__(self, plan: Plan, shared: Shared, now: float) -> None:
        self._plan = plan
        self._facts = Facts(now)
        self._request = RequestSide(plan, shared, self._facts)
        self._response = ResponseSide(plan, shared, self._facts)
        self._over = False
        self._told = False
        self.request_lane = Lane.READ
        self.response_lane = Lane.READ
        self.deadline = now + plan.limits.request_timeout

    def receive(self, message: Message, now: float) -> Effects:
        """What is to be done about `message`, which came at `now`."""
        if type(message) is Gone:
            return self._tell(now)
        if self._over:
            return NOTHING  # what Envoy had sent before our last word reached it
        try:
            return self._proceed(message, now)
        except ClientError as error:
            return (self._reject(error),)
        except ProtocolViolation:
            self._fail("protocol_violation")
            raise

    def _proceed(self, message: Message, now: float) -> Effects:
        # By class and not by pattern: this is what every message pays for.
        kind = type(message)
        if kind is Headers or kind is Body or kind is Trailers:
            of_a_side = cast("Headers | Body | Trailers", message)
            if of_a_side.config is not None:
                self._request.configure(of_a_side.config)
                self._response.configure(of_a_side.config)
            return (
                self._on_response(of_a_side, now) if of_a_side.side is _RESPONSE else self._on_request(of_a_side, now)
            )
        if kind is Deadline:
            return (self._expire(now),)
        if kind is Unknown:
            raise ProtocolViolation("a message of no known kind")
        raise ProtocolViolation("an answer to work that was never asked for")

    def _on_request(self, message: Headers | Body | Trailers, now: float) -> Effects:
        request = self._request
        if type(message) is Headers:
            effects = request.headers(message)
        elif type(message) is Body:
            effects = request.body(message, now)
        else:
            effects = request.trailers(now)
        self.request_lane = request.lane
        # Once a request needs no more reading, only the exchange as a whole is under a deadline.
        if request.intent is not _READING:
            self.deadline = self._facts.started + self._plan.limits.exchange_timeout
        elif not request.may_answer:
            self.deadline = self._facts.started + self._plan.limits.request_timeout + GRACE
        return effects

    def _on_response(self, message: Headers | Body | Trailers, now: float) -> Effects:
        if type(message) is Body:
            return self._response.body(message)
        if type(message) is Headers:
            effects = self._response.headers(message, now)
            self.response_lane = self._response.lane
            return effects
        return self._response.trailers()

    def _reject(self, error: ClientError) -> Effect:
        self._end()
        self._facts.decision, self._facts.failure = "rejected", error.code
        self._facts.status = error.status
        return rejection(error, self._facts.dialect, self._facts.request_id)

    def _expire(self, now: float) -> Effect:
        self.deadline = now + self._plan.limits.exchange_timeout
        if self._request.may_answer:
            return self._reject(ClientError(408, "request_timeout", "The request did not arrive in time."))
        reading = self._request.intent is Intent.READING
        reason = "request_timeout" if reading else "exchange_timeout"
        self._fail(reason)
        return Abort(AbortCode.DEADLINE_EXCEEDED, reason)

    def _fail(self, reason: str) -> None:
        self._end()
        self._facts.decision, self._facts.failure = "failed", reason

    def _end(self) -> None:
        """Nothing more is answered: what still comes is to be shown here, and dropped."""
        self._over = True
        self.request_lane = self.response_lane = Lane.READ

    def _tell(self, now: float) -> Effects:
        if self._told:
            return NOTHING
        self._over = self._told = True
        if self._request.intent is Intent.READING and self._facts.failure is None:
            self._facts.decision, self._facts.reason = "gone", "client_gone"
        return (self._facts.record(now),)
