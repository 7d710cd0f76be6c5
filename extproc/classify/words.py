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
"""The word that stands for any number."""

_ASCII: Final = re.compile("[a-z]+|[0-9]+")
"""The same as `_WORD` for folded texts that have no other letters."""

_LEAP: Final = 40
_LEAPS: Final = re.compile(f"(?:[^a-z0-9]*+(?:[a-z]++|[0-9]++)){{{_LEAP}}}")
"""That many words of `_ASCII` in one match: a tenth of what the words take one by one."""

_TABLE: Final = {
    code: each if "a" <= (each := chr(code)) <= "z" else _NUMBER if each.isdigit() else " " for code in range(128)
}
"""The sign for each ASCII character: itself for a letter, a zero for a digit, and else a blank."""

_DIGITS: Final = re.compile(f"{_NUMBER}+")


class Words:
    """The words of a folded text."""

    __slots__ = ("_text", "pairs", "words")

    def __init__(self, text: str) -> None:
        self._text = text
        self.words = _of_ascii(text) if text.isascii() else _of_any(text)
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
        begin = self._word(first, 0, 0)
        end = begin if last - first == 1 else self._word(last - 1, first + 1, begin.end())
        return begin.start(), end.end()

    def _word(self, number: int, passed: int, at: int) -> re.Match[str]:
        """Return a word's place, from the code point behind the words that are `passed`."""
        text = self._text
        if not text.isascii():
            return next(islice(_WORD.finditer(text, at), number - passed, None))
        while number - passed >= _LEAP and (leap := _LEAPS.match(text, at)) is not None:
            at, passed = leap.end(), passed + _LEAP
        return next(islice(_ASCII.finditer(text, at), number - passed, None))

    def grams(self, first: int, last: int) -> set[str]:
        """Return the grams of the words from `first` up to but not including `last`."""
        found = set(self.words[first:last])
        found.update(self.pairs[first : last - 1])
        return found

    def __repr__(self) -> str:
        return f"Words({len(self.words)})"


def grams(words: Sequence[str]) -> set[str]:
    """Return what a model knows a text by: its words, and its pairs of words that follow each other."""
    return {*words, *map(" ".join, pairwise(words))}


def _of_ascii(text: str) -> list[str]:
    """The words of a text of `_ASCII`, in a third of the time that the expression takes."""
    plain = text.translate(_TABLE)
    return (_DIGITS.sub(" 0 ", plain) if _NUMBER in plain else plain).split()


def _of_any(text: str) -> list[str]:
    return [_NUMBER if word.isdigit() else word for word in _WORD.findall(text)]
