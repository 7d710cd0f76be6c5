"""Server-sent events: bytes in at any cuts, events out with the very bytes they came as (WHATWG HTML, section 9.2)."""

import re
from copy import copy

from msgspec import Struct

ALIVE = b": keep-alive\n\n"
"""A comment, which every parser of the format skips."""

MAX_EVENT = 16 * 1024 * 1024
"""Bytes of one event. Most have under 1 KiB, but the last event of the responses API repeats the whole answer, with
generated images in base64: some MiB. It bounds what a stream without blank lines can make us hold."""

_BOM = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"\r\n|\n|\r")
_EVENT_END = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r)")
_REACH = 3
"""Bytes before unsearched ones that can belong to the same end of an event: it has up to four."""


class Event(Struct, frozen=True, gc=False):
    """One event, or what stands in the place of one: comments or blank lines alone, with `data` None.

    `raw` holds every byte up to and with the blank line that ends it. `data` is what the `data:` lines say, joined by
    line feeds. `name` is the event's type, empty when not given. `ended` is False for what the stream broke off.
    """

    raw: bytes
    data: bytes | None
    name: bytes = b""
    ended: bool = True

    def __repr__(self) -> str:
        data = None if self.data is None else len(self.data)
        return f"Event({len(self.raw)} bytes, data={data}, ended={self.ended})"


class EventTooLargeError(Exception):
    """An event has more bytes than the reader's limit.

    `events` came whole before it; `rest` is everything fed behind them. The reader takes no more.
    """

    def __init__(self, events: list[Event], rest: bytes) -> None:
        super().__init__("a server-sent event is larger than the limit")
        self.events = events
        self.rest = rest


class Reader:
    """Reads a stream of events; the events and their bytes are the same for any cuts of the stream.

    A chunk that is one whole event of 235 bytes costs about 5 parses of its JSON by a typed msgspec decoder, 2 when ten
    such come in one chunk, 20 when it comes in halves or with CRLF. Work is
    linear in the bytes of the stream, also when they come one at a time. An event whose last byte is a CR waits for the
    next byte, as that may be the LF of the same line end.
    """

    __slots__ = ("_carriage", "_failed", "_held", "_limit", "_searched", "_started")

    def __init__(self, limit: int = MAX_EVENT) -> None:
        self._limit = limit
        self._held = bytearray()  # the beginning of an event that has not ended
        self._searched = 0  # bytes of it in which no end is
        self._started = False  # whether the first event, which a BOM may precede, is out
        self._carriage = False  # whether a CR was ever seen: without any, an end is two LF
        self._failed = False

    def copied(self) -> "Reader":
        """Return a reader that goes on as this one would."""
        other: Reader = copy(self)
        other._held = self._held.copy()
        return other

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that this chunk completes.

        Raises:
            EventTooLargeError: an event passes the limit, complete or not; from then on, always.
        """
        if self._failed:
            raise EventTooLargeError([], chunk)
        self._carriage = self._carriage or b"\r" in chunk
        events: list[Event] = []
        if self._held:
            self._held += chunk
            del self._held[: self._cut(self._held, 0, events)]
        else:
            at = self._cut(chunk, self._plain(chunk, events), events)
            if at < len(chunk):
                self._held += memoryview(chunk)[at:]
        self._searched = len(self._held)
        if self._searched > self._limit:
            raise self._fail(events, bytes(self._held))
        return events

    def close(self) -> list[Event]:
        """The stream is over: what it left, if anything, as one event.

        `ended` is False for it, save when all it waited for was the LF that might have followed a CR.
        """
        raw = bytes(self._held)
        self._held.clear()
        if not raw or self._failed:
            return []
        return [self._event(raw, ended=self._end(raw, 0, 0) is not None)]

    def _plain(self, chunk: bytes, events: list[Event]) -> int:
        """Take the events at the head of a chunk that are written as most are; the offset behind them.

        That is one `data:` line, perhaps an `event:` line before it, and no CR.
        """
        at = 0
        if self._carriage or not self._started:
            return at
        while True:
            data, name = at, b""
            if chunk.startswith(b"event: ", at):
                data = chunk.find(b"\n", at) + 1
                name = chunk[at + 7 : data - 1]
            if data < at or not chunk.startswith(b"data: ", data):
                return at
            line = chunk.find(b"\n", data)
            end = line + 2
            if line < 0 or end - at > self._limit or not chunk.startswith(b"\n", line + 1):
                return at
            events.append(Event(chunk[at:end], chunk[data + 6 : line], name))
            at = end

    def _cut(self, buffer: bytes | bytearray, at: int, events: list[Event]) -> int:
        """Take the events from `at` on that end in the buffer; the offset behind the last one."""
        searched = self._searched
        while (end := self._end(buffer, at, searched)) is not None and not self._waits(buffer, end):
            if end - at > self._limit:
                raise self._fail(events, bytes(buffer[at:]))
            events.append(self._event(bytes(buffer[at:end]), ended=True))
            at = searched = end
        return at

    def _end(self, buffer: bytes | bytearray, at: int, searched: int) -> int | None:
        """The offset behind the event that begins at `at`, if it ends in the buffer."""
        first = at if self._started else at + _mark(buffer)
        if buffer.startswith((b"\n", b"\r"), first):  # a blank line alone
            return first + (2 if buffer.startswith(b"\r\n", first) else 1)
        begin = max(first, searched - _REACH)
        if self._carriage:
            found = _EVENT_END.search(buffer, begin)
            return None if found is None else found.end()
        end = buffer.find(b"\n\n", begin)
        return None if end < 0 else end + 2

    def _waits(self, buffer: bytes | bytearray, end: int) -> bool:
        """True if the end at `end` may turn out to have one byte more."""
        return self._carriage and end == len(buffer) and buffer[-1] == b"\r"[0]

    def _event(self, raw: bytes, *, ended: bool) -> Event:
        begin = 0 if self._started else _mark(raw)
        self._started = True
        name, data = b"", list[bytes]()
        for line in _LINE_END.split(raw[begin:]):
            field, _, value = line.partition(b":")
            if field == b"data":
                data.append(value.removeprefix(b" "))
            elif field == b"event":
                name = value.removeprefix(b" ")
        return Event(raw, b"\n".join(data) if data else None, name, ended)

    def _fail(self, events: list[Event], rest: bytes) -> EventTooLargeError:
        self._failed = True
        self._held.clear()
        return EventTooLargeError(events, rest)


def frame(data: bytes, name: str = "") -> bytes:
    """One event with this data (a single line, as JSON is when we write it)."""
    head = f"event: {name}\n".encode() if name else b""
    return b"%sdata: %s\n\n" % (head, data)


def _mark(buffer: bytes | bytearray) -> int:
    """The length of the byte order mark that begins a stream, if one does."""
    return len(_BOM) if buffer.startswith(_BOM) else 0
