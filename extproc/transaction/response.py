"""The response side: what the answer says of its backend, the headers of the contract, and the body where it is read.

An event stream goes on as it is judged; any other answer waits until all of it is. Where Envoy buffers answers by its
configuration, streams are asked for in full duplex, as only there can we end an answer, and what nobody reads not at
all. Envoy does not say whether it takes such an override: where it does not, an answer stays buffered, and no text of
it may pass for that (see `Proof`).
"""

from typing import Final, TypeAlias

from extproc.protocol.effects import Chunk, HeaderMutation, Phase, Proceed
from extproc.protocol.headers import HeaderMap
from extproc.protocol.messages import Body, Headers, Side, Trailers
from extproc.protocol.modes import BodyMode, ProtocolConfig
from extproc.protocol.states import MessageKind, SideState, advance
from extproc.protocol.work import WorkResult
from extproc.transaction.answers import NOTHING, PASS, PASS_RESPONSE_BODY, PASS_RESPONSE_HEADERS, Effects
from extproc.transaction.counting.edited_stream import EditedStream, tapped
from extproc.transaction.counting.exchange_usage import ExchangeUsage
from extproc.transaction.findings import Findings
from extproc.transaction.lanes import Lane, Tap
from extproc.transaction.mcp.requests import session_named
from extproc.transaction.memory import ERROR, Memory
from extproc.transaction.outcome import FROM_UPSTREAM, details_of, exhausted, length_of, status_of
from extproc.transaction.plan import Plan
from extproc.transaction.requests.picks import settle
from extproc.transaction.requests.weighed import note_written
from extproc.transaction.responses.answer_body import Room, Wanted, WholeAnswer, only_tagged, only_watches, wanted
from extproc.transaction.responses.heading import contract_headers, observed, quotes
from extproc.transaction.responses.keepalive import Keepalive
from extproc.transaction.responses.overrides import CAN_STOP, PIECES, in_pieces, override, without_body
from extproc.transaction.responses.quoting import ErrorAnswer
from extproc.transaction.responses.staging import check_stages, read_for, staged
from extproc.transaction.responses.streaming import StreamedAnswer
from extproc.transaction.responses.watching import WatchedBody, WatchedStream
from extproc.transaction.responses.windowed import WindowedAnswer
from extproc.transaction.shared import Shared
from extproc.transaction.steering.astray import check_arrived
from extproc.transaction.steering.misconfigured import MisconfiguredError, detail_of
from extproc.transaction.steering.proof import END, Proof
from extproc.transaction.upstream.failover import follow_attempts

CUT_EARLY: Final = 1.0
"""Seconds after its headers within which the end of a response counts as a backend's failure. Whether the backend or
the client left, Envoy does not say; users who stop a response have seen something of it before."""


ReadResponse: TypeAlias = WholeAnswer | StreamedAnswer | WatchedBody | WatchedStream | ErrorAnswer | EditedStream
"""A response's body while it is read, or edited."""


class ResponseSide:
    """Passes the answer on, read where a pipeline wants it. Raises ClientError for what the client gets instead.

    Each method returns what is to be done, work included. While such work is handed out, `keeps` says what becomes of a
    message.
    """

    __slots__ = (
        "_answer",
        "_early",
        "_left",
        "_memory",
        "_plan",
        "_proof",
        "_request_mode",
        "_shared",
        "alive",
        "begun",
        "lane",
        "mode",
        "state",
        "tap",
    )

    def __init__(self, plan: Plan, shared: Shared, memory: Memory) -> None:
        self._plan = plan
        self._shared = shared
        self._memory = memory
        self.begun: float | None = None  # when a backend's response that counts for its health began
        self._early = False
        self._left: int | None = None  # bytes of a body with a length that are still to come
        self._request_mode = BodyMode.NONE
        self._answer: ReadResponse | None = None
        self._proof: Proof | None = None
        self.alive: Keepalive | None = None
        self.tap: Tap | None = None  # shown the pieces of a body that passes, where `lane` says so
        self.lane = Lane.READ
        self.mode = BodyMode.NONE
        self.state = SideState.IDLE

    def keeps(self, message: Headers | Body | Trailers) -> Effects | None:
        """Return what becomes of a message that comes while work is handed out: None if it is to be fed now.

        Else it has to wait, unless the response has `ended`.
        """
        answer = self._answer
        if answer is None or not answer.waits:
            return None
        if answer.ended or type(message) is not Body:
            return NOTHING
        return answer.queued(len(message.data))

    @property
    def ended(self) -> bool:
        """True once nothing more of the response goes on: what comes is dropped."""
        return self._answer is not None and self._answer.ended

    @property
    def unread(self) -> bool:
        """True if nothing of the response's body is shown here, or its pieces are answered without being looked at."""
        return self.lane is Lane.PASS

    @property
    def withholds(self) -> bool:
        """True if a stream's end waits for time to show that Envoy took an override."""
        return self._proof is not None and self._proof.withholds

    @property
    def unproven(self) -> bool:
        """True if the exchange ended before anything showed that Envoy took an override."""
        return self._proof is not None and self._proof.missing

    def proven(self) -> Chunk:
        """The time has passed: the end of the stream."""
        self._shared.overridden.add(self._memory.configuration)
        self._proof = None
        return END

    def configure(self, config: ProtocolConfig) -> None:
        """Takes the modes that the first message of the exchange tells of."""
        self.mode = config.response_body
        self._request_mode = config.request_body
        self._early = config.body_early

    def expect(self) -> None:
        """Sees to it that Envoy hands the response over, if it passes answer stages. Raises MisconfiguredError."""
        check_stages(self._plan, self._memory, self._config)

    def headers(self, message: Headers, now: float) -> Effects:
        """Learns about the backend, sets the contract's headers, and says what is to become of the body."""
        self.state = advance(
            self.mode, self.state, MessageKind.HEADERS_END if message.end else MessageKind.HEADERS, Side.RESPONSE
        )
        memory, details = self._memory, details_of(message)
        memory.status = status_of(message)
        if memory.spending is not None:
            memory.spending.responded(memory.status, details)
        memory.first_byte = now
        if (steering := memory.steering) is not None and steering.planned is not None and not memory.observed:
            follow_attempts(self._plan, self._shared, memory, message, details, now)
        quoted = None
        if (destination := memory.destination) is not None:
            quoted = destination.quoted
            if not memory.observed:
                check_arrived(self._plan, self._shared, memory, message, destination, details)
                self.begun = observed(self._plan, self._shared, memory, message, details, now)
        if memory.picked is not None and memory.attempt == 1 and not memory.observed:
            settle(self._plan, self._shared, memory, message, details, now)
        headers = contract_headers(self._plan, memory, message)
        if self._plan.budgets is not None:
            headers = self._plan.budgets.told(self._shared, memory, headers, now)
        if memory.mcp is not None:
            headers = session_named(memory, message.fields, headers)
        if quoted is not None and quotes(quoted, message.fields):
            raise memory.withheld()
        if not message.end:
            if details == FROM_UPSTREAM:
                counted = memory.counting is not None and memory.counting.begin(message.fields)
                findings = None
                if memory.findings or memory.seals or memory.filter or self._plan.stages:  # most have none of them
                    findings = read_for(self._plan, memory, message.fields, self._config)
                how = None if findings is None else wanted(memory, findings, message.fields)
                if findings is not None and how is not None:
                    return self._read(how, findings, headers or HeaderMutation(), length_of(message), now)
                if quoted is not None and memory.reads_error:
                    return self._read_error(message.fields, headers or HeaderMutation())
                if counted and memory.counting is not None and (self.mode in PIECES or self._may_override):
                    return self._tapped(memory.counting, headers, length_of(message))
            self.lane = self._unread_lane(message)
        stop = None if message.end else self._without_body()
        if headers is None:
            return PASS_RESPONSE_HEADERS if stop is None else stop
        return (Proceed(Side.RESPONSE, Phase.HEADERS, headers, modes=None if stop is None else stop[0].modes),)

    def body(self, message: Body, now: float) -> Effects:
        """Judges a piece, or passes it on. One may come although none was wanted: an override is not always allowed."""
        data, before = message.data, self.state
        event = (MessageKind.BODY_END if data else MessageKind.EMPTY_END) if message.end else MessageKind.BODY
        self.state = advance(self.mode, before, event, Side.RESPONSE)
        if before is SideState.IDLE and self._reads:
            raise MisconfiguredError("response_header_mode")
        if (counting := self._memory.counting) is not None:
            counting.feed(data)
        if self._answer is not None:
            if self._memory.first_token is None:
                self._memory.first_token = now
            effects = self._answer.piece(message, now, ends=self.state is not SideState.OPEN)
            if self.alive is not None:
                self.alive.came(effects, now)
            return effects if self._proof is None else self._prove(self._proof.came(effects))
        if self._left is not None:
            self._left -= len(data)
        if self.mode is not BodyMode.FULL_DUPLEX_STREAMED:
            return PASS_RESPONSE_BODY
        if before is SideState.DONE or not (data or message.end):
            return NOTHING
        return (Chunk(Side.RESPONSE, data, message.end),)

    def trailers(self, now: float) -> Effects:
        """Ends the body, where an end mark did not, and passes the trailers on."""
        self.state = advance(self.mode, self.state, MessageKind.TRAILERS, Side.RESPONSE)
        if self._answer is None:
            return PASS[Side.RESPONSE, Phase.TRAILERS]
        effects = self._answer.trailers(now)
        # A filter that buffers sends trailers only once its one message is answered, which it is not, or fails by.
        return effects if self._proof is None else self._prove(self._proof.came(effects))

    def judged(self, result: WorkResult, now: float) -> Effects:
        """Goes on with what became of the work that was handed out."""
        assert self._answer is not None
        effects = self._answer.judged(result, now)
        if self.alive is not None:
            self.alive.went(effects, now)
        return effects if self._proof is None else self._prove(self._proof.sent(effects))

    def kept_alive(self, now: float) -> Effects:
        """Return what is sent in a stream of which nothing went out for a while."""
        effects = NOTHING if self.alive is None else self.alive.look(now, self._proof)
        return effects if self._proof is None or not effects else self._prove(self._proof.sent(effects))

    @property
    def cut(self) -> bool:
        """True if the response had begun, and its end was to be seen here and was not."""
        counting = self._memory.counting
        counted = counting is not None and counting.tally is not None and counting.tally.seen
        return self._ends_early(seen=self._answer is not None, counted=counted)

    def _ends_early(self, *, seen: bool, counted: bool = False) -> bool:
        if self.state is not SideState.OPEN and self.state is not SideState.WHOLE:
            return False
        # A client may leave with all that the length promised before Envoy shows the end.
        whole = self._left is not None and self._left <= 0
        shown = seen or ((self.mode is BodyMode.FULL_DUPLEX_STREAMED or counted) and not whole)
        return shown and self._memory.failure is None

    def settle(self, now: float) -> None:
        """Note for the backend's health how a response that it began has ended, where its end is to be seen here."""
        key = self._memory.health_key
        if self.begun is None or key is None or (self._memory.status or ERROR) >= ERROR:
            return
        # What is only metered says nothing of a backend that users leave early.
        reads = self._answer is not None and type(self._answer) is not EditedStream
        if self.state is SideState.DONE and not self._memory.unfinished:
            self._shared.health.whole(*key)
            if self._plan.watches_speed:
                note_written(self._shared, self._memory, self.begun, now)
        elif now - self.begun <= CUT_EARLY and self._ends_early(seen=reads):
            self._shared.health.failed(*key, now, self._plan.health, "cut")

    def gone(self) -> None:
        """The exchange is over; what a stream came to is told, however it ended."""
        if self._answer is not None:
            self._answer.gone()

    def _read(
        self, how: Wanted, findings: Findings, headers: HeaderMutation, length: int | None, now: float
    ) -> Effects:
        """Answers the headers of a body that is to be read, or holds them."""
        memory, duplex = self._memory, self.mode is BodyMode.FULL_DUPLEX_STREAMED
        plan = self._plan
        room = Room(self._shared, plan.limits.held, plan.limits.inflation_ratio, plan.ends_unfinished)
        if only_watches(memory, findings):
            return self._watch(how, findings, headers, room, length)
        if not duplex and not self._may_override:
            raise MisconfiguredError("response_body_mode")
        streams = how.streams
        if streams:
            windows = findings.pipeline.windows
            if windows is None:
                self._answer = StreamedAnswer(memory, findings, how, room=room)
            else:
                self._answer = WindowedAnswer(memory, findings, how, windows, room=room)
            if findings.pipeline.keepalive is not None:
                self.alive = Keepalive(findings.pipeline.keepalive, now, self._answer)
            if not duplex:
                self._proof = Proof(known=memory.configuration in self._shared.overridden)
            # Its length will be another, and it goes on decoded.
            headers = headers.removing("content-length", *(("content-encoding",) if how.codings else ()))
        elif not duplex and length is None and only_tagged(memory, findings, how):
            # Envoy refuses a body beyond its buffer, and nothing here may refuse one.
            self._answer = WholeAnswer(memory, findings, how, None, duplex=True, room=room)
            self._proof = Proof(known=memory.configuration in self._shared.overridden)
            streams = True
        else:
            self._answer = WholeAnswer(memory, findings, how, headers, duplex=duplex, room=room)
            if duplex:
                return NOTHING
        wanted = BodyMode.FULL_DUPLEX_STREAMED if streams else BodyMode.BUFFERED
        modes = None if self.mode is wanted else override(self._going_on(), wanted)
        self.mode = wanted
        return (Proceed(Side.RESPONSE, Phase.HEADERS, headers, modes=modes),)

    def _watch(
        self, how: Wanted, findings: Findings, headers: HeaderMutation, room: Room, length: int | None
    ) -> Effects:
        """Answers the headers of a body that passes while a copy is judged.

        STREAMED and not full duplex: each of its messages is answered with a plain Proceed, which is right for an Envoy
        that takes no override as well, and Envoy holds nothing.
        """
        memory, duplex = self._memory, self.mode is BodyMode.FULL_DUPLEX_STREAMED
        kind = WatchedStream if how.streams else WatchedBody
        self._answer = kind(memory, findings, how, length=length, duplex=duplex, room=room)
        if memory.quoted is not None and how.codings:
            headers = headers.removing("content-length", "content-encoding")  # it goes on decoded
        if duplex:
            changes = headers.sets or headers.remove
            return (Proceed(Side.RESPONSE, Phase.HEADERS, headers),) if changes else PASS_RESPONSE_HEADERS
        if memory.quoted is not None or (memory.counting is not None and memory.counting.removes):
            headers = headers.removing("content-length")  # the body is shorter without what is taken out
        self.mode = BodyMode.STREAMED
        return (Proceed(Side.RESPONSE, Phase.HEADERS, headers, modes=override(self._going_on(), self.mode)),)

    def _tapped(self, counting: ExchangeUsage, headers: HeaderMutation | None, length: int | None) -> Effects:
        """Answers the headers of a body that is read for its usage alone. One with a length comes as messages."""
        duplex = self.mode is BodyMode.FULL_DUPLEX_STREAMED
        self._left = length
        self._answer, tap = tapped(counting, duplex=duplex)
        headers = headers if self._answer is None else (headers or HeaderMutation()).removing("content-length")
        if length is None:
            self.tap, self.lane = tap, Lane.TAP_ECHO if duplex else Lane.TAP
        effects = in_pieces(self.mode, self._going_on(), headers)
        self.mode = self.mode if duplex else BodyMode.STREAMED
        return effects

    def _unread_lane(self, message: Headers) -> Lane:
        """Return who passes on a body that is not read. One with a length is counted here; event streams have none."""
        if self.mode is not BodyMode.FULL_DUPLEX_STREAMED:
            return Lane.PASS
        self._left = length_of(message)
        return Lane.ECHO if self._left is None else Lane.READ

    @property
    def _reads(self) -> bool:
        """True if something reads the response, or its headers say whether it is read for a credential of ours."""
        memory = self._memory
        reads = memory.findings is not None and memory.findings.reads_answer
        return memory.quoted is not None or reads or staged(self._plan, memory)

    @property
    def _config(self) -> ProtocolConfig:
        return ProtocolConfig(self._request_mode, self.mode, self._early)

    def _prove(self, effects: Effects) -> Effects:
        proof = self._proof
        if proof is not None and proof.over:
            self._shared.overridden.add(self._memory.configuration)
            self._proof = None
        return effects

    def _read_error(self, fields: HeaderMap, headers: HeaderMutation) -> Effects:
        """Holds an error of a backend, which may quote our credential.

        No override asks for it: Envoy does not say whether it takes one, and the error would pass where it does not.
        """
        memory, duplex = self._memory, self.mode is BodyMode.FULL_DUPLEX_STREAMED
        if not duplex and self.mode is not BodyMode.BUFFERED:
            memory.note("error_body_mode", detail_of("error_body_mode"))
            raise memory.withheld()
        self._answer = ErrorAnswer(memory, fields, headers, self._says, self._plan, duplex=duplex)
        return NOTHING if duplex else (Proceed(Side.RESPONSE, Phase.HEADERS, headers),)

    def _says(self, error: bytes) -> None:
        """Look in a backend's error for what its status does not say: that a quota is used up."""
        key = self._memory.health_key
        if key is not None and self.begun is not None and exhausted(self._memory.status, error):
            self._shared.health.limited(*key, self.begun, self._plan.health.quota_cooldown, "quota")

    @property
    def _may_override(self) -> bool:
        """True if Envoy takes a mode from us; it does not where full duplex is configured."""
        return not self._early and self._request_mode is not BodyMode.FULL_DUPLEX_STREAMED

    def _without_body(self) -> tuple[Proceed] | None:
        return without_body(self._going_on()) if self.mode in CAN_STOP and self._may_override else None

    def _going_on(self) -> BodyMode:
        """The mode that the request's body is in, which an override has to say again."""
        mode = self._memory.request_mode
        return self._request_mode if mode is None else mode
