"""The cells of a line of a table: commas, semicolons, tabs or bars end them, but not within double quotes."""

from collections.abc import Iterator
from typing import Final, TypeAlias

MARKS: Final = (",", ";", "\t", "|")
_BOUNDS: Final = " \t\r\"'"

Cell: TypeAlias = tuple[int, int]
"""The code points of a value, without the quotes and blanks around it."""


class CellEnds:
    """Finds the ends of the cells of a line that comes in pieces. Any pieces give the same ends."""

    __slots__ = ("_mark", "_quoted")

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self._quoted = False

    def read(self, text: str, start: int, end: int) -> Iterator[int]:
        """Yield the places of the marks in `text[start:end]`, the line's next piece, that end a cell."""
        mark = self._mark
        while start < end:
            close = text.find(mark, start, end)
            stop = end if close < 0 else close
            self._quoted ^= text.count('"', start, stop) % 2 == 1
            if close >= 0 and not self._quoted:
                yield close
            start = stop + 1

    def rewind(self) -> None:
        """Begin with another line."""
        self._quoted = False


def cells(line: str, mark: str) -> list[str]:
    """Return the values of the cells of a line."""
    ends = [*CellEnds(mark).read(line, 0, len(line)), len(line)]
    starts = [0, *(end + 1 for end in ends)]
    return [line[slice(*bare(line, start, end))] for start, end in zip(starts, ends, strict=False)]


def bare(text: str, start: int, end: int) -> Cell:
    """Return the place of the value in the cell `text[start:end]`."""
    value = text[start:end]
    first = start + len(value) - len(value.lstrip(_BOUNDS))
    return first, max(first, start + len(value.rstrip(_BOUNDS)))
