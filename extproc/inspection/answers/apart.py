"""Texts that come whole, and again in the same place, and that no client joins: members beside `choices`, JSON-RPC.

Each is judged by itself. But whoever reads them one after the other, or concatenates the stream, has a value that is
cut over two of them. The first has left by then, so that such a response is uninspected (`stream`). See 0062.
"""

from typing import Final

from extproc.apis.events import Delta
from extproc.apis.events.event import Scope
from extproc.inspection.adjoining import crossing
from extproc.inspection.answers.looking import Unread
from extproc.inspection.answers.ruling import Ruling
from extproc.matching.looks import TooManyCandidatesError

ACROSS: Final = 128
"""Characters on each side that are read together: values that are read aloud, sums of keys, addresses."""

MOST_APART: Final = 64
"""Places whose last text is remembered; then that which was first is forgotten. Events have some three."""


class ApartTexts:
    """Remembers the end of the last text in each place."""

    __slots__ = ("_last", "_ruling", "_unread")

    def __init__(self, ruling: Ruling, unread: Unread) -> None:
        self._ruling = ruling
        self._unread = unread
        self._last: dict[Scope, str] = {}

    def take(self, delta: Delta) -> None:
        """Look at a text with the one before it in its place. Raises Stopped; SpentError."""
        scanner, path, text = self._ruling.scanner, delta.channel.path, delta.text
        if scanner is None or not text:
            return
        before = self._last.pop(path, "")
        if len(self._last) >= MOST_APART:
            del self._last[next(iter(self._last))]
        self._last[path] = text[-ACROSS:]
        if not before or text.endswith(before):
            return  # as most are that come again
        texts, meter = (before, text[:ACROSS]), self._ruling.meter
        try:
            found = [each for each in crossing(scanner, texts, (0, 1), {}, meter) if each[1].end > len(before)]
            if found:
                own = {number: scanner.scan(said, meter=meter) for number, said in enumerate(texts)}
                found = crossing(scanner, texts, (0, 1), own, meter)
        except TooManyCandidatesError:
            found = []
        if any(not number and span.end > len(before) for number, span in found):
            self._unread(path, "stream")
