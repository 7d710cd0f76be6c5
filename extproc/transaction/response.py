"""The response side: what the answer says of its backend, the headers of the contract, and the body where it is read.

An event stream goes on as it is judged; any other answer waits until all of it is. Where Envoy can be told so, the
first is asked for in full duplex, as only there can we end an answer, and the other buffered, so that its headers wait.
"""

from typing import Final

from extproc.protocol.effects import Chunk, HeaderMutation, Phase, Proceed
from extproc.protocol.errors import ProtocolViolation
from extproc.protocol.messages import Body, Headers, Side
from extproc.protocol.modes import BodyMode, ModeOverride, ProtocolConfig, SendMode
from extproc.protocol.states import Event, State, advance
from extproc.transaction.answers import (
    NOTHING,
    PASS_RESPONSE_BODY,
    PASS_RESPONSE_HEADERS,
    PASS_RESPONSE_TRAILERS,
    Effects,
)
from extproc.transaction.facts import Facts
from extproc.transaction.findings import Findings
from extproc.transaction.lanes import Lane
from extproc.transaction.outcome import from_upstream, observe, status_of
from extproc.transaction.plan import Plan
from extproc.transaction.reading import Piece, Room, StreamedAnswer, Wanted, WholeAnswer, wanted
from extproc.transaction.shared import Shared
from extproc.transaction.work import ResponseWork

# Modes that a `mode_override` in the headers answer may end; Envoy ignores one where full duplex is configured.
_CAN_STOP: Final = (BodyMode.STREAMED, BodyMode.BUFFERED, BodyMode.BUFFERED_PARTIAL)


_STOP: Final = tuple(
    (Proceed(Side.RESPONSE, Phase.HEADERS, modes=ModeOverride(mode, BodyMode.NONE), lasting=True),) for mode in BodyMode
)
"""The override that ends the response's body, by the request's mode, which has to be said again."""


class ResponseSide:
    """Passes the answer on, read where a pipeline wants it. Raises ClientError for what the client gets instead.

    While `job` is not None, the body is being judged; nothing else may be fed until `judged` was told the verdict.
    """

    __slots__ = (
        "_answer",
        "_early",
        "_facts",
        "_plan",
        "_request_mode",
        "_shared",
        "lane",
        "mode",
        "state",
    )

    def __init__(self, plan: Plan, shared: Shared, facts: Facts) -> None:
        self._plan = plan
        self._shared = shared
        self._facts = facts
        self._early = False
        self._request_mode = BodyMode.NONE
        self._answer: WholeAnswer | StreamedAnswer | None = None
        self.lane = Lane.READ
        self.mode = BodyMode.NONE
        self.state = State.IDLE

    @property
    def job(self) -> ResponseWork | Piece | None:
        """Work to be handed out before anything more of the answer is fed."""
        return None if self._answer is None else self._answer.job

    @job.setter
    def job(self, job: ResponseWork) -> None:
        assert isinstance(self._answer, WholeAnswer)
        self._answer.job = job

    def configure(self, config: ProtocolConfig) -> None:
        """Takes the modes that the first message of the exchange tells of."""
        self.mode = config.response_body
        self._request_mode = config.request_body
        self._early = config.body_early

    def headers(self, message: Headers, now: float) -> Effects:
        """Learns about the backend, sets the contract's headers, and says what is to become of the body."""
        self.state = advance(self.mode, self.state, Event.HEADERS_END if message.end else Event.HEADERS, Side.RESPONSE)
        facts = self._facts
        facts.status = status_of(message)
        if facts.choice is not None:
            backend = facts.choice.candidate.destination.name
            observe(self._shared.health, self._plan.health, backend, message, now)
        headers = self._contract(message)
        findings = facts.findings
        if findings is not None and not message.end and findings.reads_answer and from_upstream(message):
            how = wanted(facts, findings, message.fields)
            if how is not None:
                return self._read(how, findings, headers or HeaderMutation())
        if not message.end:
            self.lane = Lane.ECHO if self.mode is BodyMode.FULL_DUPLEX_STREAMED else Lane.PASS
        stop = None if message.end else self._without_body()
        if headers is None:
            return PASS_RESPONSE_HEADERS if stop is None else stop
        return (Proceed(Side.RESPONSE, Phase.HEADERS, headers, modes=None if stop is None else stop[0].modes),)

    def body(self, message: Body) -> Effects:
        """Judges a piece, or passes it on. One may come although none was wanted: an override is not always allowed."""
        data, before = message.data, self.state
        event = (Event.BODY_END if data else Event.EMPTY_END) if message.end else Event.BODY
        self.state = advance(self.mode, before, event, Side.RESPONSE)
        if before is State.IDLE and self._facts.findings is not None and self._facts.findings.reads_answer:
            raise ProtocolViolation("a response body came without headers: set response_header_mode: SEND")
        if self._answer is not None:
            return self._answer.piece(message, ends=self.state is not State.OPEN)
        if self.mode is not BodyMode.FULL_DUPLEX_STREAMED:
            return PASS_RESPONSE_BODY
        if before is State.DONE or not (data or message.end):
            return NOTHING
        return (Chunk(Side.RESPONSE, data, message.end),)

    def trailers(self) -> Effects:
        """Ends the body, where an end mark did not, and passes the trailers on."""
        self.state = advance(self.mode, self.state, Event.TRAILERS, Side.RESPONSE)
        return PASS_RESPONSE_TRAILERS if self._answer is None else self._answer.trailers()

    def judged(self, result: object, now: float) -> Effects:  # noqa: ARG002  - as for requests
        """Goes on with what became of the work that was handed out."""
        assert self._answer is not None
        return self._answer.judged(result)

    def gone(self) -> None:
        """The exchange is over; what a stream came to is told, however it ended."""
        if self._answer is not None:
            self._answer.gone()

    def _read(self, how: Wanted, findings: Findings, headers: HeaderMutation) -> Effects:
        """Answers the headers of a body that is to be read, or holds them."""
        facts, duplex = self._facts, self.mode is BodyMode.FULL_DUPLEX_STREAMED
        if not duplex and (self._early or self._request_mode is BodyMode.FULL_DUPLEX_STREAMED):
            raise ProtocolViolation(
                "the policy reads answers: set response_body_mode to FULL_DUPLEX_STREAMED, or the request's to BUFFERED"
            )
        if how.streams:
            self._answer = StreamedAnswer(facts, findings, how)
            # Its length will be another, and it goes on decoded.
            headers = headers.removing("content-length", *(("content-encoding",) if how.codings else ()))
        else:
            self._answer = WholeAnswer(
                facts, findings, how, headers, duplex=duplex, room=Room(self._shared, self._plan.limits.held)
            )
            if duplex:
                return NOTHING
        wanted = BodyMode.FULL_DUPLEX_STREAMED if how.streams else BodyMode.BUFFERED
        modes = None if self.mode is wanted else _override(self._request_mode, wanted)
        self.mode = wanted
        return (Proceed(Side.RESPONSE, Phase.HEADERS, headers, modes=modes),)

    def _contract(self, message: Headers) -> HeaderMutation | None:
        steering = self._facts.steering
        if steering is None:
            return None
        ours, request_id = steering.response, self._facts.request_id
        spoofed = self._plan.control_headers(message.fields)
        if spoofed:
            # What an upstream says in our name is not passed on.
            names = {"x-extproc-request-id", *(name for name, _ in ours)}
            spoofed = tuple(name for name in spoofed if name not in names)
        return HeaderMutation(ours, spoofed, (("x-extproc-request-id", request_id),) if request_id else ())

    def _without_body(self) -> tuple[Proceed] | None:
        if self.mode not in _CAN_STOP or self._early or self._request_mode is BodyMode.FULL_DUPLEX_STREAMED:
            return None
        return _STOP[self._request_mode]


def _override(request: BodyMode, response: BodyMode) -> ModeOverride:
    trailers = SendMode.SEND if response is BodyMode.FULL_DUPLEX_STREAMED else SendMode.DEFAULT
    return ModeOverride(request, response, response_trailers=trailers)
