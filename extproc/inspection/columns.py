"""Columns of a table: the header of one identifies its values, as the name of a member identifies its value.

A header is a line of names between commas, semicolons, tabs or bars. It is further from most of its rows than rules
look back for words, so that the values of a telling column are judged once more, each as the value of a member of that
name. `TableReader` finds them.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from extproc.detectors.naming import spelled, words_of
from extproc.inspection.cells import MARKS, cells
from extproc.inspection.led import leading, led, may_lead
from extproc.matching.scanner import Scanner
from extproc.matching.span import Span, order
from extproc.protocol.meter import Meter

COLUMNS_MAX: Final = 256
"""Cells of a header; a line with more is no header. Exports of customer systems have some 150."""

HEADER_MAX: Final = 4096
"""Characters of a header: as many columns with names of 16. A stream keeps so much of a line that may be one."""

HEADER_STEPS: Final = 10
"""Steps of a meter for a line that looks like a header: 5 µs to find it and to read its names."""

NAMED_A_STEP: Final = 16
"""Characters of such a line for which a step more is counted."""

NAME_WORDS_MAX: Final = 5
"""Words of a column's name; a part of a sentence between two commas has more. A header in which most names have more is
none."""

NUMBER_LEAST: Final = 5
"""Digits of a cell that is no name of a column, but a value: years have four."""

SENTENCE_BLANKS: Final = 3
"""Blanks in a last name that ends with a full stop; with more it is the end of a sentence. "Phone no." is a name."""

# Nothing is read twice: each part ends where the next can begin, and gives nothing back.
_NAME: Final = r"[^\x00-\x1f!$%&*+,:;<=>?@[\\\]^`{|}~\x7f]"
_LINE: Final = rf"\|?(?!\d){_NAME}++(?:[,;\t|]{_NAME}*+)++\r?"
_LOOKS: Final = re.compile(_LINE)

LINE: Final = re.compile(rf"^{_LINE}(?=\n[^\n,;\t|]*+(?:[,;\t|]|\Z)|\Z)", re.MULTILINE)
"""A line that looks like a header, above one that may be a row."""

BEGUN: Final = re.compile(rf"\|?(?!\d){_NAME}*+(?:[,;\t|]{_NAME}*+)*+\r?")
"""Characters with which such a line may begin."""

_HUMP: Final = re.compile(r"[A-Za-z][A-Z]")
_SIGNS: Final = {code: " " for code in range(128) if not chr(code).isalpha()}


class Column(Struct, frozen=True, gc=False):
    """A telling column's name, as rules take it: the words of a member's name, and what leads a secret.

    Either is empty if it tells nothing; see `Scanner.tells` and `leading`.
    """

    words: str
    lead: str


class ColumnCell(Struct, frozen=True, gc=False):
    """A value in a telling column, and its place in the text, in code points. It has no rendering."""

    start: int
    value: str
    column: Column

    def __repr__(self) -> str:
        return f"ColumnCell({self.start}, {len(self.value)} characters)"


class TableHeader(Struct, frozen=True):
    """The header of a table: what ends its cells, their number, and the telling columns by their numbers."""

    mark: str
    width: int
    columns: Mapping[int, Column]

    def __repr__(self) -> str:
        return f"TableHeader({self.width} columns, {len(self.columns)} telling)"


def header(line: str, scanner: Scanner, meter: Meter | None = None) -> TableHeader | None:
    """Return what a line is as a header, if a name in it tells a rule something. Raises SpentError."""
    if len(line) > HEADER_MAX or _LOOKS.fullmatch(line) is None:
        return None
    mark = max(MARKS, key=line.count)
    if line.count(mark) >= COLUMNS_MAX:
        return None
    last = line[line.rfind(mark) + 1 :]
    if last.rstrip().endswith(".") and last.count(" ") > SENTENCE_BLANKS:
        return None
    # Quotes and blanks matter for the names alone, which most lines do not get to.
    parts = cells(line, mark) if '"' in line else line.split(mark)
    short = [part for part in parts if len(part.split()) <= NAME_WORDS_MAX]
    if meter is not None:
        meter.spend(HEADER_STEPS + len(parts) + len(line) // NAMED_A_STEP)
    if 2 * len(short) < len(parts):
        return None  # prose
    together = mark.join(short)
    may_tell = scanner.may_tell(_words(together))
    # A line of a list in a program ends with a comma. What names of secrets tell takes words for values.
    leads = scanner.assigned and bool(parts[-1].strip() or mark == "|") and may_lead(together)
    if not (may_tell or leads) or any(part.isdigit() and len(part) >= NUMBER_LEAST for part in parts):
        return None
    names = cells(line, mark)
    told = {number: each for number, name in enumerate(names) if (each := _column(name, scanner, leads=leads))}
    return TableHeader(mark, len(names), told) if told else None


def _words(names: str) -> str:
    """The words of several names together."""
    if names.isascii() and _HUMP.search(names) is None:
        return " ".join(names.translate(_SIGNS).lower().split())  # a third of the time
    return " ".join(words_of(names))


def _column(name: str, scanner: Scanner, *, leads: bool) -> Column | None:
    if not name or name.count(" ") >= NAME_WORDS_MAX:
        return None
    words, lead = spelled(name) or "", leading(name) if leads else ""
    if words and not scanner.tells(words):
        words = ""
    return Column(words, lead) if words or lead else None


def column_spans(
    spans: Iterable[Span], told: Sequence[ColumnCell], scanner: Scanner, meter: Meter | None = None
) -> list[Span]:
    """Return the findings of a text, with those of cells of it, in `span.order`.

    Where the column tells what a value is, a word that stands further away does not. Raises as `Scanner.scan` does.
    """
    found: set[Span] = set()
    ends: dict[int, int] = {}
    named = [each for each in told if each.column.words]
    for number, each in scanner.scan_all(
        [cell.value for cell in named], lambda number: named[number].column.words, meter
    ):
        cell = named[number]
        ends[cell.start] = cell.start + len(cell.value)
        found |= _moved(each, cell.start)
    for cell in told:
        if cell.column.lead:
            found |= _moved(led(scanner, cell.value, cell.column.lead, meter), cell.start)
    starts = sorted(ends)
    kept = [span for span in spans if not _within(span, starts, ends)]
    return sorted(found.union(kept), key=order)


def _moved(spans: Iterable[Span], by: int) -> set[Span]:
    return {Span(by + each.start, by + each.end, each.kind, each.rule, each.score) for each in spans}


def _within(span: Span, starts: Sequence[int], ends: Mapping[int, int]) -> bool:
    """True if a finding lies in one of the cells."""
    number = bisect_right(starts, span.start)
    return number > 0 and span.end <= ends[starts[number - 1]]
