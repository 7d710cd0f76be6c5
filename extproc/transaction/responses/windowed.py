"""An event stream that detectors judge in windows as it comes: text goes on once it is judged, or at once.

Pieces that come while a window is judged wait for it, so that no more than one window is ahead of its verdict.
"""

from typing import Final

from extproc.inspection.held_writer import HeldWriter
from extproc.inspection.judge import Job
from extproc.inspection.judgement import Judgement
from extproc.inspection.verdict import Blocked, Verdict
from extproc.inspection.windowing import Windows
from extproc.inspection.windows import WindowsJudged
from extproc.protocol.errors import ClientError
from extproc.protocol.messages import Side
from extproc.protocol.work import WorkResult
from extproc.transaction.answers import NOTHING, Effects
from extproc.transaction.findings import Findings
from extproc.transaction.memory import Memory
from extproc.transaction.requests.admission import overloaded
from extproc.transaction.responses.answer_body import Room, Wanted, spoken
from extproc.transaction.responses.pending import PendingJudgement
from extproc.transaction.responses.streaming import GivenUp, JudgedPiece, StreamedAnswer

_RESPONSE: Final = Side.RESPONSE

PART_BYTES: Final = 2048
"""Bytes of a piece that are read before it is looked whether a window is full: some eight usual events, so that a
window is hardly longer than asked for although Envoy may bring 64 KiB at once."""


class WindowVerdict(WorkResult, frozen=True):
    """The verdict on some windows."""

    verdict: Verdict


class WindowedAnswer(StreamedAnswer):
    """Judges a stream by rules as it comes, and window by window by detectors of their own."""

    __slots__ = ("_asking", "_due", "_holds", "_last", "_over", "_rest", "_windows", "_writer")

    def __init__(self, memory: Memory, findings: Findings, how: Wanted, windows: Windows, *, room: Room) -> None:
        pipeline = findings.pipeline
        values = memory.signal_values()
        assert pipeline.response is not None, "somebody judges"
        job = Job(
            pipeline.name,
            pipeline.response,
            b"",
            how.kind,
            values,
            findings.vault,
            blocks_unread=False,
            active=pipeline.response.active(values),
            listed=findings.listed,
            asked=memory.asked,
            dialect=spoken(memory, findings),
        )
        self._windows = WindowsJudged(job, windows)
        self._writer = HeldWriter(
            spoken(memory, findings), self._windows.texts, findings.vault if windows.masks else None
        )
        super().__init__(memory, findings, how, room=room, writer=self._writer)
        self._holds = windows.holds
        self._due = b""  # what cannot be read as events, and waits behind them
        self._over = False  # it is the last of the response
        self._rest = b""  # what is left of a piece, to be judged by rules once a window in front of it was
        self._last = False  # the response ends with it
        self._asking = False  # a window is handed out

    def judged(self, result: WorkResult, now: float) -> Effects:
        """Goes on with a piece that was judged by rules, or with the verdict on windows."""
        self._threaded = False
        if self.ended:
            return NOTHING
        if isinstance(result, WindowVerdict):
            self._asking = False
            return self._and_rest(self._heard(result.verdict), now)
        if isinstance(result, GivenUp):
            return self._given_up(result.reason)
        assert isinstance(result, JudgedPiece), "a piece is judged, or given up"
        self._judge.came_back()
        self._due += result.data
        return self._and_rest(self._went_on(now, end=result.end), now)

    def gone(self) -> None:
        """The exchange is over, or the stream."""
        if not self.ended:
            self._findings.best += tuple(self._windows.best)
        self._due = self._rest = b""
        super().gone()

    def _take(self, data: bytes, now: float, *, end: bool) -> Effects:
        self._rest, self._last = data, end
        return self._and_rest(self._part(now), now)

    def _part(self, now: float) -> Effects:
        """Judge the next part of a piece by rules, and hand out the window that it fills."""
        judge = self._judge
        part, self._rest = self._rest[:PART_BYTES], self._rest[PART_BYTES:]
        end = self._last and not self._rest
        out, left = judge.at_once(part, end=end)
        self._due += out
        if left is None:
            return self._went_on(now, end=end)
        if (full := self._hold(len(left))) is not None:
            return full
        self._threaded = True
        return self._memory.handed.order(_RESPONSE, judge.piece(left, end=end), now)

    def _and_rest(self, effects: Effects, now: float) -> Effects:
        """Return effects, and those of what is left of the piece unless it has to wait."""
        while self._rest and not (self.ended or self._asking or self._threaded):
            effects = (*effects, *self._part(now))
        return effects

    def _went_on(self, now: float, *, end: bool) -> Effects:
        """Hand out the windows that are due; let go what may."""
        over, texts = end or self._judge.stream.ended, self._windows.texts
        if texts.unjudged and (over or texts.done or texts.full):
            self._over = over
            outcome = self._windows.judgement()
            if isinstance(outcome, Verdict):
                return self._heard(outcome)
            if outcome is not None:
                return self._ask(outcome, now)
            texts.judged()
        if texts.full_of_ends:
            return self._crowded_out(overloaded())
        if over or not (self._holds and texts.unjudged):
            return self._let_go(end=over)
        return self._hold(0) or NOTHING

    def _ask(self, judgement: Judgement, now: float) -> Effects:
        """Hand out windows."""
        first = NOTHING if self._holds or self._over or self._windows.texts.done else self._let_go(end=False)
        if self.ended:
            return first
        if (full := self._hold(0)) is not None:
            return (*first, *full)
        self._asking = True
        return (*first, *self._memory.handed.order(_RESPONSE, PendingJudgement(judgement, WindowVerdict), now))

    def _heard(self, verdict: Verdict) -> Effects:
        self._findings.take(self._windows.take(verdict))
        if verdict.blocked is not None:
            return self._stopped(verdict.blocked)
        self._windows.texts.judged()
        if self._windows.texts.full_of_ends:
            return self._crowded_out(overloaded())
        return self._let_go(end=self._over)

    def _stopped(self, blocked: Blocked) -> Effects:
        """End the stream for a client that has seen what went out."""
        self._due = b""
        self._judge.stream.block(blocked)
        return self._passed(self._writer.end(self._findings.refusal(blocked)), end=True)

    def _let_go(self, *, end: bool) -> Effects:
        """Send on what may leave."""
        if end or self._windows.texts.done:
            self._windows.texts.finish()
        out = self._writer.release(everything=end or not self._holds)
        if not self._writer.waiting:
            out, self._due = out + self._due, b""
        effects = self._passed(out, end=end)
        return effects if self.ended or not self._writer.waiting else (*effects, *(self._hold(0) or NOTHING))

    def _hold(self, more: int) -> Effects | None:
        """Count what waits; return the end of the stream if there is no room for it."""
        try:
            self._held.hold(
                self._judge.stream.waiting + self._writer.waiting + len(self._due) + len(self._rest) + more, self._most
            )
        except ClientError as error:
            return self._crowded_out(error)
        return None
