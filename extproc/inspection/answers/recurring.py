"""A text that comes whole, and after which another may come in the same place: judged by itself and joined to it."""

import re
from collections.abc import Callable

from extproc.apis.events import Channel, Share, StreamEvent
from extproc.detectors.naming import spelled
from extproc.inspection.answers.growing import LooseText, Track
from extproc.inspection.answers.looking import Unread, hits_in
from extproc.inspection.answers.ruling import Ruling
from extproc.inspection.answers.strand import Strand
from extproc.inspection.led import leading
from extproc.inspection.vault import Vault
from extproc.payload import TextLimitError
from extproc.payload.base64 import is_url
from extproc.payload.json.wellformed import documents

_LETTER = re.compile(r"[^\W_]")


class RecurringText(LooseText):
    """Texts that events bring in one place: two calls of a tool, or a value that is cut in two.

    A value that lies in two of them is found, as in a text that grows. Two texts of which each is something by itself
    are no such value: where one ends or begins with a finding of its own, or is a document, the two are not joined,
    so that each is masked as in a whole response.
    """

    __slots__ = ("_closed", "_new")

    def __init__(self, channel: Channel, track: Track, ruling: Ruling, vault: Vault | None, unread: Unread) -> None:
        super().__init__(channel, track, ruling, vault, unread)
        self._new: Callable[[], Strand] = lambda: Strand(channel, ruling, vault, unread)
        self._closed = False  # whether nothing that begins in the text before can go on in the next

    def feed(self, event: StreamEvent, text: str) -> Share | None:
        """See `GrowingText.feed`."""
        if text:
            opens, closes = self._alone(text)
            if self._closed or opens:
                self._begin()
            self._closed = closes
        return super().feed(event, text)

    def _begin(self) -> None:
        """End the text before, and begin another."""
        self.finish()
        self.paused = self._odd = False
        self._strand = self._new()

    def _alone(self, text: str) -> tuple[bool, bool]:
        """True if a text is something by itself at its beginning; and the same of its end."""
        try:
            if is_url(text) or documents(text) != "none":
                return True, True
        except TextLimitError:
            return False, False
        name = self.channel.name
        hits = hits_in(text, self._ruling, spelled(name), leading(name))
        return (
            any(_LETTER.search(text, 0, hit.span.start) is None for hit in hits),
            any(_LETTER.search(text, hit.span.end) is None for hit in hits),
        )
