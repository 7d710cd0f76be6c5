"""The tally of a response that passes: the usage that it reports, and what an estimate needs if it reports none.

Bytes are kept as they come and read in blocks, so that an event costs next to nothing when it passes, and nothing at
all is parsed of what reports nothing. Blocks begin at multiples of their size, so that any chunks give the same tally.
"""

from typing import Final, Protocol

import msgspec

from extproc.apis.api import Api
from extproc.apis.events.added import data_of
from extproc.apis.usage import ReportedUsage
from extproc.classify.tokens import Encoding
from extproc.usage.estimate import SaidCount
from extproc.usage.marks import marked
from extproc.usage.tail import TRIES, tail_usage

BLOCK: Final = 32 * 1024
"""Bytes of a stream that are read at a time, and all that is kept of one whose events are small: about 110 events."""

SAMPLE: Final = 8 * 1024
"""Bytes of each full block in which the model's words are counted, which costs 1 µs for an event of 300 bytes; those of
the last block are all counted, and only if they are needed."""

EVENT_MAX: Final = 256 * 1024
"""Bytes of an event that is kept whole. Of a larger one, as those with pictures are, the end is kept."""

DOCUMENT_MAX: Final = 256 * 1024
"""Bytes of a document that is kept whole: the responses of chats have some thousand. Of a larger one, the beginning and
the end are kept."""

END: Final = 64 * 1024
"""Bytes of the end of a large event or document that are kept, and of the beginning of the latter."""

_ENDS: Final = (b"\n\n", b"\r\n\r\n", b"\r\r")
_decode: Final = msgspec.json.Decoder().decode


class UsageTally(Protocol):
    """The tally of one response."""

    reported: ReportedUsage | None

    @property
    def seen(self) -> bool:
        """True once any of the body has come."""

    def feed(self, data: bytes) -> None:
        """Take a piece of the body as it passes, without encodings."""

    def finish(self) -> None:
        """Read what is left: the body has ended, or was cut. Further calls change nothing."""

    @property
    def said(self) -> int:
        """An estimate of the tokens that the model wrote, once the tally is finished."""


class EventTally:
    """The tally of an event stream. `searches`: False if somebody else reads what it reports."""

    __slots__ = ("_api", "_block", "_count", "_encoding", "_last", "_past", "_rest", "_searches", "_size", "reported")

    def __init__(self, api: Api, encoding: Encoding, *, searches: bool = True) -> None:
        self._api = api
        self._encoding = encoding
        self._searches = searches
        self._block: list[bytes] = []
        self._size = 0
        self._past = False  # bytes came that are no more in the block
        self._rest = b""  # the beginning of an event that goes on behind the blocks that were read
        self._last: bytes | None = None
        self._count = SaidCount()
        self.reported: ReportedUsage | None = None

    def feed(self, data: bytes) -> None:
        """See `UsageTally.feed`."""
        self._block.append(data)
        self._size += len(data)
        if self._size >= BLOCK:
            self._read_blocks()

    def finish(self) -> None:
        """See `UsageTally.finish`."""
        if self._last is None:
            self._last = b"".join(self._block)
            self._past = self.seen
            self._block, self._size = [], 0
            self._search(self._last, end=True)

    @property
    def seen(self) -> bool:
        """See `UsageTally.seen`."""
        return self._past or self._size > 0

    @property
    def said(self) -> int:
        """See `UsageTally.said`."""
        if self._last:
            self._count.take(self._last, self._api.said, self._encoding)
            self._last = b""
        return self._count.likely

    def _read_blocks(self) -> None:
        whole, at = b"".join(self._block), 0
        while len(whole) - at >= BLOCK:
            block = whole[at : at + BLOCK]
            self._count.take(block[:SAMPLE], self._api.said, self._encoding, BLOCK / SAMPLE)
            self._search(block)
            at += BLOCK
        self._block, self._size, self._past = [whole[at:]], len(whole) - at, True

    def _search(self, block: bytes, *, end: bool = False) -> None:
        """Read what the events that end in a block report; the beginning of one that does not is kept."""
        if not self._searches:
            return
        text = self._rest + block if self._rest else block
        stop = len(text) if end else _ended(text, 0, len(text))
        self._rest = text[stop:]
        if len(self._rest) > EVENT_MAX:
            self._rest = self._rest[-END:]
        text = text[:stop]
        for at in marked(self._api.usage_marks, text):
            close = min((found for each in _ENDS if (found := text.find(each, at)) >= 0), default=stop)
            self._take(text[_ended(text, 0, at) : close] + b"\n\n")

    def _take(self, event: bytes) -> None:
        data = data_of(event) or event
        try:
            value = _decode(data)
        except (ValueError, RecursionError):  # msgspec's errors are of the former kind
            found = tail_usage(self._api, data)
        else:
            found = self._api.usage(value) if isinstance(value, dict) else None
        if found is not None:
            self.reported = found if self.reported is None else self.reported.updated(found)

    def __repr__(self) -> str:
        return f"EventTally({self.reported})"


class DocumentTally:
    """The tally of a response that is a JSON document, or several in an array."""

    __slots__ = ("_api", "_encoding", "_held", "_kept", "_over", "_size", "_start", "reported")

    def __init__(self, api: Api, encoding: Encoding) -> None:
        self._api = api
        self._encoding = encoding
        self._start: bytes | None = None  # the beginning of one that is large; the end is what is kept
        self._kept: list[bytes] = []
        self._size = 0  # of all of it
        self._held = 0  # of what is kept
        self._over = False
        self.reported: ReportedUsage | None = None

    def feed(self, data: bytes) -> None:
        """See `UsageTally.feed`."""
        self._kept.append(data)
        self._size += len(data)
        self._held += len(data)
        if self._held > DOCUMENT_MAX:
            whole = b"".join(self._kept)
            if self._start is None:
                self._start = whole[:END]
            self._kept, self._held = [whole[-END:]], END

    def finish(self) -> None:
        """See `UsageTally.finish`."""
        if self._over:
            return
        self._over = True
        whole = b"".join(self._kept)
        if self._start is not None:
            whole = whole[-END:]
        self._kept = [whole]
        self.reported = tail_usage(self._api, whole, inner=False) or self._decoded(whole)

    @property
    def seen(self) -> bool:
        """See `UsageTally.seen`."""
        return self._size > 0

    @property
    def said(self) -> int:
        """See `UsageTally.said`. Of a large document, its beginning and its end are a sample."""
        count, names = SaidCount(), self._api.said_whole or self._api.said
        weight = 1.0 if self._start is None else self._size / (2 * END)
        for part in (self._start or b"", *self._kept):
            count.take(part, names, self._encoding, weight)
        return round(count.tokens)

    def _decoded(self, whole: bytes) -> ReportedUsage | None:
        """Return the usage that stands elsewhere than at the end."""
        text = whole if self._start is None else self._start
        if not self._api.may_report(text):
            return None
        if self._start is not None:
            return _at_the_beginning(self._api, text)
        try:
            value = _decode(whole)
        except (ValueError, RecursionError):
            return None
        return self._api.usage(value) if isinstance(value, dict) else None

    def __repr__(self) -> str:
        return f"DocumentTally({self.reported})"


def _ended(text: bytes, start: int, stop: int) -> int:
    """Return the place behind the last event that ends between these places; `start` if none does."""
    found = [at + len(each) for each in _ENDS if (at := text.rfind(each, start, stop)) >= 0]
    return max(found, default=start)


def _at_the_beginning(api: Api, text: bytes) -> ReportedUsage | None:
    """Return the usage among the first members of a document of which there is only the beginning.

    Up to the end of a member, the bytes are valid JSON with a brace put behind them only if it is one of the document.
    """
    for mark in api.usage_marks:
        close = text.find(mark)
        for _ in range(TRIES if close >= 0 else 0):
            close = text.find(b"}", close + 1)
            if close < 0:
                break
            try:
                value = _decode(text[: close + 1] + b"}")
            except (ValueError, RecursionError):
                continue
            return api.usage(value) if isinstance(value, dict) else None
    return None
