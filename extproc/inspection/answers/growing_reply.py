"""One growing text of a reply, as its followers are given it: pieces that say nothing to a follower wait for it."""

from collections.abc import Iterable, Iterator

from extproc.apis.reply import ReplyPart
from extproc.detectors.replies import Wakes
from extproc.inspection.following import FollowedReply
from extproc.inspection.replies import GrowingPart
from extproc.inspection.stage import CompiledProcessor


class FollowerTurn:
    """The place of one follower in a text. `given`: the pieces that it was given; `wakes`: see `PatientFollower`."""

    __slots__ = ("followed", "given", "wakes")

    def __init__(self, followed: FollowedReply, given: int) -> None:
        self.followed = followed
        self.given = given
        self.wakes: Wakes | None = None


class GrowingReply:
    """A text and its followers' places in it. `said`: all its pieces so far, which the reader of the reply keeps."""

    __slots__ = ("_text", "path", "said", "turns")

    def __init__(self, text: GrowingPart, followed: Iterable[FollowedReply]) -> None:
        self._text = text
        self.path = text.part.path
        self.said = text.said
        self.turns = [FollowerTurn(each, len(text.said)) for each in followed]

    def due(self, turn: FollowerTurn) -> ReplyPart:
        """Return what a follower was not given yet, as one piece."""
        said, given = self.said, turn.given
        turn.given = len(said)
        return self._text.piece(said[-1] if given == len(said) - 1 else "".join(said[given:]))

    def waiting(self) -> Iterator[FollowerTurn]:
        """Yield the places of followers for which something waits."""
        size = len(self.said)
        return (turn for turn in self.turns if turn.given < size)

    def restart(self) -> None:
        """The text, or what followers think of it, may have changed: nothing waits until they are asked anew."""
        for turn in self.turns:
            turn.given, turn.wakes = len(self.said), None

    def leave(self, processor: CompiledProcessor) -> None:
        """The follower of a processor is at work no more."""
        self.turns = [turn for turn in self.turns if turn.followed.processor is not processor]
