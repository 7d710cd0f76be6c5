"""The watchers of a text as it passes: a window, an onlooker that holds nothing back, or nobody."""

from typing import TypeAlias

from extproc.inspection.answers.tabled import Tabled
from extproc.inspection.led import MOST_LED, led
from extproc.matching.scanner import Scanner
from extproc.matching.span import order
from extproc.matching.window import Hit, Released, Window
from extproc.protocol.meter import Meter


class Onlooker:
    """Looks at a text to which nobody at work can object: it passes at once, its finds are told when they are known.

    They may begin in front of what is released with them.
    """

    __slots__ = ("_at", "_coming", "_window")

    held = 0

    def __init__(self, window: "Window | Tabled", start: int = 0) -> None:
        self._window = window
        self._at = start
        self._coming = ""

    def feed(self, text: str) -> Released | None:
        """See `Window.feed`."""
        self._coming = text
        looked = self._window.feed(text)
        return self._passed(looked)

    def finish(self) -> Released | None:
        """See `Window.finish`."""
        return self._passed(self._window.finish())

    @property
    def unjudged(self) -> tuple[int, str]:
        """Return what came last, if nobody could look at it: all else has passed. See `Window.unjudged`."""
        return self._at, self._coming

    @property
    def seen(self) -> str:
        """See `seen`."""
        return self._window.seen

    def _passed(self, looked: Released | None) -> Released | None:
        text, self._coming = self._coming, ""
        start, self._at = self._at, self._at + len(text)
        hits = looked.hits if looked is not None else ()
        return Released(start, text, hits) if text or hits else None


class Unwatched:
    """Stands where nobody looks: all of the text passes at once, `rest` before it."""

    __slots__ = ("_at", "_rest")

    held = 0

    def __init__(self, start: int = 0, rest: str = "") -> None:
        self._at = start
        self._rest = rest

    def feed(self, text: str) -> Released | None:
        """See `Window.feed`."""
        text, self._rest = self._rest + text, ""
        start, self._at = self._at, self._at + len(text)
        return Released(start, text) if text else None

    def finish(self) -> Released | None:
        """See `Window.finish`."""
        return self.feed("")

    @property
    def unjudged(self) -> tuple[int, str]:
        """See `Window.unjudged`."""
        return self._at, self._rest


class Led:
    """Looks at a value together with the name of its member, which tells of a secret. See `led`.

    The beginning waits, until what is told of it depends on nothing more; then `inner` looks at all of the text.
    """

    __slots__ = ("_hits", "_inner", "_lead", "_meter", "_scanner", "_waiting")

    def __init__(self, inner: "Looker | Onlooker", scanner: Scanner, lead: str, meter: Meter | None) -> None:
        self._inner: Looker | Onlooker = inner
        self._scanner = scanner
        self._lead = lead
        self._meter = meter
        self._waiting: str | None = ""
        self._hits: list[Hit] = []  # those that the name tells, and that begin in what is not released yet

    @property
    def held(self) -> int:
        """Bytes held back."""
        return self._inner.held + len((self._waiting or "").encode("utf-8", "replace"))

    @property
    def unjudged(self) -> tuple[int, str]:
        """See `Window.unjudged`."""
        return self._inner.unjudged if self._waiting is None else (0, self._waiting)

    def feed(self, text: str) -> Released | None:
        """See `Window.feed`."""
        if self._waiting is None:
            return self._merged(self._inner.feed(text))
        self._waiting += text
        return self._begin() if len(self._waiting) > MOST_LED else None

    def finish(self) -> Released | None:
        """See `Window.finish`."""
        first = None if self._waiting is None else self._begin()
        last = self._merged(self._inner.finish())
        if first is None or last is None:
            return first or last
        return Released(first.start, first.text + last.text, first.hits + last.hits)

    def handed(self, scanner: Scanner) -> "Led":
        """See `Window.handed`."""
        return self._led(_handed(self._inner, scanner, None, self._meter), scanner)

    def again(self) -> "Led":
        """See `Window.again`."""
        inner = self._inner
        same = inner.again() if isinstance(inner, Window | Tabled) else _handed(inner, self._scanner, None, self._meter)
        return self._led(same, self._scanner)

    def _led(self, inner: "Looker", scanner: Scanner) -> "Led":
        other = Led(inner, scanner, self._lead, self._meter)
        other._waiting, other._hits = self._waiting, self._hits.copy()
        return other

    @property
    def scanner(self) -> Scanner:
        """Return what it looks with."""
        return self._scanner

    @property
    def seen(self) -> str:
        """See `seen`."""
        return self._inner.seen if self._waiting is None else self._waiting

    def _begin(self) -> Released | None:
        text, self._waiting = self._waiting or "", None
        spans = led(self._scanner, text, self._lead, self._meter)
        self._hits = [Hit(span, text[span.start : span.end]) for span in spans]
        return self._merged(self._inner.feed(text))

    def _merged(self, released: Released | None) -> Released | None:
        """Return what was released, with the findings that the name tells."""
        if released is None or not self._hits:
            return released
        end = released.start + len(released.text)
        due = {hit.span: hit for hit in released.hits}
        due.update((hit.span, hit) for hit in self._hits if hit.span.start < end)
        self._hits = [hit for hit in self._hits if hit.span.start >= end]
        return Released(released.start, released.text, tuple([due[span] for span in sorted(due, key=order)]))


Looker: TypeAlias = Window | Tabled
Watch: TypeAlias = Looker | Onlooker | Unwatched | Led


def watch(
    scanner: Scanner | None, *, holds: bool, name: str | None = None, lead: str = "", meter: Meter | None = None
) -> Watch:
    """Return who looks at a text with this scanner.

    `holds`: the text may have to be changed or stopped. `name`: see `Scanner.find`; `lead`: see `leading`.
    """
    if scanner is None:
        return Unwatched()
    window = Window(scanner, name=name, meter=meter)
    looking = Tabled(window, scanner, meter) if scanner.reads_names else window
    inner = looking if holds else Onlooker(looking)
    return Led(inner, scanner, lead, meter) if lead and scanner.assigned else inner


def handed(before: Watch, scanner: Scanner | None, *, name: str | None = None, meter: Meter | None = None) -> Watch:
    """Return who looks on with another scanner; what has not passed yet is judged by it, or by nobody."""
    if scanner is None:
        return Unwatched(*before.unjudged)
    if isinstance(before, Led):
        return before.handed(scanner)
    return _handed(before, scanner, name, meter)


def _handed(before: Looker | Onlooker | Unwatched, scanner: Scanner, name: str | None, meter: Meter | None) -> Looker:
    if isinstance(before, Window | Tabled):
        return before.handed(scanner)
    start, text = before.unjudged
    window = Window(scanner, start, name, meter)
    window.hold(text)
    return window


def seen(before: Watch) -> str:
    """Return the end of the text so far, as much of it as rules look back on; nothing if nobody looks at it."""
    if isinstance(before, Led | Onlooker):
        return before.seen
    return before.seen if isinstance(before, Window | Tabled) else ""


def alike(before: Watch) -> Watch:
    """Return another that tells what is said of the text that has not passed yet, if nothing follows."""
    return before.again() if isinstance(before, Window | Tabled | Led) else Unwatched(*before.unjudged)
