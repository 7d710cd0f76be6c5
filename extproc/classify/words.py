"""Words of a folded text, and the windows of words in which it is judged."""

import re
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise
from typing import Final

WINDOW: Final = 120
"""Words of a window: a long paragraph. A longer one dilutes a sentence that stands alone in it."""

STEP: Final = 80
"""Words from the beginning of a window to that of the next: whatever is a third of a window long lies whole in one."""

_WORD: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff]"
    r"|[^\W\d_]+|\d+"
)
"""A word; in scripts that write no spaces, a character. Punctuation says more of a source than of what it says."""

_NUMBER: Final = "0"
_DIGITS: Final = re.compile(r"\d")


_ASCII: Final = re.compile("[a-z]+|[0-9]+")
"""The same for folded texts that have no other letters: three times as fast."""


class Words:
    """The words of a folded text."""

    __slots__ = ("_pattern", "_text", "pairs", "words")

    def __init__(self, text: str) -> None:
        self._text = text
        self._pattern = _ASCII if text.isascii() else _WORD
        self.words: list[str] = self._pattern.findall(text)
        if _DIGITS.search(text) is not None:
            self.words = [_NUMBER if word.isdigit() else word for word in self.words]
        self.pairs = list(map(" ".join, pairwise(self.words)))

    def windows(self) -> Iterator[tuple[int, int]]:
        """Yield the first word of each window, and the one behind its last. They overlap; there is always one."""
        size = len(self.words)
        for first in range(0, max(1, size - (WINDOW - STEP)), STEP):
            yield first, min(first + WINDOW, size)

    def place(self, first: int, last: int) -> tuple[int, int]:
        """Return the code points of the words from `first` up to but not including `last`; all of the text for all."""
        if first == 0 and last == len(self.words):
            return 0, len(self._text)
        if first >= last:
            return 0, 0
        matches = self._pattern.finditer(self._text)
        begin = next(islice(matches, first, None))
        end = next(islice(matches, last - first - 2, None)) if last - first > 1 else begin
        return begin.start(), end.end()

    def grams(self, first: int, last: int) -> set[str]:
        """Return the grams of the words from `first` up to but not including `last`."""
        return {*self.words[first:last], *self.pairs[first : last - 1]}

    def __repr__(self) -> str:
        return f"Words({len(self.words)})"


def grams(words: Sequence[str]) -> set[str]:
    """Return what a model knows a text by: its words, and its pairs of words that follow each other."""
    return {*words, *map(" ".join, pairwise(words))}
