"""Looks at a text as it streams together with the names of the columns in it."""

from extproc.inspection.columns import ColumnCell, column_spans
from extproc.inspection.tables import TableReader
from extproc.matching.scanner import Scanner
from extproc.matching.span import order
from extproc.matching.window import Hit, Released, Window
from extproc.protocol.meter import Meter


class Tabled:
    """A window that judges the cells of telling columns as the values of members. See `TableReader`.

    It reads what the window within it releases, and holds back the cell in progress. `_text`, `_at`, `_hits`: what the
    window released and this one has not, its place, and the findings that begin in it.
    """

    __slots__ = ("_at", "_hits", "_inner", "_meter", "_reader", "_scanner", "_text")

    def __init__(self, inner: Window, scanner: Scanner, meter: Meter | None, *, begins: bool = True) -> None:
        self._inner = inner
        self._scanner = scanner
        self._meter = meter
        self._reader = TableReader(scanner, meter, begins=begins)
        self._text = ""
        self._at = 0
        self._hits: list[Hit] = []

    @property
    def scanner(self) -> Scanner:
        """Return what it looks with."""
        return self._scanner

    @property
    def held(self) -> int:
        """Bytes held back."""
        return self._inner.held + (len(self._text.encode("utf-8", "replace")) if self._text else 0)

    @property
    def seen(self) -> str:
        """See `watch.seen`."""
        return self._inner.seen

    @property
    def unjudged(self) -> tuple[int, str]:
        """See `Window.unjudged`."""
        start, text = self._inner.unjudged
        return start - len(self._text), self._text + text

    def feed(self, text: str) -> Released | None:
        """See `Window.feed`."""
        released = self._inner.feed(text)
        if released is None:
            return None
        reader = self._reader
        if reader.table is None and "\n" not in released.text:
            # As nearly always. Nothing is held outside of tables.
            line = reader.line
            if line is not None:
                line = reader.line = line + released.text
                if len(line) > reader.look:
                    reader.reconsider(line)
            return released
        return self._read(released)

    def finish(self) -> Released | None:
        """See `Window.finish`."""
        released = self._inner.finish()
        if self._reader.table is None and (released is None or "\n" not in released.text):
            return released
        return self._read(released, final=True)

    def handed(self, scanner: Scanner) -> "Tabled":
        """See `Window.handed`. What tables tell begins anew with the next line."""
        if self._text:
            start, text = self.unjudged
            window = Window(scanner, start, meter=self._meter)
            window.hold(text)
        else:
            window = self._inner.handed(scanner)
        return Tabled(window, scanner, self._meter, begins=False)

    def again(self) -> "Tabled":
        """See `Window.again`."""
        other = Tabled(self._inner.again(), self._scanner, self._meter)
        other._reader = self._reader.copied()
        other._text, other._at, other._hits = self._text, self._at, self._hits.copy()
        return other

    def _read(self, released: Released | None, *, final: bool = False) -> Released | None:
        """Return what may go of what the window released last, and before."""
        reader = self._reader
        told: list[ColumnCell] = []
        if released is not None:
            if not self._text:
                self._at = released.start
            # First, in case that judging fails.
            self._text += released.text
            self._hits += released.hits
            told = reader.feed(released.text, released.start)
            if not told and reader.open is None and self._text == released.text and not final:
                self._text = ""
                self._hits.clear()
                return released
        start = self._at
        if final:
            told += reader.finish(start + len(self._text))
        text, known = self._text, {hit.span: hit for hit in self._hits}
        if told:
            spans = column_spans(known, told, self._scanner, self._meter)
            known = {span: known.get(span) or Hit(span, text[span.start - start : span.end - start]) for span in spans}
        end = start + len(text) if final or reader.open is None else reader.open
        due = [span for span in known if final or span.start < end]
        self._text, self._at = text[end - start :], end
        self._hits = [hit for span, hit in known.items() if not (final or span.start < end)]
        if end == start and not due:
            return None
        return Released(start, text[: end - start], tuple([known[span] for span in sorted(due, key=order)]))
