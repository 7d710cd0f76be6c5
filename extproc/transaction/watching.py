"""A response that its pipeline neither changes nor stops: it passes at once, and a copy of it is judged.

So what only watches keeps no response waiting, whatever its size, and Envoy need not hold one. The last piece alone
waits for the verdict, so that the record of the exchange has it: a client that has all of a response may leave.
"""

from typing import Final, cast

from extproc.inspection.verdict import Failure
from extproc.protocol.effects import Chunk, Phase, Proceed
from extproc.protocol.errors import ClientError
from extproc.protocol.messages import Body, Side
from extproc.transaction.answer_body import Room, Wanted, oversize, response_work, unread
from extproc.transaction.answers import NOTHING, PASS_RESPONSE_BODY, PASS_RESPONSE_TRAILERS, Effects
from extproc.transaction.findings import Findings
from extproc.transaction.held import Held
from extproc.transaction.memory import Memory
from extproc.transaction.pending import PendingJudgement
from extproc.transaction.streaming import GivenUp, StreamJudge, StreamPiece
from extproc.transaction.work import ResponseWork, Unread, Whole

_RESPONSE: Final = Side.RESPONSE


def only_watches(memory: Memory, findings: Findings) -> bool:
    """True if nothing changes or stops the response, and it is no error that may quote a credential."""
    pipeline = findings.pipeline
    refuses = pipeline.enforces_response or pipeline.blocks_unread or pipeline.blocks_oversize
    return not (findings.staging is not None or refuses or findings.vault.restores or memory.reads_error)


class WatchedAnswer:
    """The common parts of bodies and streams that are only watched.

    `length`: the length that the response's headers state. A copy for which there is no room, or no time, is judged no
    further; the rest of the response passes as before.
    """

    __slots__ = (
        "_closed",
        "_due",
        "_duplex",
        "_findings",
        "_held",
        "_left",
        "_lost",
        "_memory",
        "_most",
        "_over",
        "_quoted",
        "job",
    )

    waits = False
    ended = False

    def __init__(self, memory: Memory, findings: Findings, *, length: int | None, duplex: bool, room: Room) -> None:
        self._memory = memory
        self._findings = findings
        self._duplex = duplex
        self._held = Held(room.shared)
        self._most = room.limit
        self._left = length  # bytes that are still to come
        self._closed = False  # all of the body has come, if not its end mark: then a client may leave
        self._over = False  # the end mark has
        self._lost = False  # the copy is judged no further
        self._due: Effects = NOTHING  # what goes on with the verdict
        self._quoted = memory.in_pieces()
        self.job: ResponseWork | PendingJudgement[Whole] | StreamPiece | None = None

    def piece(self, message: Body, *, ends: bool) -> Effects:
        """Takes a piece; with `ends` it is the last one, whether or not trailers follow."""
        if self._over:  # a second end mark
            return NOTHING if self._duplex else PASS_RESPONSE_BODY
        self._over = ends
        passed = self._passed(message.data, end=message.end, last=ends)
        if self._left is not None:
            self._left -= len(message.data)
        if not self._closed:
            self._closed = ends or self._left == 0
            self._look(message.data, ends=self._closed)
        if not (self._closed and self._awaited):
            return passed
        self._due = (*self._due, *passed)
        return NOTHING

    def trailers(self) -> Effects:
        """Trailers have ended the body."""
        if not self._closed:
            self._closed = True
            self._look(b"", ends=True)
        # In other modes nothing can be added to a body behind its last piece: the beginning of a credential ends there.
        held = b"" if self._quoted is None or not self._duplex else self._quoted.finish()
        last = (*((Chunk(_RESPONSE, held),) if held else ()), *PASS_RESPONSE_TRAILERS)
        if self._awaited:
            self._due = (*self._due, *last)
            return NOTHING
        return last

    def judged(self, result: object) -> Effects:
        """Takes the result of work that was handed out; gives what waited for the last of it."""
        job, self.job = self.job, None
        if not self._lost:
            self._heard(job, result)
        if self._awaited:
            return NOTHING
        due, self._due = self._due, NOTHING
        if self._closed:
            self._held.clear()
        return due

    def queued(self, size: int) -> Effects:  # noqa: ARG002  - see `waits`
        """Never called: nothing of the response waits."""
        raise AssertionError(self)

    def gone(self) -> None:
        """The exchange is over."""
        self._held.clear()

    @property
    def _awaited(self) -> bool:
        return self.job is not None and not self._lost

    def _passed(self, data: bytes, *, end: bool, last: bool) -> Effects:
        """A piece as it goes on: as it came, but for a credential of ours, and what may be the beginning of one."""
        cleaned = data if self._quoted is None else self._quoted.feed(data)
        if self._quoted is not None and last and (held := self._quoted.finish()):
            cleaned += held
        if self._duplex:
            return (Chunk(_RESPONSE, cleaned, end),) if cleaned or end else NOTHING
        return PASS_RESPONSE_BODY if cleaned is data else (Proceed(_RESPONSE, Phase.BODY, None, cleaned),)

    def _look(self, data: bytes, *, ends: bool) -> None:
        """Takes a piece of the copy."""
        raise NotImplementedError

    def _heard(self, job: object, result: object) -> None:
        """Takes the result of a job; None for one that was not handed out."""
        raise NotImplementedError

    def _lose(self) -> None:
        self._lost = True
        self._held.clear()


class WatchedStream(WatchedAnswer):
    """An event stream."""

    __slots__ = ("_judge", "_waiting")

    def __init__(
        self, memory: Memory, findings: Findings, how: Wanted, *, length: int | None, duplex: bool, room: Room
    ) -> None:
        super().__init__(memory, findings, length=length, duplex=duplex, room=room)
        self._judge = StreamJudge(memory, findings, how, watches=True)
        self._waiting: list[bytes] = []  # pieces behind the one that is in a thread

    def gone(self) -> None:
        """The exchange is over; what the stream came to is told."""
        super().gone()
        if self.job is not None:
            self._judge.stream.stop()
        self._judge.tell()

    def _look(self, data: bytes, *, ends: bool) -> None:
        if self._lost:
            return
        if self.job is None:
            self._judge_now(data, ends=ends)
        elif data:
            self._waiting.append(data)
            self._hold(self._held.size + len(data))

    def _judge_now(self, data: bytes, *, ends: bool) -> None:
        judge = self._judge
        _, left = judge.at_once(data, end=ends)
        if left is not None:
            self._hold(judge.stream.waiting + len(left))
            self.job = None if self._lost else judge.piece(left, end=ends)
        elif ends:
            judge.tell()
        elif judge.stream.crowded:
            self._hold(judge.stream.waiting)
        elif self._held.size:
            self._held.clear()

    def _heard(self, job: object, result: object) -> None:
        if type(result) is GivenUp:
            self._judge.lose(result.reason, allowed=True)
            self._lose()
            return
        self._judge.came_back()
        waiting, self._waiting = b"".join(self._waiting), []
        if cast("StreamPiece", job).end:
            self._judge.tell()
        elif waiting or self._closed:
            self._judge_now(waiting, ends=self._closed)

    def _hold(self, size: int) -> None:
        try:
            self._held.hold(size, self._most)
        except ClientError as error:
            self._judge.lose(error.code, allowed=True)
            self._lose()

    def _lose(self) -> None:
        super()._lose()
        self._waiting.clear()


class WatchedBody(WatchedAnswer):
    """A body that is judged once all of it has come, if it is no larger than the pipeline's `body_limit`."""

    __slots__ = ("_copy", "_how", "_size")

    def __init__(
        self, memory: Memory, findings: Findings, how: Wanted, *, length: int | None, duplex: bool, room: Room
    ) -> None:
        super().__init__(memory, findings, length=length, duplex=duplex, room=room)
        self._how = how
        self._copy: list[bytes] = []
        self._size = 0

    def _look(self, data: bytes, *, ends: bool) -> None:
        if self._lost:
            return
        self._copy.append(data)
        self._size += len(data)
        findings = self._findings
        if self._size > findings.pipeline.body_limit:
            oversize(findings)
            self._lose()
            return
        try:
            self._held.add(len(data), self._most)
        except ClientError as error:
            findings.failures.append(Failure(findings.pipeline.name, error.code, allowed=True))
            self._lose()
            return
        if ends and self._size:
            work = response_work(self._memory, findings, self._how, b"".join(self._copy))
            self._copy.clear()
            result = work.at_once()
            if result is None or isinstance(result, PendingJudgement):
                self.job = result or work
            else:
                self._heard(None, result)

    def _heard(self, job: object, result: object) -> None:  # noqa: ARG002  - all jobs are alike
        findings = self._findings
        if type(result) is not Unread:
            whole = cast("Whole", result)
            self._memory.usage = whole.usage
            findings.take(whole.verdict)
        elif result.reason == "size":
            oversize(findings)
        else:
            unread(self._memory, findings, result.reason)

    def _lose(self) -> None:
        super()._lose()
        self._copy.clear()
