"""Tables in a text: the header of a column identifies its values, as the name of a member identifies its value.

A header is a line of names between commas, semicolons, tabs or bars; its rows are the lines below with as many cells.
The header of a long table is further from most rows than rules look back for words, so that the values of a telling
column are read once more, each as the text of a member of that name. Only whole texts of requests are read so: of a
response that streams, the header has left long before (see `docs/decisions/0080`).
"""

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from msgspec import Struct

from extproc.detectors.naming import spelled
from extproc.inspection.cells import MARKS, Cell, cells, points, rows
from extproc.matching.scanner import Scanner
from extproc.matching.span import Span, order
from extproc.protocol.meter import Meter

COLUMNS_MAX: Final = 256
"""Cells of a header; a line with more is no header. Exports of customer systems have some 150."""

HEADER_STEPS: Final = 10
"""Steps of a meter for a line that looks like a header: 5 µs to find it and to read its names."""

NAME_WORDS_MAX: Final = 5
"""Words of a column's name; a part of a sentence between two commas has more."""

# Nothing is read twice: each part ends where the next can begin, and gives nothing back. Below stands a row with a
# digit, or a ruler.
_NAME = rb"[\w \x80-\xff.#/\"'()-]"
_HEADER = re.compile(rb"\n\|?(?!\d)%b++(?:[,;\t|]%b*+)++\r?(?=\n[^\n\d]*+\d|\n[|:+= -]*\n)" % (_NAME, _NAME))
_DIGIT = re.compile(rb"\d")


class Column(Struct, frozen=True):
    """A telling column: the words of its name, and its values."""

    words: str
    cells: tuple[Cell, ...]


class Tables(Struct, frozen=True):
    """The telling columns of the tables in a text; `data` is that text in UTF-8 behind a line feed."""

    data: bytes
    columns: tuple[Column, ...]

    def values(self, column: Column) -> list[str]:
        """Return the values of a column."""
        return [self.data[first:end].decode() for first, end in column.cells]

    def __repr__(self) -> str:
        return f"Tables({len(self.data)} bytes, {len(self.columns)} columns)"


def tables(text: str, scanner: Scanner, meter: Meter | None = None) -> Tables | None:
    """Return the columns of the tables in `text` whose names tell a rule something, if any. Raises SpentError."""
    if "\n" not in text:
        return None
    data = b"\n%b\n" % text.encode("utf-8", "replace")
    if _DIGIT.search(data) is None:
        return None  # there is one in all that columns tell
    found: list[Column] = []
    start = 0
    while (header := _HEADER.search(data, start)) is not None:
        # The line feed behind a header may be that in front of another.
        first, start = header.start() + 1, header.end()
        end = data.find(b"\n", start + 1)
        mark = max(MARKS, key=header[0].count)
        width = header[0].count(mark)
        if width < COLUMNS_MAX and data.count(mark, start, end) >= width:
            more, start = _columns(data, first, start, mark, scanner, meter)
            found += more
    return Tables(data, tuple(found)) if found else None


def named_spans(spans: Sequence[Span], told: Tables, scanner: Scanner, meter: Meter | None = None) -> list[Span]:
    """Return the findings of a text, those of its telling columns among them.

    Where the column tells what a value is, a word that stands further away does not. Raises as `Scanner.scan` does.
    """
    found: set[Span] = set()
    cells: dict[int, int] = {}
    for column in told.columns:
        values = told.values(column)
        read = scanner.scan_all(values, partial(_same, column.words), meter)
        firsts = points(told.data, [column.cells[number][0] for number, _ in read])
        for (number, each), first in zip(read, firsts, strict=True):
            cells[first] = first + len(values[number])
            found |= {Span(first + one.start, first + one.end, one.kind, one.rule, one.score) for one in each}
    starts = sorted(cells)
    kept = [span for span in spans if not _within(span, starts, cells)]
    return sorted(found.union(kept), key=order)


def _same(words: str, _: int) -> str:
    return words


def _within(span: Span, starts: Sequence[int], cells: Mapping[int, int]) -> bool:
    """True if a finding lies in one of the cells."""
    number = bisect_right(starts, span.start)
    return number > 0 and span.end <= cells[starts[number - 1]]


def _columns(
    data: bytes, first: int, end: int, mark: bytes, scanner: Scanner, meter: Meter | None
) -> tuple[list[Column], int]:
    """Return the telling columns of the table under the header in `data[first:end]`, and the end of its last row.

    A line that tells nothing may stand above the header: then that is the end.
    """
    names = cells(data, first, end, mark)
    if meter is not None:
        meter.spend(HEADER_STEPS + len(names))
    told: dict[int, tuple[str, list[Cell]]] = {}
    for number, cell in enumerate(names):
        name = spelled(data[slice(*cell)].decode())
        if name and name.count(" ") < NAME_WORDS_MAX and scanner.tells(name):
            told[number] = name, []
    last = end
    for row, below in rows(data, end + 1, len(names), mark, meter) if told else ():
        last = below
        for number, (_, places) in told.items():
            places.append(row[number])
    return [Column(name, tuple(places)) for name, places in told.values() if places], last
