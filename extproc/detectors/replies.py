"""The contract of a detector that follows a model's reply as it comes.

A `ReplyDetector` is opened once for each response. It is given the parts of the reply in their order, a streamed one
piece by piece and a whole one all at once, and returns what it finds with each. So a stream ends at the earliest event
to which it objects, and a streamed response has the verdict of the same response sent whole.
"""

from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeAlias

from msgspec import Struct

from extproc.apis.asked import Asked, AskedPart
from extproc.apis.events.event import Scope
from extproc.apis.reply import ReplyPart
from extproc.detectors.contract import (
    DETECTIONS_MAX,
    DetectorError,
    OffloadedDetector,
    RuleDetector,
    check_kinds,
)

WHY_MAX: Final = 256
"""Characters of the reason for a finding: a pointer into a schema of the depth that providers take has some 100."""


class ReplyFinding(Struct, frozen=True, gc=False):
    """A finding in a reply.

    `path`: the place of the text (see `ReplyPart.path`); `start` and `end` are code points in all of the text at that
    place. `why`: the rule behind it, such as the place of a keyword in a schema; never a value of the reply.
    `threshold`: the score from which on it is one, if it is one by its score. `drops`: the reply is right without this
    span; if the processor repairs, it is removed, and must lie in the piece just taken. `again`: it goes on with the
    finding before it, and is not counted.
    """

    kind: str
    path: Scope = ()
    start: int = 0
    end: int = 0
    score: float = 1.0
    why: str = ""
    threshold: float | None = None
    drops: bool = False
    again: bool = False

    def __repr__(self) -> str:
        return f"ReplyFinding({self.kind}, {self.start}:{self.end})"


class Undecided(Struct, frozen=True, gc=False):
    """A reply, or a part of it, that the detector cannot judge; `on_uninspected` decides. `reason` is a fixed word."""

    reason: str


Noticed: TypeAlias = ReplyFinding | Undecided
"""A thing that a follower notices."""


class Follower(Protocol):
    """Follows one reply, used by one thread at a time."""

    def take(self, part: ReplyPart, /) -> Sequence[Noticed]:
        """Return what is noticed with the next part. Pieces of one text come in order; nothing comes twice."""

    def finish(self) -> Sequence[Noticed]:
        """Return what is noticed at the end of the response, whether or not its messages had an end."""


Wakes: TypeAlias = Callable[[str], object]
"""Called once with each next piece of a text, in their order. None: the piece may wait. Anything else: it is given at
once, joined to those that wait."""


def never(_: str) -> None:
    """The test for a text that says nothing more to a follower."""


class PatientFollower(Follower, Protocol):
    """A follower that is not given each piece of a growing text by itself, as nearly none of them says anything new."""

    def wakes(self, part: ReplyPart, /) -> Wakes | None:
        """Return the test of the pieces behind `part` in its text; None if none of them may wait.

        A piece may wait if `take` would notice nothing with it. Asked anew behind each part that was taken; a part of
        another text, or the end of a message, has all that waits given first.
        """


class ReplyDetector(Struct, frozen=True):
    """Follows replies: `open(asked)` is called for each response, in the event loop or in a thread.

    A follower takes microseconds for a piece, and must not depend on time. One that is a `PatientFollower` costs less.
    `kinds` are all kinds that its findings may have; `asks` the parts of the request that it needs (see
    `Conversation.asked`). If `open` or a follower raises, the processor has failed. `prepare(asked)`: called with the
    work on the request, in a thread if that is large, so that `open` finds done what takes long; what it raises is no
    matter.
    """

    kinds: tuple[str, ...]
    open: Callable[[Asked | None], Follower]
    asks: frozenset[AskedPart] = frozenset()
    prepare: Callable[[Asked], None] | None = None

    def __post_init__(self) -> None:
        """Refuse kinds that cannot be told of."""
        check_kinds(self.kinds)


Detector: TypeAlias = RuleDetector | OffloadedDetector | ReplyDetector


def check_noticed(detector: ReplyDetector, noticed: Sequence[object], before: int) -> None:
    """Refuse what the contract does not allow. `before`: findings of the same follower. Raises DetectorError."""
    if before + len(noticed) > DETECTIONS_MAX:
        raise DetectorError("there are too many findings")
    for each in noticed:
        if isinstance(each, Undecided):
            check_kinds((each.reason,))
            continue
        if not isinstance(each, ReplyFinding) or each.kind not in detector.kinds:
            raise DetectorError("a finding is a ReplyFinding of a declared kind")
        if not (0 <= each.start <= each.end and 0 <= each.score <= 1) or len(each.why) > WHY_MAX:
            raise DetectorError("a finding lies outside of its text, or its score or reason is none")
