"""The length of replies: `use: length`."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Final

from extproc.apis.asked import Asked
from extproc.apis.events.event import Scope
from extproc.apis.reply import ReplyPart
from extproc.detectors.registry import built_in
from extproc.detectors.replies import Noticed, ReplyDetector, ReplyFinding, Wakes, never
from extproc.policy.replies import Length

KINDS: Final = ("too_long", "too_short")

PARTS_ASCII: Final = 27
"""Hundredths of a token that an ASCII character counts for: English prose has 4.2 characters for each, code 3.2."""
PARTS_OTHER: Final = 60
"""The same for any other character: Cyrillic, Greek and Arabic have 2 to 3 for each, Chinese and Japanese 1 to 1.5."""

_MOST_OF: Final = {"chars": 100, "words": 100, "tokens": PARTS_OTHER}
"""The most hundredths that a character can add to each."""

_COMPLETE: Final = frozenset({"stop", "other"})
"""Endings of messages that are as long as the model made them."""


class Measured:
    """The length of one text, or of several. Adding pieces gives what the whole would give."""

    __slots__ = ("_in_word", "ascii", "chars", "words")

    def __init__(self) -> None:
        self.chars = 0
        self.words = 0
        self.ascii = 0
        self._in_word = False

    @property
    def tokens(self) -> int:
        """An estimate of the tokens."""
        return (PARTS_ASCII * self.ascii + PARTS_OTHER * (self.chars - self.ascii) + 99) // 100

    def add(self, piece: str) -> None:
        """Count a piece that is not empty."""
        self.chars += len(piece)
        self.ascii += len(piece) if piece.isascii() else sum(map(str.isascii, piece))
        self.words += len(piece.split()) - (self._in_word and not piece[0].isspace())
        self._in_word = not piece[-1].isspace()

    def copied(self) -> "Measured":
        """Return a copy that goes on by itself."""
        other = Measured()
        other.chars, other.words, other.ascii, other._in_word = self.chars, self.words, self.ascii, self._in_word
        return other

    def with_text(self, other: "Measured") -> "Measured":
        """Return the length of this and another text."""
        both = other.copied()
        both.chars += self.chars
        both.words += self.words
        both.ascii += self.ascii
        return both


class MeasuredReply:
    """Follows one reply."""

    __slots__ = ("_least", "_most", "_over", "_per_message", "_texts")

    def __init__(self, options: Length) -> None:
        self._per_message = options.per == "message"
        limits = ("chars", "words", "tokens")
        self._most = [(name, most) for name in limits if (most := getattr(options, f"max_{name}")) is not None]
        self._least = [(name, least) for name in limits if (least := getattr(options, f"min_{name}")) is not None]
        self._texts: dict[int, dict[Scope, Measured]] = {}  # those that are measured together
        self._over: set[int] = set()

    def take(self, part: ReplyPart) -> Sequence[Noticed]:
        """See `Follower.take`."""
        if part.kind == "end":
            return self._ended(part) if self._per_message else ()
        if part.kind != "text" or not part.text:
            return ()
        key = self._key(part)
        texts = self._texts.setdefault(key, {})
        if part.whole:  # it stands in the place of what came
            texts.pop(part.path, None)
        text = texts.setdefault(part.path, Measured())
        before = text.copied()
        text.add(part.text)
        if key in self._over or not self._most:
            return ()
        others = [each for path, each in texts.items() if path != part.path]
        name = self._exceeded(text, others)
        if name is None:
            return ()
        self._over.add(key)
        at = bisect_left(
            range(1, len(part.text)), True, key=lambda size: self._exceeds(before, part.text[:size], others)
        )
        return (ReplyFinding("too_long", part.path, before.chars + at, before.chars + at + 1, why=f"max_{name}"),)

    def wakes(self, part: ReplyPart) -> Wakes | None:
        """See `PatientFollower.wakes`. Pieces may wait that cannot exceed a limit, if no other text counts as well."""
        key = self._key(part)
        if part.kind != "text" or not self._most or key in self._over:
            return never
        texts = self._texts.get(key, {})
        if len(texts) > 1:
            return None
        whole = _together(texts.values())
        room = min((most - getattr(whole, name) - 1) * 100 // _MOST_OF[name] for name, most in self._most)
        if room <= 0:
            return None

        def wakes(piece: str) -> object:
            nonlocal room
            room -= len(piece)
            return None if room >= 0 else True

        return wakes

    def finish(self) -> Sequence[Noticed]:
        """See `Follower.finish`."""
        return () if self._per_message else self._short(-1)

    def _key(self, part: ReplyPart) -> int:
        return part.message if self._per_message else -1

    def _exceeded(self, text: Measured, others: Iterable[Measured]) -> str | None:
        """Return the limit that is exceeded, if one is."""
        whole = _together((text, *others))
        return next((name for name, most in self._most if getattr(whole, name) > most), None)

    def _exceeds(self, before: Measured, piece: str, others: Iterable[Measured]) -> bool:
        text = before.copied()
        text.add(piece)
        return self._exceeded(text, others) is not None

    def _ended(self, part: ReplyPart) -> Sequence[Noticed]:
        if part.text not in _COMPLETE:
            return ()
        ended = [*self._texts] if part.message < 0 else [part.message]
        return [each for key in ended for each in self._short(key)]

    def _short(self, key: int) -> Sequence[Noticed]:
        texts = self._texts.pop(key, {})
        whole = _together(texts.values())
        under = next((name for name, least in self._least if getattr(whole, name) < least), None)
        if under is None:
            return ()
        path, last = next(reversed(texts.items()), ((), whole))
        return (ReplyFinding("too_short", path, 0, last.chars, why=f"min_{under}"),)


def _together(texts: Iterable[Measured]) -> Measured:
    return reduce(Measured.with_text, texts, Measured())


def length(options: Length) -> ReplyDetector:
    """Return the detector of `use: length`."""

    def opened(_: Asked | None) -> MeasuredReply:
        return MeasuredReply(options)

    return ReplyDetector(KINDS, opened)


LENGTH: Final = built_in(Length, length)
