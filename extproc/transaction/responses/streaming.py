"""An event stream while it is read: judged as it comes, between two messages where that is cheap, else in a thread."""

from typing import Final

from msgspec import Struct

from extproc import apis
from extproc.apis.streams import StreamWriter
from extproc.inspection.verdict import Failure, Verdict
from extproc.pipe.pipe import SURE_BYTES, AnswerPipe
from extproc.protocol.effects import Chunk
from extproc.protocol.errors import ClientError
from extproc.protocol.messages import Body, Side
from extproc.protocol.meter import Meter
from extproc.protocol.work import WorkResult
from extproc.transaction.answers import NOTHING, PASS_RESPONSE_TRAILERS, Effects
from extproc.transaction.findings import Findings
from extproc.transaction.held import Held
from extproc.transaction.memory import Memory
from extproc.transaction.responses.answer_body import Room, Wanted, spoken
from extproc.transaction.responses.keepalive import silenced

STREAM_INLINE_STEPS: Final = 1000
"""Steps of a meter, about a millisecond, that a piece of a stream may take between two messages. If one took more after
all, those that follow it are handed out, however small they are."""

CHEAP_PIECES: Final = 16
"""Pieces in a row that have to be cheap before those of a stream that was costly are judged at once again."""

PIECE_TIMEOUT: Final = 5.0
"""Seconds for a piece of a stream in which values are only restored: Envoy sends 150 KiB at the most, which take 10 ms.
Where processors judge it, it has their time."""

SHARE: Final = 0.5
"""The part of that time which a piece has in a stream that is only watched. At its end two may be waited for, the one
in a thread and all that came behind it; Envoy's own time for a message is that of the processors and some seconds."""

_RESPONSE: Final = Side.RESPONSE


class StreamPiece(Struct, frozen=True):
    """A piece of a stream from one message, to be judged in any thread; nobody else uses `stream` meanwhile."""

    name: str
    stream: AnswerPipe
    data: bytes
    end: bool
    timeout: float
    large: bool = True  # it cannot be tried, and begun anew elsewhere

    def run(self, meter: Meter | None = None) -> "JudgedPiece":
        """Return what goes on of it. Raises SpentError if `meter` is stopped; the stream is of no use then."""
        stream = self.stream
        stream.chain(meter)
        out = stream.feed(self.data)
        if self.end and not stream.ended:
            out += stream.close()
        stream.chain(None)
        return JudgedPiece(out, self.end)

    def given_up(self, reason: str) -> "GivenUp":
        """Return what becomes of the stream; a thread that is still at work on it stops."""
        self.stream.stop()
        return GivenUp(reason)

    def __repr__(self) -> str:
        return f"StreamPiece({self.name}, {len(self.data)} bytes)"


class JudgedPiece(WorkResult, frozen=True):
    """The part of a piece that goes on. `end`: it was the last."""

    data: bytes
    end: bool

    def __repr__(self) -> str:
        return f"JudgedPiece({len(self.data)} bytes, end={self.end})"


class GivenUp(WorkResult, frozen=True):
    """A piece that was not judged in time, or failed."""

    reason: str


class StreamJudge:
    """Judges a stream piece by piece, and says which pieces are to be handed out.

    `watches`: what goes on does not depend on it. `ratio`: see `Room`. `writer`, `unfinished`: see `AnswerPipe`.
    """

    __slots__ = (
        "_before",
        "_costly",
        "_findings",
        "_left",
        "_memory",
        "_timeout",
        "_told",
        "_watches",
        "stream",
    )

    def __init__(
        self,
        memory: Memory,
        findings: Findings,
        how: Wanted,
        *,
        ratio: int,
        watches: bool = False,
        writer: StreamWriter | None = None,
        unfinished: ClientError | None = None,
    ) -> None:
        stage = findings.pipeline.response
        self._memory = memory
        self._findings = findings
        self._watches = watches
        dialect = spoken(memory, findings)
        usage = None if memory.counting is None else memory.counting.metering(dialect)
        self._timeout = (SHARE if watches else 1.0) * (PIECE_TIMEOUT if stage is None else stage.timeout)
        self._costly = 0  # pieces that are handed out yet, because one before them took long
        self._told = False
        self._before: Verdict | None = None  # what the stream had come to before the piece that is handed out
        self.stream = AnswerPipe(
            stage,
            None if stage is None else stage.active(memory.signal_values()),
            findings.vault,
            dialect=dialect,
            refusal=findings.refusal,
            blocks_unread=findings.pipeline.blocks_unread and stage is not None,
            codings=how.codings,
            ratio=ratio,
            name=findings.pipeline.name,
            details=findings.details,
            stages=() if usage is None else (usage,),
            writer=writer,
            unfinished=unfinished,
            staging=findings.staging,
            asked=memory.asked,
            keys=None if watches or memory.quoted is None else findings.pipeline.keys,
        )
        self._left = self.stream.meter.left  # steps of the stream, before the piece at hand

    def at_once(self, data: bytes, *, end: bool) -> tuple[bytes, bytes | None]:
        """Judge as much of a piece as is cheap: what goes out for it, and what is to be handed out, None for nothing.

        Its events are judged one by one, or a few of them at a time, so that few have to be tried.
        """
        out = b""
        stream = self.stream
        at = 0
        for to in (len(data),) if len(data) <= SURE_BYTES else stream.ends(data):
            last = to == len(data)
            part = data if last and not at else data[at:to]
            if self._costly or not stream.affords(part, STREAM_INLINE_STEPS, end=end and last):
                self._left = stream.meter.left
                return out, data[at:]
            out += stream.feed(part)
            if stream.ended:
                break
            if end and last:
                out += stream.close()
            if self._left - stream.meter.left > STREAM_INLINE_STEPS:
                self._costly = CHEAP_PIECES
            at = to
        self._left = stream.meter.left
        return out, None

    def piece(self, data: bytes, *, end: bool) -> StreamPiece:
        """Return the work on a piece that is handed out. Until `came_back` nobody else may use the stream."""
        self._before = self._now()
        return StreamPiece(self._findings.pipeline.name, self.stream, data, end, self._timeout)

    def came_back(self) -> None:
        """Notes that the piece which was handed out was judged."""
        stream = self.stream
        cheap = self._left - stream.meter.left <= STREAM_INLINE_STEPS
        self._costly = max(0, self._costly - 1) if cheap else CHEAP_PIECES
        self._left = stream.meter.left
        self._before = None

    def tell(self) -> None:
        """Add what the stream came to, once; while a piece of it is handed out, what it had come to before."""
        if self._told:
            return
        self._told = True
        self._memory.unfinished = bool(self.stream.ending.added)
        findings = self._findings
        findings.take(self._before or self._now())
        if self._before is None and not self._watches:
            findings.blocked = findings.blocked or self.stream.blocked

    def lose(self, reason: str, *, allowed: bool) -> None:
        """Write down that the stream is judged no further. A thread that is at work on it stops."""
        self.tell()
        self.stream.stop()
        self._findings.failures.append(Failure(self._findings.given_up.by, reason, allowed))

    def _now(self) -> Verdict:
        """Return what the stream has come to so far, but for its text, and for why it was blocked."""
        stream = self.stream
        counts, unread, scores = dict(stream.counts), dict(stream.unread), dict(stream.scores)
        return Verdict(b"", None, stream.masked, counts, stream.failures, unread, scores=scores)


class StreamedAnswer:
    """Judges an event stream as it comes. It is answered in full duplex alone: only there can it be ended by us.

    What the stream keeps waiting is counted as held: events, and pieces behind one that is in a thread.
    """

    __slots__ = ("_findings", "_held", "_judge", "_memory", "_most", "_quoted", "_threaded", "_trailers", "ended")

    waits = True  # for a piece that was handed out, whatever comes behind it

    def __init__(
        self, memory: Memory, findings: Findings, how: Wanted, *, room: Room, writer: StreamWriter | None = None
    ) -> None:
        self._memory = memory
        self._findings = findings
        self._quoted = memory.in_pieces()
        self._held = Held(room.shared)
        self._most = room.limit
        ending = room.unfinished(memory)
        self._judge = StreamJudge(memory, findings, how, ratio=room.ratio, writer=writer, unfinished=ending)
        self._trailers = False  # they have come, and wait for the last piece
        self._threaded = False  # a piece of it is in a thread
        self.ended = False
        """True once nothing more goes on of it."""

    def piece(self, message: Body, now: float, *, ends: bool) -> Effects:  # noqa: ARG002  - it ends with its end mark
        """Takes a piece of the stream."""
        return NOTHING if self.ended else self._take(message.data, now, end=message.end)

    def queued(self, size: int) -> Effects:
        """Counts what waits for the piece that was handed out; ends the stream where there is no room for it."""
        try:
            self._held.add(size, self._most)
        except ClientError as error:
            return self._crowded_out(error)
        return NOTHING

    def trailers(self, now: float) -> Effects:
        """Trailers have ended the stream."""
        if self.ended:
            return NOTHING
        self._trailers = True
        return self._take(b"", now, end=True)

    def judged(self, result: WorkResult, now: float) -> Effects:  # noqa: ARG002  - as a watched stream
        """Goes on with what is left of a piece."""
        self._threaded = False
        if self.ended:
            return NOTHING
        if isinstance(result, GivenUp):
            return self._given_up(result.reason)
        assert isinstance(result, JudgedPiece), "a piece is judged, or given up"
        self._judge.came_back()
        return self._passed(result.data, end=result.end)

    @property
    def dialect(self) -> str:
        """Return the name of the API that the stream is of, as far as it has shown that."""
        return self._judge.stream.ending.dialect

    def silenced(self) -> Effects:
        """End the stream: its backend says nothing more."""
        error = silenced()
        self._memory.failure = error.code
        if self._memory.served:
            self._memory.decision = "cut"
        return self._cut(error)

    def gone(self) -> None:
        """The exchange is over, or the stream; what it came to is told, however it ended."""
        self._held.clear()
        if self._threaded:
            self._judge.stream.stop()  # a thread is at work on it, for nobody
        self._judge.tell()
        self.ended = True

    def _take(self, data: bytes, now: float, *, end: bool) -> Effects:
        judge = self._judge
        out, left = judge.at_once(data, end=end)
        if left is None:
            return self._passed(out, end=end, grew=len(out) < len(data) or judge.stream.keeps)
        passed = self._passed(out, end=False) if out else NOTHING
        if self.ended:
            return passed
        try:
            self._held.hold(judge.stream.waiting + len(left), self._most)
        except ClientError as error:
            return (*passed, *self._crowded_out(error))
        self._threaded = True
        return (*passed, *self._memory.handed.order(_RESPONSE, judge.piece(left, end=end), now))

    def _passed(self, out: bytes, *, end: bool, grew: bool = True) -> Effects:
        """Return what goes on. `grew`: more may wait in the stream than before."""
        stream = self._judge.stream
        over = end or stream.ended
        if self._quoted is not None:
            out = self._quoted.feed(out) + self._quoted.finish() if over else self._quoted.feed(out)
        if over:
            self.gone()
            if self._trailers:
                return (*((Chunk(_RESPONSE, out),) if out else ()), *PASS_RESPONSE_TRAILERS)
            return (Chunk(_RESPONSE, out, end=True),)
        if self._held.size or (grew and stream.crowded):
            try:
                self._held.hold(stream.waiting if stream.crowded else 0, self._most)
            except ClientError as error:
                return self._crowded_out(error)
        return (Chunk(_RESPONSE, out),) if out else NOTHING

    def _given_up(self, reason: str) -> Effects:
        """Ends the stream: what a thread may still be at work on is not to be touched, nor what it holds back told."""
        self._judge.lose(reason, allowed=False)
        findings = self._findings
        given_up = findings.given_up
        findings.blocked = findings.blocked or given_up
        return self._cut(findings.refusal(given_up))

    def _crowded_out(self, error: ClientError) -> Effects:
        """Ends the stream, as there is no room for what it keeps waiting."""
        self._memory.decision, self._memory.failure = "rejected", error.code
        return self._cut(error)

    def _cut(self, error: ClientError) -> Effects:
        self.gone()
        claimed = self._memory.claimed
        error_event = apis.current().default.error_event if claimed is None else claimed.api.error_event
        return (Chunk(_RESPONSE, error_event(error, 0), end=True),)
