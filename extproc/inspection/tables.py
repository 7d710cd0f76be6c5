"""Secrets in the columns of a table, below the first: `id,password` and a line for each user.

The rule for columns (`detectors/secrets/columns.py`) finds what stands in the line below the names. In a text that is
whole, all further lines are read from there, each cell with the name of its column. A stream could not: the names may
be any distance behind. See `docs/decisions/0081`.
"""

from collections.abc import Iterable, Iterator

from extproc.detectors.secrets.columns import DELIMITERS, IN_COLUMN
from extproc.inspection.led import leading, led
from extproc.matching.scanner import Scanner
from extproc.matching.span import Span
from extproc.protocol.meter import Meter

MOST_ROWS = 1000
"""Lines of a table that are read, 20 µs each: a prompt with more is an export, whose first lines are masked already."""

_AROUND = " \t\r\"'"


def below(scanner: Scanner, text: str, found: Iterable[Span], meter: Meter | None = None) -> list[Span]:
    """Return what stands in the same columns as the findings of the rule for columns. Raises as `Scanner.scan` does."""
    return [
        Span(start + each.start, start + each.end, each.kind, each.rule, each.score)
        for first in found
        if first.rule.rpartition(":")[2] == IN_COLUMN  # a stage puts its processor's number before the rule's name
        for lead, start, cell in _cells(text, first)
        for each in led(scanner, cell, lead, meter)
    ]


def _cells(text: str, first: Span) -> Iterator[tuple[str, int, str]]:
    """The cells below a finding, each with what leads it and its place."""
    opening = text.rfind("\n", 0, first.start) + 1
    ending = _end(text, opening)
    delimiter = next(
        (char for char in text[first.end : ending] + text[opening : first.start] if char in DELIMITERS), ""
    )
    behind, columns = text.count(delimiter, first.end, ending), text.count(delimiter, opening, ending)
    lead = _lead(text, opening, behind) if delimiter else ""
    if not lead:
        return
    for _ in range(MOST_ROWS):
        opening = ending + 1
        ending = _end(text, opening)
        if opening >= len(text) or text.count(delimiter, opening, ending) != columns:
            return
        cells = text[opening:ending].split(delimiter)
        start = opening + sum(len(each) + 1 for each in cells[: columns - behind])
        cell = cells[columns - behind]
        yield lead, start + len(cell) - len(cell.lstrip(_AROUND)), cell.strip(_AROUND)


def _lead(text: str, opening: int, behind: int) -> str:
    """Return the lead of a column's values: its name, in the line before `opening`. `behind`: the columns after it."""
    names = text[text.rfind("\n", 0, opening - 1) + 1 : opening - 1]
    parted = next((char for char in names if char in DELIMITERS), "")
    cells = names.split(parted) if parted else [names]
    return leading(cells[-1 - behind].strip(_AROUND)) if behind < len(cells) else ""


def _end(text: str, start: int) -> int:
    """The end of the line that begins at `start`."""
    end = text.find("\n", start)
    return len(text) if end < 0 else end
