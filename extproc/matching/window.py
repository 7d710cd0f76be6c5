"""Text as it streams, judged as if it had come whole: as it stands, and as its reader sees it (see `escapes`)."""

from extproc.matching.escapes import begun, marked, places, plain
from extproc.matching.pane import Hit, Pane, Released
from extproc.matching.scanner import Scanner, escape_steps
from extproc.matching.span import foremost, order
from extproc.protocol.meter import Meter

__all__ = ["Hit", "Released", "Window"]


_take = Pane.take  # for `super()` takes as long as the looks for an escape


class Window(Pane):
    """The open end of one streamed text.

    Any cutting of a text gives the same hits and, put together, the same text. A text without escapes has one reading,
    this pane itself. From the first escape on, `_twin` is a second pane over the plain reading, until what rules look
    back at has no escape any more; a text is released once both panes have released it. `_ahead`: what this pane
    released before its twin did. `_hits`: hits that begin in text that is not released yet. `_tail`: the beginning of
    an escape that may go on in the next piece; neither pane has seen it.
    """

    __slots__ = ("_ahead", "_hits", "_tail", "_twin")

    def __init__(self, scanner: Scanner, start: int = 0, name: str | None = None, meter: Meter | None = None) -> None:
        super().__init__(scanner, start, name, meter)
        self._twin: Pane | None = None
        self._tail = ""
        self._ahead = ""
        self._hits: list[Hit] = []

    @property
    def scanner(self) -> Scanner:
        """Return what it looks with."""
        return self._scanner

    @property
    def held(self) -> int:
        """Bytes held back."""
        held = len(self._data) - self._first
        return held + len((self._ahead + self._tail).encode()) if self._ahead or self._tail else held

    @property
    def unjudged(self) -> tuple[int, str]:
        """The text that is held back, and its place in the whole."""
        return self._at - len(self._ahead), self._ahead + self.waiting + self._tail

    def feed(self, text: str) -> Released | None:
        """Add `text` to the end; return what is released by it, if anything.

        Surrogates that form a pair, also over two calls, become the character they stand for; a lone one becomes `?`.
        """
        if (
            self._twin is None
            and not self._tail
            and not self._half
            and text.isascii()
            and not ("\\" in text or "%" in text or "[" in text or "\x1b" in text)
        ):
            return _take(self, text, text.encode())
        if self._meter is not None:
            self._meter.spend(escape_steps(text))
        text = self._whole(text)
        if self._twin is None:
            return super().feed(text) if text else None
        self._take(super().feed(text))
        return self._merged(self._twin.feed(plain(text)), final=False)

    def hold(self, text: str) -> None:
        """Add `text` to the end, to be judged with what comes next."""
        text = self._whole(text)
        super().hold(text)
        if self._twin is not None:
            self._twin.hold(plain(text))

    def finish(self) -> Released | None:
        """End the text; return what was still held back, if anything."""
        tail, self._tail = self._tail, ""
        if self._twin is None and marked(tail):
            self._split()
        if tail:
            super().hold(tail)
        if self._twin is None:
            return super().finish()
        self._twin.hold(plain(tail))
        self._take(super().finish())
        return self._merged(self._twin.finish(), final=True)

    def handed(self, scanner: Scanner) -> "Window":
        """A window that takes over, with what this one holds back; nobody has judged that.

        It sees of the text in front of it what this one needed.
        """
        other = Window(scanner, name=self._name, meter=self._meter)
        other.copied(self, self._ahead, str)
        other._tail = self._tail
        if self._twin is not None:
            other._split()
        return other

    def _whole(self, text: str) -> str:
        """The text without the beginning of an escape at its end, which waits; a twin is there if it needs one."""
        text = self._tail + text
        cut = begun(text)
        text, self._tail = text[:cut], text[cut:]
        if self._twin is None and marked(text):
            self._split()
        return text

    def _split(self) -> None:
        self._twin = Pane(self._scanner, name=self._name, meter=self._meter)
        self._twin.copied(self, self._ahead, plain)

    def _take(self, released: Released | None) -> None:
        """Keep what this pane released until the twin releases it, too."""
        if released is not None:
            self._ahead += released.text
            self._hits += released.hits

    def _merged(self, released: Released | None, *, final: bool) -> Released | None:
        """Return what both panes have released; `released` is what the twin did now."""
        twin = self._twin
        assert twin is not None, "it is asked for where there are two"
        start = self._at - len(self._ahead)
        text = self._ahead + self.waiting
        if released is not None:
            # What the plain reading found is masked as it stands in the text.
            self._hits += [Hit(hit.span, text[hit.span.start - start : hit.span.end - start]) for hit in released.hits]
        escapes = [(start + first, start + last) for first, last in places(text)]
        size = (self._at if final else self._end(twin, escapes)) - start
        if size <= 0 and not (final and self._hits):
            return None
        hits = {hit.span: hit for hit in self._hits}
        due = [span for span in hits if final or span.start < start + size]
        self._hits = [hit for span, hit in hits.items() if span not in due]
        out, self._ahead = self._ahead[:size], self._ahead[size:]
        if not (self._ahead or self._hits) and self.outlook is not None and self.outlook == twin.outlook:
            self._twin = None
        return Released(start, out, tuple([hits[span] for span in sorted(foremost(due, escapes), key=order)]))

    def _end(self, twin: Pane, escapes: list[tuple[int, int]]) -> int:
        """Up to where text may leave: all is known of the matches that begin before, and no escape is cut."""
        end = min(self._at, twin.at)
        for hit in self._hits:
            start = hit.span.start
            # The plain reading has not come to the end of this one yet (see `foremost`).
            if twin.at < hit.span.end and any(first < start < last for first, last in escapes):
                end = min(end, start)
        return next((first for first, last in escapes if first < end < last), end)
