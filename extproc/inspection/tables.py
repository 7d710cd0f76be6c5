"""The reader of the tables in a text that comes whole or in pieces. See `docs/decisions/0080`.

A table is a line that looks like a header and has a telling name, and the lines below it with as many cells. A cell of
a telling column is one as soon as it ends: a stream cannot wait for the end of its line. A line with more or fewer
cells ends the table, and may be the header of another.
"""

from copy import copy
from typing import Final

from extproc.inspection.cells import CellEnds, bare
from extproc.inspection.columns import (
    BEGUN,
    HEADER_MAX,
    LINE,
    Column,
    ColumnCell,
    TableHeader,
    column_spans,
    header,
)
from extproc.matching.scanner import Scanner
from extproc.matching.span import Span
from extproc.protocol.meter import Meter

CELL_MAX: Final = 320
"""Characters of a cell that is read with its column's name, with the quotes and blanks around it: as many as are read
of a secret with the name of its member. A stream holds back so much of one; of a longer one, the text alone counts."""

SECRET_ROWS_MAX: Final = 1000
"""Rows whose cells are read as secrets, 20 µs each: a table with more is an export, whose first lines are masked."""

CELLS_A_STEP: Final = 4
"""Cells of rows that a step of a meter counts as: 0.3 µs to find the ends of one."""

ROW_STEPS: Final = 2
"""Steps for a row, beside those of its cells."""

FIRST_LOOK: Final = 128
"""Characters of a line after which a stream looks whether it still may be a header, and again at each doubling."""

_DIGITS: Final = frozenset("0123456789")


class TableReader:
    """Finds the values of telling columns. Any pieces of a text give the same values.

    `line`: the line in progress, as long as it may be a header or the row of a table; else None. `table`: the header of
    the table in progress. `open`: the place at which the cell in progress begins, if it is of a telling column.
    """

    __slots__ = ("_cell", "_ends", "_fresh", "_meter", "_rows", "_scanner", "_value", "line", "look", "open", "table")

    def __init__(self, scanner: Scanner, meter: Meter | None = None, *, begins: bool = True) -> None:
        """`begins`: the text begins with a line."""
        self._scanner = scanner
        self._meter = meter
        self.line: str | None = "" if begins else None
        self.look = FIRST_LOOK
        self.table: TableHeader | None = None
        self.open: int | None = None
        self._ends = CellEnds("")
        self._cell = 0  # the number of the cell in progress
        self._value = ""  # what came of it, if it is of a telling column
        self._rows = 0
        self._fresh = False  # whether no row had a digit so far

    def feed(self, text: str, at: int = 0) -> list[ColumnCell]:
        """Read a piece of the text, which stands at the place `at`; return the cells that end in it.

        Raises SpentError.
        """
        told: list[ColumnCell] = []
        start = 0
        while True:
            if self.table is None and self.line == "":
                start = self._next(text, start)
            feed = text.find("\n", start)
            end = len(text) if feed < 0 else feed
            self._read(text, start, end, at, told)
            if feed < 0:
                return told
            self._close(at + end, told)
            start = feed + 1

    def finish(self, at: int) -> list[ColumnCell]:
        """End the text at the place `at`; return the cell that ends with it, if any. Raises SpentError."""
        told: list[ColumnCell] = []
        if self.table is not None:
            self._close(at, told)
        return told

    def skim(self, text: str) -> None:
        """Read a piece without a line feed, outside of tables."""
        line = self.line
        if line is not None:
            line = self.line = line + text
            if len(line) > self.look:
                self.reconsider(line)

    def copied(self) -> "TableReader":
        """Return another that has read the same."""
        other: TableReader = copy(self)
        other._ends = copy(self._ends)
        return other

    def _next(self, text: str, start: int) -> int:
        """Return the beginning of the next line that may be a telling header, or of the last line."""
        while (found := LINE.search(text, start)) is not None:
            end = found.end()
            if end == len(text) or header(found[0], self._scanner, self._meter) is not None:
                return found.start()
            start = end + 1
        return text.rfind("\n", start) + 1 or start

    def reconsider(self, line: str) -> None:
        """Forget a line that is no header, whatever follows."""
        if len(line) > HEADER_MAX or (self.table is None and BEGUN.fullmatch(line) is None):
            self.line = None
        while self.look < len(line):
            self.look *= 2

    def _read(self, text: str, start: int, end: int, at: int, told: list[ColumnCell]) -> None:
        """Read what comes of a line: `text[start:end]`."""
        self.skim(text[start:end])
        table = self.table
        if table is None:
            return
        first = start
        for close in self._ends.read(text, start, end):
            column = table.columns.get(self._cell)
            if column is not None:
                self._add(text, first, close)
                if self._cell < table.width - 1:  # the last one has no mark behind it
                    self._tell(at + close, column, told)
            self._cell += 1
            self._value = ""
            first = close + 1
            self.open = at + first if self._cell in table.columns else None
        if self._cell in table.columns:
            self._add(text, first, end)

    def _add(self, text: str, start: int, end: int) -> None:
        """Add to the cell in progress."""
        if self.open is not None:
            self._value += text[start:end]
            if len(self._value) > CELL_MAX:
                self.open, self._value = None, ""

    def _tell(self, end: int, column: Column, told: list[ColumnCell]) -> None:
        """Add the cell that ends at a place."""
        if self.open is None:
            return
        value = self._value
        first, last = bare(value, 0, len(value))
        if self._rows >= SECRET_ROWS_MAX and column.lead:
            column = Column(column.words, "")
        if first < last and (column.words or column.lead):
            told.append(ColumnCell(end - len(value) + first, value[first:last], column))

    def _close(self, end: int, told: list[ColumnCell]) -> None:
        """End a line at a place."""
        line, table = self.line, self.table
        if table is not None:
            if self._meter is not None:
                self._meter.spend(ROW_STEPS + self._cell // CELLS_A_STEP)
            if self._cell == table.width - 1:
                column = table.columns.get(self._cell)
                if column is not None:
                    self._tell(end, column, told)
                self._rows += 1
                if self._fresh and line is not None:
                    # A sentence may look like a header, too, and stand above the true one.
                    self._fresh = _DIGITS.isdisjoint(line)
                    if self._fresh and (other := header(line, self._scanner, self._meter)) is not None:
                        self._begin(other)
            else:
                self.table = None
        if self.table is None and line:
            other = header(line, self._scanner, self._meter)
            if other is not None:
                self._begin(other)
        self.line, self.look = "", FIRST_LOOK
        self._ends.rewind()
        self._cell, self._value = 0, ""
        self.open = end + 1 if self.table is not None and 0 in self.table.columns else None

    def _begin(self, found: TableHeader) -> None:
        self.table, self._ends = found, CellEnds(found.mark)
        self._rows, self._fresh = 0, True


def tabled(spans: list[Span], text: str, scanner: Scanner, meter: Meter | None = None) -> list[Span]:
    """Return the findings of a whole text, with those that the headers of its tables tell. Raises as `Scanner.scan`."""
    if "\n" not in text or LINE.search(text) is None:
        return spans
    reader = TableReader(scanner, meter)
    told = [*reader.feed(text), *reader.finish(len(text))]
    return column_spans(spans, told, scanner, meter) if told else spans
