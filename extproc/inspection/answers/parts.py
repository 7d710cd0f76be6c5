"""A text part of a streamed message that another part may precede: both are one text to many a client.

A value that is cut over the two is found, counted and blocked as in a whole response. It cannot be masked: its
beginning has left with the first part. So where it is to be masked, the response is uninspected (`stream`).
"""

from typing import Final

from extproc.apis.events import Channel, Share, StreamEvent
from extproc.apis.events.event import Scope
from extproc.inspection.adjoining import BESIDE
from extproc.inspection.answers.growing import GrowingText, Track
from extproc.inspection.answers.looking import Unread, hits_in
from extproc.inspection.answers.ruling import Ruling
from extproc.inspection.vault import Vault
from extproc.matching.scanner import TooManyCandidatesError
from extproc.matching.span import Distinct
from extproc.matching.window import Hit, Released, Window
from extproc.payload.chains import HOLDERS, TEXT
from extproc.protocol.meter import SpentError

KEPT: Final = 4 * BESIDE
"""Characters of a part that may be kept until those that are too far from its end are dropped."""


def holder_of(channel: Channel) -> Scope | None:
    """Return the place of the array that a text is a part in; None if it is no such part."""
    path = channel.path
    if len(path) < 3 or path[-1] != TEXT or type(path[-2]) is not int or path[-3] not in HOLDERS:
        return None
    return path[:-2]


class PartText(GrowingText):
    """A part. `before`: the part that stands in front of it, if one does."""

    __slots__ = ("_before", "_boundary", "_ruling", "_said", "_told", "_unread", "_window")

    def __init__(
        self,
        channel: Channel,
        track: Track,
        ruling: Ruling,
        vault: Vault | None,
        unread: Unread,
        before: "PartText | None",
    ) -> None:
        super().__init__(channel, track, ruling, vault, unread)
        self._ruling = ruling
        self._unread = unread
        self._before = "" if before is None or before.channel.path[-2] != channel.path[-2] - 1 else before.end  # type: ignore[operator]
        self._said = ""
        self._told = Distinct()
        self._window: Window | None = None
        if self._before and ruling.scanner is not None:
            self._window = Window(ruling.scanner, meter=ruling.meter)
            self._hear(self._window.feed(self._before))

    @property
    def end(self) -> str:
        """Return the last characters of the text, and of those in front of it if it has few."""
        return (self._before + self._said)[-BESIDE:]

    def feed(self, event: StreamEvent, text: str) -> Share | None:
        """See `GrowingText.feed`."""
        self._said += text
        if len(self._said) > KEPT:
            self._said = self._said[-BESIDE:]
        if self._window is not None and text:
            self._look(self._window, text)
        return super().feed(event, text)

    def finish(self) -> None:
        """See `GrowingText.finish`."""
        window, self._window = self._window, None
        if window is not None:
            self._hear(window.finish())
        super().finish()

    def _look(self, window: Window, text: str) -> None:
        try:
            self._hear(window.feed(text))
        except SpentError:
            raise
        except TooManyCandidatesError:
            self._window = None
            self._unread(self.channel.path, "stream")
        # What begins in front of the part is decided by then, whatever it is.
        if len(self._said) > 2 * BESIDE:
            self._window = None

    def _hear(self, released: Released | None) -> None:
        for hit in () if released is None else released.hits:
            span = hit.span
            if span.start < len(self._before) < span.end and not self._own(hit):
                self._ruling.hear((hit,), self.channel.where, self._told)
                if self._ruling.masks(span):
                    self._unread(self.channel.path, "stream")

    def _own(self, hit: Hit) -> bool:
        """True if a finding only makes one longer that lies in one of the parts; see `adjoining.crossing`."""
        start, edge, end = hit.span.start, len(self._before), hit.span.end
        return any(
            each.span.kind == hit.span.kind and each.span.start < high and each.span.end > low
            for text, low, high in ((self._before, start, edge), (self._said, 0, end - edge))
            for each in hits_in(text, self._ruling, None)
        )
