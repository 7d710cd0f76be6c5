"""Who looks at a text as it passes: a window, one that holds nothing back, or nobody."""

from typing import TypeAlias

from extproc.matching.scanner import Scanner
from extproc.matching.window import Released, Window
from extproc.protocol.meter import Meter


class Onlooker:
    """Looks at a text to which nobody at work can object: it passes at once, its finds are told when they are known.

    They may begin in front of what is released with them.
    """

    __slots__ = ("_at", "_coming", "_window")

    held = 0

    def __init__(self, window: Window, start: int = 0) -> None:
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
        """What came last, if nobody could look at it: all else has passed. See `Window.unjudged`."""
        return self._at, self._coming

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


Watch: TypeAlias = Window | Onlooker | Unwatched


def watch(scanner: Scanner | None, *, holds: bool, name: str | None = None, meter: Meter | None = None) -> Watch:
    """Return who looks at a text with this scanner.

    `holds`: the text may have to be changed or stopped. `name`: see `Scanner.find`.
    """
    if scanner is None:
        return Unwatched()
    window = Window(scanner, name=name, meter=meter)
    return window if holds else Onlooker(window)


def handed(before: Watch, scanner: Scanner | None, *, name: str | None = None, meter: Meter | None = None) -> Watch:
    """Who looks on with another scanner; what has not passed yet is judged by it, or by nobody."""
    if scanner is None:
        return Unwatched(*before.unjudged)
    if isinstance(before, Window):
        return before.handed(scanner)
    start, text = before.unjudged
    window = Window(scanner, start, name, meter)
    window.hold(text)
    return window


def alike(before: Watch) -> Watch:
    """Return another that tells what is said of the text that has not passed yet, if nothing follows."""
    return before.handed(before.scanner) if isinstance(before, Window) else Unwatched(*before.unjudged)
