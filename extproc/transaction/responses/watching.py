"""A response that its pipeline neither changes nor stops: it passes at once, and a copy of it is judged.

So what only watches keeps no response waiting, whatever its size, and Envoy need not hold one. The last piece alone
waits for the verdict, so that the record of the exchange has it: a client that has all of a response may leave.
"""

from typing import Final

from msgspec.structs import replace

from extproc.inspection.verdict import Failure
from extproc.protocol.effects import Chunk, Phase, Proceed
from extproc.protocol.errors import ClientError
from extproc.protocol.messages import Body, Side
from extproc.protocol.work import WorkResult
from extproc.transaction.answers import NOTHING, PASS_RESPONSE_BODY, PASS_RESPONSE_TRAILERS, Effects
from extproc.transaction.findings import Findings
from extproc.transaction.held import Held
from extproc.transaction.memory import Memory
from extproc.transaction.responses.answer_body import Room, Wanted, oversize, response_work, unread
from extproc.transaction.responses.cleaning import cleaning
from extproc.transaction.responses.pending import PendingJudgement
from extproc.transaction.responses.streaming import GivenUp, JudgedPiece, StreamJudge
from extproc.transaction.responses.work import Unread, Whole

_RESPONSE: Final = Side.RESPONSE


class WatchedAnswer:
    """The common parts of bodies and streams that are only watched.

    `length`: the length that the response's headers state. A copy for which there is no room, or no time, is judged no
    further; the rest of the response passes as before.
    """

    __slots__ = (
        "_busy",
        "_closed",
        "_data",
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
        "_ratio",
    )

    waits = False
    ended = False

    def __init__(
        self, memory: Memory, findings: Findings, how: Wanted, *, length: int | None, duplex: bool, room: Room
    ) -> None:
        self._memory = memory
        self._findings = findings
        self._duplex = duplex
        self._held = Held(room.shared)
        self._most = room.limit
        self._ratio = room.ratio
        self._left = length  # bytes that are still to come
        self._closed = False  # all of the body has come, if not its end mark: then a client may leave
        self._over = False  # the end mark has
        self._lost = False  # the copy is judged no further
        self._due: Effects = NOTHING  # what goes on with the verdict
        self._data = b""  # the last piece of it
        self._quoted = cleaning(memory, findings, how, room.ratio)
        self._busy = False  # the copy, or a piece of it, is handed out

    def piece(self, message: Body, now: float, *, ends: bool) -> Effects:
        """Takes a piece; with `ends` it is the last one, whether or not trailers follow."""
        if self._over:  # a second end mark
            return NOTHING if self._duplex else PASS_RESPONSE_BODY
        self._over = ends
        passed = self._passed(message.data, end=message.end, last=ends)
        if self._left is not None:
            self._left -= len(message.data)
        orders = NOTHING
        if not self._closed:
            self._closed = ends or self._left == 0
            orders = self._look(message.data, now, ends=self._closed)
        if not (self._closed and self._awaited):
            if ends:
                passed = self._ended(passed, message.data)
            return (*passed, *orders) if orders else passed
        self._data = message.data
        self._due = (*self._due, *passed)
        return orders

    def trailers(self, now: float) -> Effects:
        """Trailers have ended the body."""
        orders = NOTHING
        if not self._closed:
            self._closed = True
            orders = self._look(b"", now, ends=True)
        # In other modes nothing can be added to a body behind its last piece: the beginning of a credential ends there.
        held = b"" if self._quoted is None or not self._duplex else self._quoted.finish()
        last = (*((Chunk(_RESPONSE, held),) if held else ()), *PASS_RESPONSE_TRAILERS)
        if self._awaited:
            self._due = (*self._due, *last)
            return orders
        return self._ended(last, b"")

    def judged(self, result: WorkResult, now: float) -> Effects:
        """Takes the result of work that was handed out; gives what waited for the last of it, or more work."""
        self._busy = False
        orders = NOTHING if self._lost else self._heard(result, now)
        if self._awaited:
            return orders
        due, self._due = self._due, NOTHING
        if self._closed:
            self._held.clear()
        return self._ended(due, self._data) if due else due

    def queued(self, size: int) -> Effects:  # noqa: ARG002  - see `waits`
        """Never called: nothing of the response waits."""
        raise AssertionError(self)

    def gone(self) -> None:
        """The exchange is over."""
        self._held.clear()

    @property
    def _awaited(self) -> bool:
        return self._busy and not self._lost

    def _ended(self, effects: Effects, data: bytes) -> Effects:  # noqa: ARG002  - a body gets nothing more
        """Return the effects that end the response, the last of them for a piece with this `data`."""
        return effects

    def _passed(self, data: bytes, *, end: bool, last: bool) -> Effects:
        """A piece as it goes on: as it came, but for a credential of ours, and what may be the beginning of one."""
        cleaned = data if self._quoted is None else self._quoted.feed(data)
        if self._quoted is not None and last and (held := self._quoted.finish()):
            cleaned += held
        if self._duplex:
            return (Chunk(_RESPONSE, cleaned, end),) if cleaned or end else NOTHING
        return PASS_RESPONSE_BODY if cleaned == data else (Proceed(_RESPONSE, Phase.BODY, None, cleaned),)

    def _look(self, data: bytes, now: float, *, ends: bool) -> Effects:
        """Take a piece of the copy; return the work that is handed out for it."""
        raise NotImplementedError

    def _heard(self, result: WorkResult, now: float) -> Effects:
        """Take the result of work; return the work that is handed out next."""
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
        super().__init__(memory, findings, how, length=length, duplex=duplex, room=room)
        # Nothing can be added to what is encoded, or has a length that the client was told.
        ending = None if how.codings or length is not None else room.unfinished(memory)
        self._judge = StreamJudge(memory, findings, how, ratio=room.ratio, watches=True, unfinished=ending)
        self._waiting: list[bytes] = []  # pieces behind the one that is in a thread

    def gone(self) -> None:
        """The exchange is over; what the stream came to is told."""
        super().gone()
        if self._busy:
            self._judge.stream.stop()
        self._judge.tell()

    def _ended(self, effects: Effects, data: bytes) -> Effects:
        added = b"" if self._lost else self._judge.stream.ending.added
        if not added:
            return effects
        *before, last = effects
        if isinstance(last, Chunk):
            return (*before, replace(last, data=last.data + added))
        if self._duplex:  # trailers follow
            return (*before, Chunk(_RESPONSE, added), last)
        assert isinstance(last, Proceed), "each piece has one answer"
        if last.phase is not Phase.BODY:
            return effects  # nothing can be added in front of trailers
        return (*before, Proceed(_RESPONSE, Phase.BODY, None, (data if last.body is None else last.body) + added))

    def _look(self, data: bytes, now: float, *, ends: bool) -> Effects:
        if self._lost:
            return NOTHING
        if not self._busy:
            return self._judge_now(data, now, ends=ends)
        if data:
            self._waiting.append(data)
            self._hold(self._held.size + len(data))
        return NOTHING

    def _judge_now(self, data: bytes, now: float, *, ends: bool) -> Effects:
        judge = self._judge
        _, left = judge.at_once(data, end=ends)
        if left is not None:
            self._hold(judge.stream.waiting + len(left))
            if not self._lost:
                self._busy = True
                return self._memory.handed.order(_RESPONSE, judge.piece(left, end=ends), now)
        elif ends:
            judge.tell()
        elif judge.stream.crowded:
            self._hold(judge.stream.waiting)
        elif self._held.size:
            self._held.clear()
        return NOTHING

    def _heard(self, result: WorkResult, now: float) -> Effects:
        if isinstance(result, GivenUp):
            self._judge.lose(result.reason, allowed=True)
            self._lose()
            return NOTHING
        assert isinstance(result, JudgedPiece), "a piece is judged, or given up"
        self._judge.came_back()
        waiting, self._waiting = b"".join(self._waiting), []
        if result.end:
            self._judge.tell()
        elif waiting or self._closed:
            return self._judge_now(waiting, now, ends=self._closed)
        return NOTHING

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
        super().__init__(memory, findings, how, length=length, duplex=duplex, room=room)
        self._how = how
        self._copy: list[bytes] = []
        self._size = 0

    def _look(self, data: bytes, now: float, *, ends: bool) -> Effects:
        if self._lost:
            return NOTHING
        self._copy.append(data)
        self._size += len(data)
        findings = self._findings
        if self._size > findings.pipeline.body_limit:
            oversize(findings)
            self._lose()
            return NOTHING
        try:
            self._held.add(len(data), self._most)
        except ClientError as error:
            findings.failures.append(Failure(findings.pipeline.name, error.code, allowed=True))
            self._lose()
            return NOTHING
        if ends and self._size:
            work = response_work(self._memory, findings, self._how, b"".join(self._copy), self._ratio)
            self._copy.clear()
            result = work.at_once()
            if result is not None and not isinstance(result, PendingJudgement):
                return self._heard(result, now)
            self._busy = True
            return self._memory.handed.order(_RESPONSE, result or work, now)
        return NOTHING

    def _heard(self, result: WorkResult, now: float) -> Effects:  # noqa: ARG002  - nothing is handed out after it
        findings = self._findings
        match result:
            case Whole():
                findings.take(result.verdict)
            case Unread(reason="size"):
                oversize(findings)
            case Unread(reason=reason):
                unread(self._memory, findings, reason)
            case _:
                raise AssertionError(type(result).__name__)
        return NOTHING

    def _lose(self) -> None:
        super()._lose()
        self._copy.clear()
