"""One reading of a text as it streams: released as soon as no rule can still object to it."""

from collections.abc import Callable

from msgspec import Struct

from extproc.matching.candidate import BufferMatch, spans
from extproc.matching.render import UTF8_MOST
from extproc.matching.scanner import Scanner
from extproc.matching.span import Span, order
from extproc.matching.utf8 import whole
from extproc.protocol.meter import Meter

LONG_HELD = 512
"""Bytes held from which on a text without spaces is looked at only now and then: it is one long word."""

STEP = 256
"""Bytes by which such a word grows between two looks. So much more than `scanner.longest_hold` may be held."""


SPARE = 64
"""Bytes already judged that are kept longer than rules look back, as cutting them off has its cost, too."""


class Hit(Struct, frozen=True, gc=False):
    """A find and its text. The text has no rendering: it is what must not leave."""

    span: Span
    value: str

    def __repr__(self) -> str:
        return f"Hit({self.span})"


class Released(Struct, frozen=True, gc=False):
    """Text that is free to go, and the finds that begin in it.

    `start`: the place of `text` in the whole (code points), as are the spans of `hits`. A find may end beyond `text`;
    what masks it passes over the rest when that comes. Hits are in `span.order`, also from one release to the next.
    """

    start: int
    text: str
    hits: tuple[Hit, ...] = ()

    def __repr__(self) -> str:
        return f"Released({self.start}, {len(self.text)} characters, {self.hits})"


class Pane:
    """The open end of one streamed text, or of what it looks like without its escapes.

    Any cutting of a text gives the same hits and, put together, the same text. Held back is what begins where a match
    may be in progress, never more than `scanner.longest_hold` code points and a STEP: at that bound nothing special
    happens, since a rule that has seen that much has decided. `start`: the text's place in a whole that went before.
    `name`: see `Scanner.find`.
    """

    __slots__ = (
        "_at",
        "_data",
        "_first",
        "_half",
        "_look",
        "_meter",
        "_name",
        "_opening",
        "_pending",
        "_scanner",
        "_wait",
    )

    def __init__(self, scanner: Scanner, start: int = 0, name: str | None = None, meter: Meter | None = None) -> None:
        self._scanner = scanner
        self._name = name
        self._meter = meter
        self._data = b"\n"
        self._first = 1
        self._at = start
        self._half = ""
        self._opening = True
        self._look = 0
        self._wait = 0
        self._pending: list[Hit] = []

    @property
    def at(self) -> int:
        """The place in the whole up to which all is released."""
        return self._at

    @property
    def held(self) -> int:
        """Bytes held back."""
        return len(self._data) - self._first

    @property
    def waiting(self) -> str:
        """The text that is held back."""
        return self._data[self._first :].decode() + ("?" if self._half else "")

    @property
    def seen(self) -> str:
        """The end of the text so far, as much of it as rules look back on."""
        return self._data[self._opening :].decode() + ("?" if self._half else "")

    @property
    def state(self) -> tuple[bytes, bytes, int, str, bool]:
        """The text before, what is held back, its place, half a character, and True if the text begins so."""
        return self._data[: self._first], self._data[self._first :], self._at, self._half, self._opening

    @property
    def outlook(self) -> tuple[bytes, bytes, int, bool] | None:
        """All that the judgement on what is still to come depends on; None if something else is pending."""
        start = max(0, self._first - self._scanner.left * UTF8_MOST)
        if self._pending:
            return None
        return self._data[start : self._first], self._data[self._first :], self._at, self._opening and not start

    def copied(self, other: "Pane", ahead: str, change: Callable[[str], str]) -> None:
        """Take over what `other` holds back, and `ahead`, which it released last, as `change` writes them.

        Nobody has judged that. This pane sees of the text in front of it what `other` still knows.
        """
        before, held, at, self._half, opening = other.state
        known = before.decode()
        context = known[: len(known) - len(ahead)] or "\n"
        changed = change(context + ahead + held.decode())
        self._data, self._first = changed.encode(), len(changed[: len(context)].encode())
        self._at, self._opening = at - len(ahead), opening and len(known) > len(ahead)

    def behind(self, other: "Pane", ahead: str) -> None:
        """Take over the text in front of `ahead`, which `other` released last, as far as it still knows that."""
        known, opening = other.state[0].decode(), other.state[4]
        self._data = (known[: len(known) - len(ahead)] or "\n").encode()
        self._first, self._opening = len(self._data), opening and len(known) > len(ahead)

    def hold(self, text: str) -> None:
        """Adds `text` to the end, to be judged with what comes next."""
        self._data += self._encoded(text)

    def feed(self, text: str) -> Released | None:
        """Adds `text` to the end; what is released by it, if anything.

        Surrogates that form a pair, also over two calls, become the character they stand for; a lone one becomes `?`.
        """
        return self.take(text, self._encoded(text))

    def take(self, text: str, encoded: bytes) -> Released | None:
        """The same, with the bytes that `text` adds."""
        data = self._data = self._data + encoded
        if len(data) < self._wait:
            return None
        self._wait = 0
        if len(data) < self._look and " " not in text and "\n" not in text:
            return None
        scanner, first = self._scanner, self._first
        end = scanner.plain(data, first)
        if end > first:
            return self._release(end, [])
        if end:
            return None  # a phrase goes on from there
        end = scanner.hold.start(data, first)
        if end == first:
            self._rest()
            return None
        found = scanner.find(data, first, end, opening=self._opening, final=False, name=self._name, meter=self._meter)
        wait = 0
        opened = [each for each in found if each.open and each.match < end]
        if opened:
            end = min(each.match for each in opened)
            # Words may stand so far behind: to ask again after each event would cost several times as much.
            wait = max(each.end + each.lane.right for each in opened if each.match == end)
            found = [each for each in found if each.match < end]
        released = self._release(end, found) if end > first else None
        self._rest()
        if wait:
            self._wait = wait - (len(data) - len(self._data))
        return released

    def _encoded(self, text: str) -> bytes:
        try:
            return (self._half + text if self._half else text).encode()
        except UnicodeEncodeError:
            # JSON escapes give halves of a character, and an event may end between them.
            text = self._half + text
            self._half = text[-1] if "\ud800" <= text[-1] <= "\udbff" else ""
            units = text[: len(text) - len(self._half)].encode("utf-16-le", "surrogatepass")
            return units.decode("utf-16-le", "surrogatepass").encode("utf-8", "replace")

    def _rest(self) -> None:
        size = len(self._data)
        self._look = size + STEP if size - self._first > LONG_HELD else 0

    def finish(self) -> Released | None:
        """Ends the text; what was still held back, if anything."""
        if self._half:
            self._half, self._data = "", self._data + b"?"
        if self._first == len(self._data) and not self._pending:
            return None
        data = self._data
        found = self._scanner.find(
            data, self._first, len(data), opening=self._opening, final=True, name=self._name, meter=self._meter
        )
        return self._release(len(data), found)

    def _release(self, end: int, found: list[BufferMatch]) -> Released:
        data, first, start = self._data, self._first, self._at
        text = data[first:end].decode()
        self._at = start + len(text)
        hits: tuple[Hit, ...] = ()
        if found or self._pending:
            fresh = [
                Hit(span, data[each.start : each.end].decode())
                for each, span in zip(found, spans(found, data, first, start), strict=True)
            ]
            hits = self._due(fresh)
        # Counting the code points that rules look back would cost more than keeping some too many.
        least = end - self._scanner.behind
        if least > SPARE:
            keep = whole(data, least)
            self._opening = False
            self._data = data = data[keep:]
            end -= keep
        self._first = end
        self._look = 0
        return Released(start, text, hits)

    def _due(self, fresh: list[Hit]) -> tuple[Hit, ...]:
        """The hits that begin in what is released; a rule that finds a part of its match may have others."""
        # Matches that begin at two places may agree on the find in them.
        known = {hit.span: hit for hit in self._pending + fresh}
        hits = sorted(known.values(), key=lambda hit: order(hit.span))
        self._pending = [hit for hit in hits if hit.span.start >= self._at]
        return tuple(hit for hit in hits if hit.span.start < self._at)
