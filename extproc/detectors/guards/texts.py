"""Texts on their way to a guard, and the places in them that a guard has changed."""

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Final, TypeVar

from msgspec import DecodeError, Struct, json

from extproc.detectors.contract import DetectorError, Statement
from extproc.detectors.service import Excerpt

EXCERPT_MAX: Final = 10_000
"""Code points of a text that a service is given at once: the least that one of them allows (Azure)."""

OVERLAP: Final = 250
"""Code points that two parts of a text share: longer than an address or a sentence that matters."""

PIECES_MAX: Final = 128
"""Words between the first and the last change of a text, up to which the changes are told apart: 5 ms at worst. What
has
more is one change."""

COMPARED_MAX: Final = 4 * PIECES_MAX * PIECES_MAX
"""Pairs of words that are compared for all texts of one response: 20 ms at worst, for which the loop stands still. The
texts behind that have one change each."""

_LONE: Final = re.compile("[\ud800-\udfff]")
_PIECE: Final = re.compile(r"\w+|\W")
_UNKNOWN: Final = "\ufffd"

Change = tuple[int, int, str]
"""Code points `start` to `end` (exclusive) of a text, and what stands there instead."""

T = TypeVar("T")


class Compared(Struct):
    """Counts pairs of words that were compared."""

    pairs: int = 0

    def affords(self, pairs: int) -> bool:
        """True if that many more may be; they are counted then."""
        if self.pairs + pairs > COMPARED_MAX:
            return False
        self.pairs += pairs
        return True


def sendable(text: str) -> str:
    """Return a text that can be written as UTF-8; its code points keep their places."""
    return text if text.isascii() else _LONE.sub(_UNKNOWN, text)


def excerpts(statements: Sequence[Statement]) -> Iterator[tuple[Excerpt, str]]:
    """Yield the texts of statements, long ones in overlapping parts."""
    for place, each in enumerate(statements):
        text = sendable(each.text)
        if len(text) <= EXCERPT_MAX:
            yield Excerpt(place), text
            continue
        for start in range(0, len(text) - OVERLAP, EXCERPT_MAX - OVERLAP):
            end = min(start + EXCERPT_MAX, len(text))
            yield Excerpt(place, start, end), text[start:end]


def decoded(body: bytes, shape: type[T]) -> T:
    """Return a response as what its contract says. Raises DetectorError, which quotes nothing."""
    try:
        return json.decode(body, type=shape)
    except (DecodeError, RecursionError, UnicodeError):
        raise DetectorError("the response is not what the contract says") from None


def changes(text: str, changed: str, compared: Compared | None = None) -> Iterator[Change]:
    """Yield the places of a text that differ in another, in their order. None of them is empty, unless the text is.

    `compared` counts what is compared for several texts.
    """
    start = _common(text, changed)
    most = min(len(text), len(changed)) - start
    end = _common(text[::-1][:most], changed[::-1][:most])
    old, new = text[start : len(text) - end], changed[start : len(changed) - end]
    if not old and not new:
        return
    for first, last, instead in _differences(old, new, compared or Compared()):
        yield _widened(text, start + first, start + last, instead)


def _common(one: str, other: str) -> int:
    """The length of what two texts begin with."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _differences(old: str, new: str, compared: Compared) -> Iterator[Change]:
    before, after = _PIECE.findall(old), _PIECE.findall(new)
    if max(len(before), len(after)) > PIECES_MAX or not compared.affords(len(before) * len(after)):
        yield 0, len(old), new
        return
    ends = [0]
    for piece in before:
        ends.append(ends[-1] + len(piece))
    for tag, first, last, start, end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag != "equal":
            yield ends[first], ends[last], "".join(after[start:end])


def _widened(text: str, start: int, end: int, instead: str) -> Change:
    """A change with a place: what was only added counts to the character beside it."""
    if start < end or not text:
        return start, end, instead
    return (start - 1, start, text[start - 1] + instead) if start else (0, 1, instead + text[0])
