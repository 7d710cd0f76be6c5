"""Invisible code points: a value with some of them inside is the value without them; so is one that is spelt out.

A soft hyphen, a zero-width space or a tag character inside a key keeps every rule from finding it, while models and
people read it as the key. So a text with such code points is read once more without them. As it stands it is read as
well: what is joined by leaving one out may be no value any more.

Behind a symbol they stay: there they say how an emoji looks, which stands in no value, and every second answer of a
model has such. `Ignored` says which are left out: what it says of one depends on those right before it.
"""

import re
from bisect import bisect_left, bisect_right
from copy import copy

from extproc.matching.re2_search import expression, searching, within
from extproc.matching.span import Span
from extproc.matching.spelt import MOST_SPELT, SPELT, character, spelt
from extproc.protocol.meter import Meter

MOST_IN_A_ROW = 64
"""Code points in a row that are left out; those behind them stand. It bounds what a stream holds back: so many times
what the rules need. Emoji of families have 4 in a row, a shortened word has one."""

STEPS_A_RUN = 1
"""Steps of a meter that code points in a row count as: 1.3 µs to leave them out."""

SHORT = 256
"""Characters up to which Python's own search for them is quicker than encoding the text for RE2."""

# Default_Ignorable_Code_Point of Unicode 16 (DerivedCoreProperties.txt).
_POINTS = (
    *((0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F)),
    *((0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF)),
    *((0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF)),
)
_SYMBOLS = ((0x2190, 0x2BFF), (0x1F000, 0x1FAFF))  # arrows to dingbats, and emoji
_unseen = "".join(f"{chr(first)}-{chr(last)}" for first, last in _POINTS)
_symbols = "".join(f"{chr(first)}-{chr(last)}" for first, last in _SYMBOLS)
_any = re.compile(f"(?:\\A|[^{_symbols}{_unseen}])[{_unseen}]")
_bytes = searching(expression(f"(?:\\A|[^{_symbols}{_unseen}])[{_unseen}]"))
_runs = re.compile(f"[{_unseen}]+|{SPELT}")
_SYMBOL = chr(_SYMBOLS[0][0])
_kept_behind = re.compile(f"[{_symbols}{_unseen}]")
_marks = frozenset("&%\\")
_is_unseen = re.compile(f"[{_unseen}]")

assert MOST_SPELT <= MOST_IN_A_ROW, "so that a stream holds back no more for what is spelt out"


def hidden(text: str, before: str = "") -> bool:
    """True if something in `text`, which stands behind `before`, is left out or spelt out.

    Costs four looks for a character where it is ASCII.
    """
    if ("&" in text or "%" in text or "\\" in text) and spelt(text, before):
        return True
    if text.isascii():
        return False
    text = (_SYMBOL if _row(before) else before) + text
    if len(text) <= SHORT:
        return _any.search(text) is not None
    return within(_bytes, text.encode("utf-8", "replace"))


def shown(text: str) -> str:
    """Return a text without any such code point, wherever it stands."""
    return text if text.isascii() else _is_unseen.sub("", text)


class Ignored:
    """A text without its ignorable code points and with what is spelt out, and the places in the text of what is left.

    `start`: the text's place in a whole. Places in what is left are counted from there, too. `before`: the code point
    in front of it, if any.
    """

    __slots__ = ("_before", "_gaps", "_left", "_row", "_size", "_spelt")

    def __init__(self, start: int = 0, before: str = "") -> None:
        self._before = before
        self._spelt: dict[int, int] = {}  # for each character that is spelt out, by its place: in how many more
        self._gaps: list[int] = []  # for each code point that is left out, the place of the next one that is not
        self._left = 0  # those that are not in the list any more
        self._size = start
        self._row = _row(before)  # those that were left out in a row, or as if they had been

    def bare(self, text: str, meter: Meter | None = None) -> str:
        """Return what is left of the next piece of the text. Raises SpentError."""
        parts: list[str] = []
        at = start = len(self._before)
        text = self._before + text
        for found in _runs.finditer(text, start):
            if meter is not None:
                meter.spend(STEPS_A_RUN)
            first, last = found.span()
            parts.append(text[at:first])
            self._size += first - at
            if first > at:
                self._row = _row(text[first - 1])
            at = last
            char = character(text[first:last]) if text[first] in _marks else ""
            if char and not _is_unseen.match(char):
                parts.append(char)
                self._spelt[self._size] = last - first - 1
                self._size += 1
                self._gaps += [self._size] * (last - first - 1)
                self._row = 0
                continue
            out = min(last - first, MOST_IN_A_ROW - self._row)
            self._gaps += [self._size] * out
            self._row += out
            parts.append(text[first + out : last])
            self._size += last - first - out
        if at < len(text):
            self._row = _row(text[-1])
        parts.append(text[at:])
        self._size += len(text) - at
        self._before = text[-1:]
        return "".join(parts)

    def first(self, place: int) -> int:
        """Return the place in the text of the code point at `place`."""
        return place + self._left + bisect_right(self._gaps, place)

    def end(self, place: int) -> int:
        """Return the place in the text behind the code point before `place`."""
        return self.first(place - 1) + 1 + self._spelt.get(place - 1, 0)

    def span(self, span: Span) -> Span:
        """Return a finding in what is left as one in the text: from its first code point to its last."""
        return Span(self.first(span.start), self.end(span.end), span.kind, span.rule, span.score)

    def forget(self, place: int) -> None:
        """Nothing before `place` is asked for any more, but for its end."""
        count = bisect_left(self._gaps, place)
        if count:
            del self._gaps[:count]
            self._left += count
        if self._spelt:
            self._spelt = {at: more for at, more in self._spelt.items() if at >= place - 1}

    def again(self) -> "Ignored":
        """Another that has seen the same."""
        other: Ignored = copy(self)
        other._gaps, other._spelt = self._gaps.copy(), self._spelt.copy()
        return other


def _row(before: str) -> int:
    """The number of code points that count as left out behind another: the most there may be if what follows it stays.

    Behind one that itself is not seen, and was read so far with the rest, they stay as that does.
    """
    return MOST_IN_A_ROW if _kept_behind.match(before) is not None else 0
