"""Secrets in the columns of a table, below the first: `id,password` and a line for each user.

The rule for columns (`detectors/secrets/columns.py`) finds what stands in the line below the names. In a text that is
whole, all further lines are read from there, each cell with the name of its column. A stream could not: the names may
be any distance behind. See `docs/decisions/0081`.
"""

from collections.abc import Iterable, Iterator
from itertools import islice

from extproc.detectors.secrets.columns import IN_COLUMN
from extproc.inspection.cells import MARKS, Cell, cells, points, rows
from extproc.inspection.led import leading, led
from extproc.matching.scanner import Scanner
from extproc.matching.span import Span
from extproc.protocol.meter import Meter

MOST_ROWS = 1000
"""Lines of a table that are read, 20 µs each: a prompt with more is an export, whose first lines are masked already."""


def below(scanner: Scanner, text: str, found: Iterable[Span], meter: Meter | None = None) -> list[Span]:
    """Return what stands in the same columns as the findings of the rule for columns. Raises as `Scanner.scan` does."""
    # A stage puts its processor's number before the rule's name.
    firsts = [each for each in found if each.rule.rpartition(":")[2] == IN_COLUMN]
    if not firsts:
        return []
    data = b"\n%b\n" % text.encode("utf-8", "replace")
    more: list[Span] = []
    for first in firsts:
        column = list(_below(data, 1 + len(text[: first.start].encode("utf-8", "replace")), meter))
        starts = points(data, [cell[0] for _, cell in column])
        for (lead, cell), start in zip(column, starts, strict=True):
            value = data[slice(*cell)].decode()
            more += (
                Span(start + each.start, start + each.end, each.kind, each.rule, each.score)
                for each in led(scanner, value, lead, meter)
            )
    return more


def _below(data: bytes, at: int, meter: Meter | None) -> Iterator[tuple[str, Cell]]:
    """Yield the cells below the one at byte `at`, each with what leads it."""
    opening, ending = data.rfind(b"\n", 0, at) + 1, data.find(b"\n", at)
    # What stands behind the value parts it from the next; the last one has something in front alone.
    mark = _mark(data[at:ending]) or _mark(data[opening:at])
    if not mark:
        return
    row = cells(data, opening, ending, mark)
    behind = sum(first > at for first, _ in row)
    lead = _lead(data, opening, behind)
    if lead:
        for each, _ in islice(rows(data, ending + 1, len(row), mark, meter), MOST_ROWS):
            yield lead, each[-1 - behind]


def _mark(line: bytes) -> bytes:
    """The first mark in a part of a line; empty without one."""
    return min((mark for mark in MARKS if mark in line), key=line.find, default=b"")


def _lead(data: bytes, opening: int, behind: int) -> str:
    """Return the lead of a column's values: its name, in the line before `opening`. `behind`: the columns after it."""
    start, end = data.rfind(b"\n", 0, opening - 1) + 1, opening - 1
    names = cells(data, start, end, _mark(data[start:end]) or MARKS[0])
    return leading(data[slice(*names[-1 - behind])].decode()) if behind < len(names) else ""
