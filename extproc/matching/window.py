"""Text as it streams, judged as if it had come whole: as it stands, and as its reader sees it (see `escapes`)."""

from copy import copy

from extproc.matching.bare import BareReading, shows_less
from extproc.matching.escapes import begun, marked, places, plain
from extproc.matching.looks import escape_steps
from extproc.matching.pane import Hit, Pane, Released
from extproc.matching.render import UTF8_MOST
from extproc.matching.scanner import Scanner
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

    From the first code point on that nobody sees, or that is spelt out, `_bare` reads the text without those, or with
    what is spelt, in the same way.
    """

    __slots__ = ("_ahead", "_bare", "_hits", "_sees_all", "_tail", "_twin")

    def __init__(self, scanner: Scanner, start: int = 0, name: str | None = None, meter: Meter | None = None) -> None:
        super().__init__(scanner, start, name, meter)
        self._twin: Pane | None = None
        self._tail = ""
        self._ahead = ""
        self._hits: list[Hit] = []
        self._bare: BareReading | None = None
        self._sees_all = False  # whether it is such a reading itself: what still is unseen in its text stays there

    @property
    def scanner(self) -> Scanner:
        """Return what it looks with."""
        return self._scanner

    @property
    def held(self) -> int:
        """Bytes held back."""
        held = len(self._data) - self._first
        ahead = self._ahead + self._tail if self._bare is None else self._bare.ahead + self._ahead + self._tail
        return held + len(ahead.encode()) if ahead else held

    @property
    def unjudged(self) -> tuple[int, str]:
        """The text that is held back, and its place in the whole."""
        ahead = self._ahead if self._bare is None else self._bare.ahead + self._ahead
        return self._at - len(ahead), ahead + self.waiting + self._tail

    def feed(self, text: str) -> Released | None:
        """Add `text` to the end; return what is released by it, if anything.

        Surrogates that form a pair, also over two calls, become the character they stand for; a lone one becomes `?`.
        """
        if (
            self._twin is None
            and self._bare is None
            and not self._tail
            and not self._half
            and text.isascii()
            and not ("\\" in text or "%" in text or "[" in text or "&" in text or "\x1b" in text)
        ):
            return _take(self, text, text.encode())
        if self._meter is not None:
            self._meter.spend(escape_steps(text))
        if not self._reads_bare(text):
            return self._feed_visible(text)
        assert self._bare is not None, "it was begun"
        bare = self._bare.feed(text)
        return self._together(self._feed_visible(text), bare, final=False)

    def _feed_visible(self, text: str) -> Released | None:
        """The same, for the text as it stands and without its escapes."""
        text = self._whole(text)
        if self._twin is None:
            return super().feed(text) if text else None
        self._take(super().feed(text))
        return self._merged(self._twin.feed(plain(text)), final=False)

    def hold(self, text: str) -> None:
        """Add `text` to the end, to be judged with what comes next."""
        if self._reads_bare(text):
            assert self._bare is not None, "it was begun"
            self._bare.hold(text)
        text = self._whole(text)
        super().hold(text)
        if self._twin is not None:
            self._twin.hold(plain(text))

    def finish(self) -> Released | None:
        """End the text; return what was still held back, if anything."""
        if self._bare is None:
            return self._finish_visible()
        return self._together(self._finish_visible(), self._bare.finish(), final=True)

    def _finish_visible(self) -> Released | None:
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

    def handed(self, scanner: Scanner, *, sees_all: bool = False) -> "Window":
        """A window that takes over, with what this one holds back; nobody has judged that.

        It sees of the text in front of it what this one needed. `sees_all`: it is for a reading without what nobody
        sees, whose halves of characters wait elsewhere.
        """
        other = Window(scanner, name=self._name, meter=self._meter)
        if self._bare is not None:
            behind: Window = self._bare.window if self._bare.ahead else self
            other.behind(behind, behind._ahead)
            other._at, text = self.unjudged
            other.hold(text)
            return other
        other.copied(self, self._ahead, str)
        other._sees_all = sees_all
        if sees_all:
            other._half = ""  # that, and what may become an escape, waits in front of it
        else:
            other._tail = self._tail
        if self._twin is not None:
            other._split()
        return other

    def again(self) -> "Window":
        """Another that has seen the same.

        One that only took over what is held back could not know what began in front of that: a match whose
        finding is held, and words that are some only without what nobody sees.
        """
        other: Window = copy(self)
        other._hits = self._hits.copy()
        other._twin = copy(self._twin)
        other._bare = None if self._bare is None else self._bare.again()
        return other

    @property
    def released(self) -> int:
        """The place up to which all is released of the text as it stands and without its escapes."""
        return self._at - len(self._ahead)

    def _reads_bare(self, text: str) -> bool:
        """True if the text is read without what nobody sees as well; from now on, if there is such in `text`."""
        if self._bare is not None or self._sees_all:
            return self._bare is not None
        text = self._half + self._tail + text
        if text.isascii() and not ("&" in text or "%" in text or "\\" in text):
            return False  # as in nearly all pieces
        # The code point in front of it; the line feed that every text has in front says as little as none would.
        before = self._data[-UTF8_MOST:].decode("utf-8", "ignore")[-1:]
        if shows_less(text, before):
            # Nothing of the sort stands in what came before, but for what neither rules nor escapes look back at.
            end = self._at + len(self._data[self._first :].decode())
            other = self.handed(self._scanner, sees_all=True)
            self._bare = BareReading(other, end, before, self._half + self._tail, self._meter)
        return self._bare is not None

    def _together(self, visible: Released | None, bare: Released | None, *, final: bool) -> Released | None:
        """Return what both readings have released, with the hits of both."""
        other = self._bare
        assert other is not None, "it is asked for where there are two"
        if visible is not None:
            other.ahead += visible.text
            other.hits.update((hit.span, hit) for hit in visible.hits)
        end = self.released
        start = end - len(other.ahead)
        other.hear(bare, start, other.ahead + self._ahead + self.waiting + self._tail)
        size = (end if final else min(end, other.reach())) - start
        if size <= 0 and not (final and other.hits):
            return None
        due = [span for span in other.hits if final or span.start < start + size]
        hits = tuple([other.hits.pop(span) for span in sorted(due, key=order)])
        out, other.ahead = other.ahead[:size], other.ahead[size:]
        if other.idle and self.prospect is not None and self.prospect == other.window.prospect:
            self._bare = None
        return Released(start, out, hits)

    @property
    def prospect(self) -> tuple[bytes, bytes, bool, str] | None:
        """The state in `outlook` without the place, and what waits to become an escape; None where more is pending."""
        seen = self.outlook if self._twin is None else None
        return None if seen is None else (seen[0], seen[1], seen[3], self._tail)

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
