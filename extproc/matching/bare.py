"""The reading of a streamed text without its invisible code points, beside the reading of the text as it stands.

In it stand the characters that are spelt out, too.
"""

import re
from copy import copy
from typing import TYPE_CHECKING

from extproc.matching.escapes import begun
from extproc.matching.ignorable import Ignored, hidden
from extproc.matching.pane import Hit, Released
from extproc.matching.span import Span
from extproc.protocol.meter import Meter

if TYPE_CHECKING:
    from extproc.matching.window import Window

_SURROGATE = re.compile("[\ud800-\udfff]")


def joined(text: str) -> str:
    """`text` with the characters that its pairs of surrogates stand for."""
    if text.isascii() or _SURROGATE.search(text) is None:
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def shows_less(text: str, before: str) -> bool:
    """True if something in a piece of a text is left out or spelt out, also if JSON escapes give it in halves."""
    return hidden(joined(text), before)


class BareReading:
    """A window that is fed what is left of each piece.

    `window`: takes over from the window of the text at the place `end`, behind the code point `before`; `rest`: what
    came behind that and may go on in the next piece, as half a character or the beginning of one that is spelt out.
    `ahead`: the text that the other reading has released and this one has not. `hits`: those of both readings, in text
    that is not released yet.
    """

    __slots__ = ("_ignored", "_meter", "_rest", "ahead", "hits", "window")

    def __init__(self, window: "Window", end: int, before: str, rest: str, meter: Meter | None) -> None:
        self.window = window
        self._ignored = Ignored(end, before)
        self._rest = rest
        self._meter = meter
        self.ahead = ""
        self.hits: dict[Span, Hit] = {}

    def feed(self, text: str) -> Released | None:
        """Add a piece of the text. The places in the result are those of what is left."""
        left = self._left(text)
        return self.window.feed(left) if left else None

    def hold(self, text: str) -> None:
        """Add a piece of the text, to be judged with what comes next."""
        self.window.hold(self._left(text))

    def finish(self) -> Released | None:
        """End the text."""
        if self._rest:
            self.window.hold("?" if _SURROGATE.match(self._rest) else self._ignored.bare(self._rest, self._meter))
        return self.window.finish()

    def hear(self, released: Released | None, start: int, text: str) -> None:
        """Take the hits of a release. `text` is that of the other reading which has not left, from `start` on."""
        for hit in () if released is None else released.hits:
            span = self._ignored.span(hit.span)
            self.hits.setdefault(span, Hit(span, text[span.start - start : span.end - start]))

    def reach(self) -> int:
        """Return the place in the text up to which all is released. Nothing before it is asked for any more."""
        place = self.window.released
        end = self._ignored.end(place)
        self._ignored.forget(place)
        return end

    def again(self) -> "BareReading":
        """Another that has seen the same."""
        other: BareReading = copy(self)
        other.window, other._ignored, other.hits = self.window.again(), self._ignored.again(), self.hits.copy()
        return other

    @property
    def idle(self) -> bool:
        """True if nothing waits here but what the other reading has as well."""
        return not (self.ahead or self.hits or self._rest)

    def _left(self, text: str) -> str:
        text = self._rest + text
        cut = len(text) - 1 if "\ud800" <= text[-1:] <= "\udbff" else begun(text)
        self._rest = text[cut:]
        return self._ignored.bare(joined(text[:cut]), self._meter)
