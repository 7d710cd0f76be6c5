"""The length of replies: `use: length`."""

from collections.abc import Sequence
from typing import Final

from extproc.apis.asked import Asked
from extproc.apis.events.event import Scope
from extproc.apis.reply import ReplyPart
from extproc.detectors.registry import DetectorKind
from extproc.detectors.replies import Noticed, ReplyDetector, ReplyFinding
from extproc.policy.replies import Length

KINDS: Final = ("too_long", "too_short")

PARTS_ASCII: Final = 27
"""Hundredths of a token that an ASCII character counts for: English prose has 4.2 characters for each, code 3.2."""
PARTS_OTHER: Final = 60
"""The same for any other character: Cyrillic, Greek and Arabic have 2 to 3 for each, Chinese and Japanese 1 to 1.5."""

_COMPLETE: Final = frozenset({"stop", "other"})
"""Endings of messages that are as long as the model made them."""


class Measured:
    """The length of one text, or of all of them. Adding pieces gives what the whole would give."""

    __slots__ = ("_ascii", "_in_word", "chars", "words")

    def __init__(self) -> None:
        self.chars = 0
        self.words = 0
        self._ascii = 0
        self._in_word = False

    @property
    def tokens(self) -> int:
        """An estimate of the tokens."""
        return (PARTS_ASCII * self._ascii + PARTS_OTHER * (self.chars - self._ascii) + 99) // 100

    def add(self, piece: str) -> None:
        """Count a piece that is not empty."""
        self.chars += len(piece)
        self._ascii += len(piece) if piece.isascii() else sum(map(str.isascii, piece))
        self.words += len(piece.split()) - (self._in_word and not piece[0].isspace())
        self._in_word = not piece[-1].isspace()

    def copied(self) -> "Measured":
        """Return a copy that goes on by itself."""
        other = Measured()
        other.chars, other.words, other._ascii, other._in_word = self.chars, self.words, self._ascii, self._in_word
        return other


class MeasuredReply:
    """Follows one reply."""

    __slots__ = ("_bases", "_least", "_most", "_over", "_per_message", "_texts")

    def __init__(self, options: Length) -> None:
        self._per_message = options.per == "message"
        limits = ("chars", "words", "tokens")
        self._most = [(name, most) for name in limits if (most := getattr(options, f"max_{name}")) is not None]
        self._least = [(name, least) for name in limits if (least := getattr(options, f"min_{name}")) is not None]
        self._texts: dict[int, tuple[Measured, Scope]] = {}
        self._bases: dict[Scope, int] = {}  # code points of each text so far
        self._over: set[int] = set()

    def take(self, part: ReplyPart) -> Sequence[Noticed]:
        """See `Follower.take`."""
        if part.kind == "end":
            return self._ended(part) if self._per_message else ()
        if part.kind != "text" or not part.text:
            return ()
        key = part.message if self._per_message else -1
        before = self._bases.get(part.path, 0)
        if part.whole and before:  # it stands in the place of what came
            self._texts.pop(key, None)
            before = 0
        self._bases[part.path] = before + len(part.text)
        measured, _ = self._texts.get(key) or (Measured(), part.path)
        self._texts[key] = measured, part.path
        if key in self._over or not self._most:
            measured.add(part.text)
            return ()
        at_first = measured.copied()
        measured.add(part.text)
        exceeded = [name for name, most in self._most if getattr(measured, name) > most]
        if not exceeded:
            return ()
        self._over.add(key)
        at = _first_over(at_first, part.text, self._most)
        name = next(name for name, most in self._most if name in exceeded)
        return (ReplyFinding("too_long", part.path, before + at, before + at + 1, why=f"max_{name}"),)

    def finish(self) -> Sequence[Noticed]:
        """See `Follower.finish`."""
        return () if self._per_message else self._short(-1)

    def _ended(self, part: ReplyPart) -> Sequence[Noticed]:
        if part.text not in _COMPLETE:
            return ()
        ended = [*self._texts] if part.message < 0 else [part.message]
        return [each for key in ended for each in self._short(key)]

    def _short(self, key: int) -> Sequence[Noticed]:
        measured, path = self._texts.pop(key) if key in self._texts else (Measured(), ())
        under = next((name for name, least in self._least if getattr(measured, name) < least), None)
        return () if under is None else (ReplyFinding("too_short", path, 0, measured.chars, why=f"min_{under}"),)


def _first_over(measured: Measured, piece: str, most: Sequence[tuple[str, int]]) -> int:
    """Return the first character of a piece with which one of the limits is exceeded."""
    for at, each in enumerate(piece):
        measured.add(each)
        if any(getattr(measured, name) > limit for name, limit in most):
            return at
    return len(piece)


def length(options: Length) -> ReplyDetector:
    """Return the detector of `use: length`."""

    def opened(_: Asked | None) -> MeasuredReply:
        return MeasuredReply(options)

    return ReplyDetector(KINDS, opened)


LENGTH: Final = DetectorKind("length", Length, length)
