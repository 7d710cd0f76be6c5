"""The followers of one reply at work: what they notice in a whole body, and the body without what they drop."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from msgspec import Struct

from extproc.apis.asked import Asked
from extproc.apis.events.event import Channel, Scope
from extproc.apis.events.leaves import document, leaves, text
from extproc.apis.events.rewrite import quoted
from extproc.apis.events.source import placed
from extproc.apis.reply import ReplyPart
from extproc.detectors.replies import (
    Follower,
    Noticed,
    ReplyDetector,
    ReplyFinding,
    Undecided,
    Wakes,
    check_noticed,
)
from extproc.inspection.replies import ReplyReader, UnknownReplyError
from extproc.inspection.stage import CompiledProcessor
from extproc.inspection.verdict import Evidence, Finding
from extproc.protocol.messages import Side
from extproc.protocol.meter import Meter

STEPS_A_PART: Final = 10
"""Steps of a meter that a part of a whole reply takes, beside one for each 100 code points."""


class FollowedReply:
    """One follower of one reply, and its findings so far. Methods raise what the follower raises."""

    __slots__ = ("_detector", "_findings", "follower", "processor", "wakes")

    def __init__(self, processor: CompiledProcessor, asked: Asked | None) -> None:
        assert processor.reply is not None, "it follows replies"
        self.processor = processor
        self._detector: ReplyDetector = processor.reply
        self.follower: Follower = self._detector.open(asked)
        self.wakes: Callable[[ReplyPart], Wakes | None] | None = getattr(self.follower, "wakes", None)
        """See `PatientFollower.wakes`; None if it is no such follower."""
        self._findings = 0

    def take(self, part: ReplyPart) -> Sequence[Noticed]:
        """Return what is noticed with the next part."""
        noticed = self.follower.take(part)
        return self.checked(noticed) if noticed else noticed

    def finish(self) -> Sequence[Noticed]:
        """Return what is noticed at the end."""
        noticed = self.follower.finish()
        return self.checked(noticed) if noticed else noticed

    def checked(self, noticed: Sequence[Noticed]) -> Sequence[Noticed]:
        """Return what was noticed if the contract allows it. Raises DetectorError."""
        check_noticed(self._detector, noticed, self._findings)
        self._findings += len(noticed)
        return noticed


class HeardReply(Struct, frozen=True):
    """The notes of one follower on a whole reply: its findings, and reasons for which something is uninspected."""

    findings: tuple[ReplyFinding, ...] = ()
    unjudged: tuple[str, ...] = ()


class WholeReply:
    """A whole response, read once for all followers."""

    __slots__ = ("_asked", "_body", "_dialect", "_parts", "_unknown")

    def __init__(self, body: bytes, dialect: str, asked: Asked | None) -> None:
        self._body = body
        self._dialect = dialect
        self._asked = asked
        self._parts: Sequence[ReplyPart] | None = None
        self._unknown = ""

    def heard(self, processor: CompiledProcessor, meter: Meter) -> HeardReply:
        """Return what a follower notices. Raises SpentError, and whatever the follower raises."""
        parts = self._read()
        if self._unknown:
            return HeardReply(unjudged=(self._unknown,))
        followed = FollowedReply(processor, self._asked)
        noticed: list[Noticed] = []
        for part in parts:
            meter.spend(STEPS_A_PART + len(part.text) // 100)
            noticed += followed.take(part)
        if parts:
            noticed += followed.finish()
        return HeardReply(
            tuple(each for each in noticed if isinstance(each, ReplyFinding)),
            tuple(each.reason for each in noticed if isinstance(each, Undecided)),
        )

    def _read(self) -> Sequence[ReplyPart]:
        if self._parts is None:
            try:
                self._parts = ReplyReader(self._dialect).body(self._body)
            except UnknownReplyError as error:
                self._parts, self._unknown = (), error.reason
        return self._parts


def pointed(path: Scope) -> str:
    """Return a place as a JSON pointer; see `Channel.where`."""
    return Channel(path).where


def told_as(processor: CompiledProcessor, each: ReplyFinding) -> Finding:
    """Return a finding as people are told of it."""
    place = (pointed(each.path), each.start, each.end)
    return processor.finding(each.kind, Side.RESPONSE, place, each.score, (), Evidence(each.threshold), each.why)


def without(said: str, drops: Iterable[ReplyFinding]) -> str:
    """Return a text without the spans that are dropped of it."""
    kept: list[str] = []
    at = 0
    for start, end in sorted({(each.start, each.end) for each in drops}):
        kept.append(said[at:start])
        at = max(at, end)
    return "".join([*kept, said[at:]])


def dropped(body: bytes, drops: Sequence[ReplyFinding]) -> bytes | None:
    """Return a body without the spans that are dropped of its strings; None if one of these cannot be found."""
    _, value = document(body)
    of: dict[Scope, list[ReplyFinding]] = {}
    for each in drops:
        of.setdefault(each.path, []).append(each)
    parts: list[bytes] = []
    at = 0
    for leaf in leaves(body).strings:
        path = placed(value, leaf.path)
        if leaf.kind == "string" and path in of:
            new = quoted(without(text(body[leaf.start : leaf.end], halves=True), of.pop(path)))
            parts += (body[at : leaf.start], new)
            at = leaf.end
    return None if of else b"".join([*parts, body[at:]])
