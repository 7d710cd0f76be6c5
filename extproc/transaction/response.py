"""The response side: what the answer says of its backend, the headers of the contract, and the body where it is read.

An event stream goes on as it is judged; any other answer waits until all of it is. Where Envoy can be told so, the
first is asked for in full duplex, as only there can we end an answer, and the other buffered, so that its headers wait.
"""

import re
from enum import Enum, auto
from typing import Final

from extproc.inspection.answers import AnswerStream
from extproc.inspection.judge import Job, Verdict
from extproc.inspection.verdict import Blocked
from extproc.llm.text import encodings
from extproc.llm.text.fieldvalue import parse
from extproc.protocol.effects import Chunk, HeaderMutation, Phase, Proceed
from extproc.protocol.enums import plain
from extproc.protocol.errors import ClientError, ProtocolViolation
from extproc.protocol.headers import HeaderMap
from extproc.protocol.messages import Body, Headers, Side
from extproc.protocol.modes import BodyMode, ModeOverride, ProtocolConfig, SendMode
from extproc.protocol.states import Event, State, advance
from extproc.routing.health import FAILURE_STATUS
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
from extproc.transaction.pieces import pieces
from extproc.transaction.plan import Plan
from extproc.transaction.request import INLINE_BYTES
from extproc.transaction.shared import Shared

# `response.code_details` tells a backend's own answer from Envoy's local replies, which pass through us, too.
_FROM_UPSTREAM: Final = "via_upstream"
_RESET: Final = re.compile(r"upstream_reset_before_response_started\{(\w+)")
_NO_CONNECTION: Final = frozenset({"remote_connection_failure", "local_connection_failure", "connection_timeout"})
_NO_HOST: Final = ("no_healthy_upstream", "cluster_not_found")
_NO_ANSWER: Final = ("response_timeout", "upstream_per_try_timeout", "stream_idle_timeout")
# Modes that a `mode_override` in the headers answer may end; Envoy ignores one where full duplex is configured.
_CAN_STOP: Final = (BodyMode.STREAMED, BodyMode.BUFFERED, BodyMode.BUFFERED_PARTIAL)


_STOP: Final = tuple(ModeOverride(mode, BodyMode.NONE) for mode in BodyMode)
"""The override that ends the response's body, by the request's mode, which has to be said again."""
_STATUS: Final = {b"%d" % status: status for status in range(100, 600)}


@plain
class Outcome(Enum):
    """What an answer says of the backend that was chosen."""

    SERVED = auto()
    FAILED = auto()
    UNREACHABLE = auto()  # nobody answers there at all
    UNKNOWN = auto()  # Envoy answered for reasons of its own


@plain
class Reading(Enum):
    """What is done about the body."""

    NOT = auto()  # it passes as it comes
    WHOLE = auto()  # it is held until all of it is judged
    STREAM = auto()  # it is judged as it comes
    CUT = auto()  # we have ended the answer; what still comes is dropped


class ResponseSide:
    """Passes the answer on, read where a pipeline wants it. Raises ClientError for what the client gets instead.

    While `job` is not None, the body is being judged; nothing else may be fed until `judged` was told the verdict.
    """

    __slots__ = (
        "_codings",
        "_early",
        "_facts",
        "_held",
        "_kind",
        "_mutation",
        "_plain",
        "_plan",
        "_reading",
        "_request_mode",
        "_shared",
        "_size",
        "_stream",
        "_trailers",
        "job",
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
        self._reading = Reading.NOT
        self._held: list[bytes] = []
        self._size = 0
        self._plain = b""
        self._codings: tuple[str, ...] = ()
        self._kind = ""
        self._mutation: HeaderMutation | None = None
        self._stream: AnswerStream | None = None
        self._trailers = False
        self.job: Job | None = None
        self.lane = Lane.READ
        self.mode = BodyMode.NONE
        self.state = State.IDLE

    def configure(self, config: ProtocolConfig) -> None:
        """Takes the modes that the first message of the exchange tells of."""
        self.mode = config.response_body
        self._request_mode = config.request_body
        self._early = config.body_early

    def headers(self, message: Headers, now: float) -> Effects:
        """Learns about the backend, sets the contract's headers, and says what is to become of the body."""
        self.state = advance(self.mode, self.state, Event.HEADERS_END if message.end else Event.HEADERS, Side.RESPONSE)
        self._observe(message, now)
        headers = self._contract(message)
        findings = self._facts.findings
        if findings is not None and not message.end and findings.reads_answer and _from_upstream(message):
            self._reading = self._wanted(message, findings)
            if self._reading is not Reading.NOT:
                return self._read(headers or HeaderMutation())
        if not message.end:
            self.lane = Lane.ECHO if self.mode is BodyMode.FULL_DUPLEX_STREAMED else Lane.PASS
        modes = None if message.end else self._without_body()
        if headers is None and modes is None:
            return PASS_RESPONSE_HEADERS
        return (Proceed(Side.RESPONSE, Phase.HEADERS, headers, modes=modes),)

    def body(self, message: Body, now: float) -> Effects:
        """Judges a piece, or passes it on. One may come although none was wanted: an override is not always allowed."""
        data, before = message.data, self.state
        event = (Event.BODY_END if data else Event.EMPTY_END) if message.end else Event.BODY
        self.state = advance(self.mode, before, event, Side.RESPONSE)
        match self._reading:
            case Reading.STREAM:
                return self._feed(message)
            case Reading.WHOLE:
                return self._collect(message, now)
            case Reading.CUT:
                return self._drop()
        if self.mode is not BodyMode.FULL_DUPLEX_STREAMED:
            return PASS_RESPONSE_BODY
        if before is State.DONE or not (data or message.end):
            return NOTHING
        return (Chunk(Side.RESPONSE, data, message.end),)

    def trailers(self, now: float) -> Effects:
        """Ends the body, where an end mark did not, and passes the trailers on."""
        self.state = advance(self.mode, self.state, Event.TRAILERS, Side.RESPONSE)
        match self._reading:
            case Reading.STREAM:
                assert self._stream is not None
                out = self._stream.close()
                self._settle_stream(self._stream)
                ended = (Chunk(Side.RESPONSE, out),) if out and self.mode is BodyMode.FULL_DUPLEX_STREAMED else ()
                return (*ended, *PASS_RESPONSE_TRAILERS)
            case Reading.WHOLE:
                self._trailers = True
                return self._judge(now)
            case Reading.CUT:
                return NOTHING if self.mode is BodyMode.FULL_DUPLEX_STREAMED else PASS_RESPONSE_TRAILERS
        return PASS_RESPONSE_TRAILERS

    def gone(self) -> None:
        """The exchange is over; what a stream came to is told, however it ended."""
        if self._stream is not None:
            self._settle_stream(self._stream)

    # -- what is read

    def _wanted(self, message: Headers, findings: Findings) -> Reading:
        """How the body is to be read. Raises ClientError where it should be and cannot."""
        kind = message.fields.text("content-type")
        value = parse(kind).value
        streams = value == "text/event-stream"
        if not (streams or value == "application/json" or value.endswith("+json")):
            if value not in findings.pipeline.content_types:
                return self._unread("content_type")
        elif not streams and _exceeds(message.fields, findings.pipeline.body_limit):
            return self._oversize(findings)
        given = message.fields.getall("content-encoding")
        try:
            self._codings = encodings.codings(b",".join(given).decode("latin-1")) if given else ()
        except encodings.UnknownEncodingError:
            return self._unread("encoding")
        self._kind = kind
        return Reading.STREAM if streams else Reading.WHOLE

    def _unread(self, reason: str) -> Reading:
        findings = self._facts.findings
        assert findings is not None
        findings.unread[reason] += 1
        if not findings.pipeline.blocks_unread or findings.pipeline.response is None:
            return Reading.NOT
        findings.blocked = Blocked(findings.pipeline.name, "uninspected")
        raise self._refused(findings.pipeline.unread)

    def _oversize(self, findings: Findings) -> Reading:
        findings.unread["size"] += 1
        if not findings.pipeline.blocks_oversize or findings.pipeline.response is None:
            return Reading.NOT
        findings.blocked = Blocked(findings.pipeline.name, "oversize")
        limit = findings.pipeline.body_limit
        raise ClientError(502, "response_too_large", f"The answer is larger than the limit of {limit} bytes.")

    def _refused(self, error: ClientError) -> ClientError:
        """The refusal of an answer; an error of the backend's stays one, so that clients try again as they should."""
        status = self._facts.status
        if status is None or status < 400:
            return error
        return ClientError(status, error.code, error.message)

    def _read(self, headers: HeaderMutation) -> Effects:
        """Answers the headers of a body that is to be read, or holds them."""
        gone = ("content-length", *(("content-encoding",) if self._codings else ()))
        streams = self._reading is Reading.STREAM
        if streams:
            self._stream = self._opened()
            headers = _without(headers, *gone)
        if self.mode is BodyMode.FULL_DUPLEX_STREAMED:
            self._mutation = headers
            return (Proceed(Side.RESPONSE, Phase.HEADERS, headers),) if streams else NOTHING
        if self._early or self._request_mode is BodyMode.FULL_DUPLEX_STREAMED:
            raise ProtocolViolation(
                "the policy reads answers: set response_body_mode to FULL_DUPLEX_STREAMED, or the request's to BUFFERED"
            )
        self._mutation = headers
        wanted = BodyMode.FULL_DUPLEX_STREAMED if streams else BodyMode.BUFFERED
        modes = None if self.mode is wanted else _override(self._request_mode, wanted)
        self.mode = wanted
        # Of a buffered body the length is set once it is known; Envoy would take a wrong one as it is.
        return (Proceed(Side.RESPONSE, Phase.HEADERS, headers, modes=modes),)

    def _opened(self) -> AnswerStream:
        findings = self._facts.findings
        assert findings is not None
        stage = findings.pipeline.response
        dialect = self._facts.dialect
        return AnswerStream(
            stage,
            None if stage is None else stage.active(findings.said),
            findings.vault,
            dialect=dialect.name if dialect is not None else "mcp" if findings.rpc is not None else "",
            refusal=findings.pipeline.refusal,
            blocks_unread=findings.pipeline.blocks_unread and stage is not None,
            codings=self._codings,
            details=findings.details,
        )

    # -- event streams

    def _feed(self, message: Body) -> Effects:
        stream = self._stream
        assert stream is not None
        out = stream.feed(message.data) if message.data else b""
        if message.end and not stream.ended:
            out += stream.close()
        if stream.ended or message.end:
            self._settle_stream(stream)
        if stream.ended and not message.end:
            self._reading = Reading.CUT
        if self.mode is not BodyMode.FULL_DUPLEX_STREAMED:
            return (Proceed(Side.RESPONSE, Phase.BODY, body=out),)
        if not out and not message.end and not stream.ended:
            return NOTHING
        return (Chunk(Side.RESPONSE, out, message.end or stream.ended),)

    def _settle_stream(self, stream: AnswerStream) -> None:
        self._stream = None
        self._reading = Reading.NOT if self._reading is Reading.STREAM else self._reading
        findings = self._facts.findings
        assert findings is not None
        findings.add(stream.counts, stream.failures, stream.unread, masked=stream.masked)
        findings.blocked = findings.blocked or stream.blocked

    def _drop(self) -> Effects:
        if self.mode is BodyMode.FULL_DUPLEX_STREAMED:
            return NOTHING
        return (Proceed(Side.RESPONSE, Phase.BODY, body=b""),)

    # -- whole answers

    def _collect(self, message: Body, now: float) -> Effects:
        findings = self._facts.findings
        assert findings is not None
        self._held.append(message.data)
        self._size += len(message.data)
        if self._size > findings.pipeline.body_limit:
            self._reading = self._oversize(findings)
            return self._let_go(message)
        return NOTHING if self.state is State.OPEN else self._judge(now)

    def _let_go(self, message: Body) -> Effects:
        """Sends on what was held of an answer that is not read after all."""
        if self.mode is not BodyMode.FULL_DUPLEX_STREAMED:
            return PASS_RESPONSE_BODY
        held, self._held = b"".join(self._held), []
        first = Proceed(Side.RESPONSE, Phase.HEADERS, self._mutation)
        return (first, *pieces(Side.RESPONSE, held, end=message.end))

    def _judge(self, now: float) -> Effects:
        """Judges the whole of the answer, here or in another thread."""
        findings = self._facts.findings
        assert findings is not None
        pipeline, stage = findings.pipeline, findings.pipeline.response
        try:
            body = b"".join(self._held)
            plain = encodings.decode(body, self._codings, pipeline.body_limit) if self._codings else body
        except encodings.DecodedTooLargeError:
            self._oversize(findings)
            return self._go_on(None)
        except encodings.EncodingError:
            self._unread("encoding")
            return self._go_on(None)
        self._plain = plain
        job = Job(
            pipeline.name,
            stage,
            plain,
            self._kind,
            findings.said,
            findings.vault,
            pipeline.blocks_unread and stage is not None,
            restores=True,
            active=None if stage is None else stage.active(findings.said),
            detailed=findings.details is not None,
        )
        if len(plain) <= INLINE_BYTES:
            return self.judged(job.run(), now)
        self.job = job
        return NOTHING

    def judged(self, verdict: Verdict, now: float) -> Effects:  # noqa: ARG002  - as for requests
        """Goes on with what inspection says of the answer."""
        self.job = None
        findings = self._facts.findings
        assert findings is not None
        findings.take(verdict)
        if verdict.blocked is not None:
            raise self._refused(findings.refusal(verdict.blocked))
        plain, self._plain = self._plain, b""
        return self._go_on(None if verdict.body is plain else verdict.body)

    def _go_on(self, changed: bytes | None) -> Effects:
        """Sends the answer on: `changed`, or what it was."""
        held, self._held = self._held, []
        self._reading = Reading.NOT
        headers = self._mutation or HeaderMutation()
        if changed is not None:
            if self._codings:
                headers = _without(headers, "content-encoding")
            if not self._trailers:
                headers = HeaderMutation(
                    headers.set, headers.remove, (*headers.more, ("content-length", b"%d" % len(changed)))
                )
        if self.mode is not BodyMode.FULL_DUPLEX_STREAMED:
            answered = (
                PASS_RESPONSE_BODY if changed is None else (Proceed(Side.RESPONSE, Phase.BODY, headers, changed),)
            )
            return (*answered, *PASS_RESPONSE_TRAILERS) if self._trailers else answered
        onward = b"".join(held) if changed is None else changed
        first = Proceed(Side.RESPONSE, Phase.HEADERS, headers)
        if self._trailers:
            body = pieces(Side.RESPONSE, onward, end=False) if onward else ()
            return (first, *body, *PASS_RESPONSE_TRAILERS)
        return (first, *pieces(Side.RESPONSE, onward))

    def _observe(self, message: Headers, now: float) -> None:
        status = self._facts.status = _STATUS.get(message.fields.get(":status") or b"")
        choice = self._facts.choice
        if choice is None:
            return
        backend, settings, health = choice.candidate.destination.name, self._plan.health, self._shared.health
        match _outcome(message, status):
            case Outcome.SERVED:
                health.served(backend)
            case Outcome.FAILED:
                health.failed(backend, now=now, failures=settings.failures, cooldown=settings.cooldown)
            case Outcome.UNREACHABLE:
                health.unreachable(backend, now=now, cooldown=settings.cooldown)
            case Outcome.UNKNOWN:
                pass

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

    def _without_body(self) -> ModeOverride | None:
        if self.mode not in _CAN_STOP or self._early or self._request_mode is BodyMode.FULL_DUPLEX_STREAMED:
            return None
        return _STOP[self._request_mode]


def _override(request: BodyMode, response: BodyMode) -> ModeOverride:
    trailers = SendMode.SEND if response is BodyMode.FULL_DUPLEX_STREAMED else SendMode.DEFAULT
    return ModeOverride(request, response, response_trailers=trailers)


def _without(headers: HeaderMutation, *names: str) -> HeaderMutation:
    return HeaderMutation(headers.set, (*headers.remove, *names), headers.more)


def _exceeds(fields: HeaderMap, limit: int) -> bool:
    length = fields.get("content-length")
    return length is not None and length.isdigit() and (len(length) > 15 or int(length) > limit)


def _from_upstream(message: Headers) -> bool:
    """Whether a backend said it: Envoy's own replies hold nothing of anybody's."""
    return message.attributes.get("response.code_details", _FROM_UPSTREAM) == _FROM_UPSTREAM


def _outcome(message: Headers, status: int | None) -> Outcome:
    if status is not None and status < 400:
        return Outcome.SERVED  # without a look at the attributes: Envoy's own replies are errors
    details = message.attributes.get("response.code_details", _FROM_UPSTREAM)
    if details == _FROM_UPSTREAM:
        return Outcome.FAILED if status in FAILURE_STATUS else Outcome.SERVED
    if details.startswith(_NO_HOST):
        return Outcome.UNREACHABLE
    reset = _RESET.match(details)
    if reset is not None:
        # `overflow` is Envoy's own circuit breaker: no word about the backend.
        return Outcome.UNREACHABLE if reset[1] in _NO_CONNECTION else _reset(reset[1])
    return Outcome.FAILED if details.startswith(_NO_ANSWER) else Outcome.UNKNOWN


def _reset(reason: str) -> Outcome:
    return Outcome.UNKNOWN if reason == "overflow" else Outcome.FAILED
