"""Reads a streamed answer: bytes at any cuts in, events with their texts out."""

import re
from collections.abc import Callable, Sequence
from copy import copy
from typing import TypeAlias

from extproc.apis.events import documents
from extproc.apis.events.event import Channel, Delta, Doubt, Reason, StreamEvent, UnreadableStreamError
from extproc.apis.events.leaves import TooComplexError, begins_whole, document, leaves
from extproc.apis.events.source import MAX_FIXED, EventReading, EventSource, Text
from extproc.apis.streams.plain_lines import MAX_LINES, data_texts, is_silent, other_texts, strays
from extproc.apis.streams.recognition import Recognition
from extproc.apis.streams.shapes import MAX_REMEMBERED, Shape, shape
from extproc.payload import sse
from extproc.payload.sse_lines import BOM, Line, LineEnds, data_lines, raw_offset
from extproc.protocol.meter import Meter

MAX_WORDS = 512
"""Places of roles and identifiers in deltas that are remembered: 128 choices, each with a role and three calls. In an
event with more of them, nobody knows what a client joins."""

_SET = frozenset({"type", "index"})
"""Members of a delta that every client replaces by what came last."""

IsPlain: TypeAlias = Callable[[Sequence[str]], bool]
"""True if nobody has an interest in any of these texts."""

_COMMENTS = re.compile(rb"(?::[^\r\n]*+(?:\r\n|\n|\r))++(?:\r\n|\n|\r)?+")
"""Lines that clients skip: servers write them to keep a connection alive."""

LEARNED_STEPS = 10
"""Steps of a meter that an event of no known shape takes beside those of its tokens: a blank line is one of a byte, and
takes 12 µs till it has left."""


def _nobody(_texts: Sequence[str]) -> bool:
    return True


class StreamReader:
    """The events of one answer; any cuts give the same events.

    `dialect`: the name of the API that the path is claimed for, or empty; what the events show counts for
    more (see `Recognition`). `bare`: each chunk is one JSON document, with no lines around it.

    Events of unknown types and unknown members of known ones are read, too: any string that is not known to be no text
    is one. So are comments and all other lines, if they say anything. An event that a client may read or join otherwise
    has a `doubt`. An event with the shape of one before it costs some two microseconds, others about one a token.

    `plain` is asked about words and identifiers of the API, and names: they are texts only where it says no. `meter`
    counts the events that have no known shape, and their tokens; its SpentError leaves `feed` and `close`.
    """

    __slots__ = (
        "_bare",
        "_ends",
        "_events",
        "_failed",
        "_limit",
        "_meter",
        "_plain",
        "_recognition",
        "_shapes",
        "_started",
        "_words",
        "pending",
    )

    def __init__(
        self,
        dialect: str,
        limit: int = sse.MAX_EVENT,
        *,
        bare: bool = False,
        plain: IsPlain = _nobody,
        meter: Meter | None = None,
    ) -> None:
        self._plain = plain
        self._meter = meter
        self._recognition = Recognition(dialect)
        self._ends = LineEnds()
        self._events = sse.Reader(limit)
        self._limit = limit
        self._bare = bare
        self.pending = 0
        """Bytes of an event that has not ended."""
        self._shapes: list[Shape] = []
        self._failed: Reason | None = None
        self._started = False
        self._words: dict[int, str] = {}  # what came in places of words of the API, by their hashes

    def copied(self, plain: IsPlain, meter: Meter) -> "StreamReader":
        """Return a reader that goes on as this one would, with its own `plain` and `meter`."""
        other: StreamReader = copy(self)
        other._plain, other._meter = plain, meter
        other._recognition, other._ends = copy(self._recognition), copy(self._ends)
        other._events, other._shapes, other._words = self._events.copied(), self._shapes.copy(), self._words.copy()
        return other

    def feed(self, chunk: bytes) -> list[StreamEvent]:
        """The events that this chunk completes.

        Raises:
            UnreadableStreamError: an event is beyond a limit; from then on, always.
        """
        if self._failed is not None:
            raise UnreadableStreamError(self._failed, [], chunk)
        if self._bare:
            return self._read([sse.Event(chunk, chunk)])
        # A chunk that is one event of a known shape needs no cutting. (Behind a CR no end of an event is sure.)
        if not self.pending and chunk.find(b"\n\n") == len(chunk) - 2 and len(chunk) <= self._limit:
            shapes = self._shapes
            known = (shapes[0].read(chunk) if shapes else None) or self._known(chunk)
            if known is not None:
                return [known]
        try:
            events = self._events.feed(chunk)
        except sse.EventTooLargeError as error:
            self._failed = "size"
            raise UnreadableStreamError("size", self._read(error.events, error.rest), error.rest) from None
        self.pending += len(chunk) - sum(len(event.raw) for event in events)
        return self._read(events)

    def close(self) -> list[StreamEvent]:
        """The stream is over: what it left, if anything. Raises as `feed` does."""
        return [] if self._failed is not None else self._read(self._events.close())

    def _read(self, events: list[sse.Event], rest: bytes = b"") -> list[StreamEvent]:
        read: list[StreamEvent] = []
        for number, event in enumerate(events):
            try:
                read.append(self._known(event.raw) or self._learn(event))
            except TooComplexError:
                self._failed = "complexity"
                left = [each.raw for each in (*events[number:], *self._events.close())]
                raise UnreadableStreamError("complexity", read, b"".join(left) + rest) from None
        return read

    def _known(self, raw: bytes) -> StreamEvent | None:
        for place, known in enumerate(self._shapes):
            event = known.read(raw)
            if event is not None:
                if place:
                    self._shapes.insert(0, self._shapes.pop(place))
                return event
        return None

    def _learn(self, event: sse.Event) -> StreamEvent:
        first, self._started = not self._started, True
        if self._meter is not None:
            self._meter.spend(LEARNED_STEPS)
        if self._bare:
            return self._document(event, [Line(event.raw, 0, 0)])
        if max(event.raw.count(b"\n"), event.raw.count(b"\r")) > MAX_LINES:
            raise TooComplexError
        mixed = self._ends.mixed(event.raw)
        data = event.data
        if data is None:
            return _without_data(event, first=first, doubt="malformed" if mixed else "")
        others = other_texts(event.raw, bom=first)
        lines = data_lines(event.raw, bom=first)
        doubt: Doubt = "malformed" if mixed or (others and strays(event.raw, bom=first)) or _several(lines) else ""
        if data.strip() == b"[DONE]":
            return StreamEvent(event.raw, "done", others, ends=((),), ended=event.ended, doubt=doubt)
        return self._document(event, lines, others, doubt)

    def _document(
        self, event: sse.Event, lines: list[Line], others: tuple[Delta, ...] = (), doubt: Doubt = ""
    ) -> StreamEvent:
        """The event whose data should be JSON, and has a `doubt` already if its lines are doubtful."""
        data = event.data or b""
        is_json, value = document(data)
        if not is_json:
            if not (is_silent(data) or _cut(event, lines)):
                doubt = "malformed"
            return _unparsed(event, data_texts(lines) + others, doubt)
        source = EventSource(data, value, leaves(data, self._meter))
        reading, doubted, dialect = self._recognition.read(source)
        texts = reading.texts
        if reading.quiet:
            if not self._plain([text.text for text in reading.quiet]):
                texts = sorted((*texts, *reading.quiet), key=_start)
            elif not self._apart(reading.quiet):
                doubted = doubted or "stream"
        told = _told(event, reading, texts, lines, others, doubt or doubted, dialect)
        self._remember(shape(told, [_moved(lines, span) for span in reading.varying]))
        return told

    def _apart(self, quiet: Sequence[Text]) -> bool:
        """True if words of an API say nothing together with those that came in the same places of a delta before.

        Some clients add all strings of a delta to what they have, the role and the identifiers as well.
        """
        for each in quiet:
            if each.form == "name" or "delta" not in each.path or each.path[-1] in _SET:
                continue
            place = hash(each.channel.path)
            before = self._words.get(place, "")
            if not each.text or before.endswith(each.text):
                continue  # most servers that send it again send the same
            if before and not self._plain([before + each.text]):
                return False
            if place not in self._words and len(self._words) == MAX_WORDS:
                return False
            self._words[place] = (before + each.text)[-MAX_FIXED:]
        return True

    def _remember(self, new: Shape | None) -> None:
        if new is None:
            return
        self._shapes.insert(0, new)
        while sum(each.size for each in self._shapes) > MAX_REMEMBERED:
            self._shapes.pop()


def _start(text: Text) -> int:
    return text.start


def _told(
    event: sse.Event,
    reading: EventReading,
    texts: Sequence[Text],
    lines: list[Line],
    others: tuple[Delta, ...] = (),
    doubt: Doubt = "",
    dialect: str = "",
) -> StreamEvent:
    """The reading with offsets in the event's bytes, and the texts of its `others`, the lines that are no data."""
    deltas: list[Delta] = []
    used: dict[Channel, int] = {}
    for text in texts:
        start, end = _moved(lines, (text.start, text.end))
        shadows = tuple((*_moved(lines, shadow[:2]), shadow[2]) for shadow in text.shadows)
        channel = _unused(text.channel, used)
        deltas.append(Delta(channel, text.text, start, end, text.form, text.repeats, shadows, text.grows))
    for other in others:
        channel = _unused(other.channel, used)
        deltas.append(Delta(channel, other.text, other.start, other.end, other.form))
    number = None if reading.number is None else _moved(lines, reading.number)
    # Nothing follows what a stream broke off.
    ends = reading.ends if event.ended else ((),)
    return StreamEvent(
        event.raw,
        reading.kind,
        tuple(deltas),
        ends,
        reading.opens,
        reading.keeps,
        dialect,
        number,
        reading.unread,
        event.ended,
        doubt,
        reading.calls,
    )


def _unparsed(event: sse.Event, texts: tuple[Delta, ...], doubt: Doubt) -> StreamEvent:
    """Return what is not JSON, or not all of it: each line is a text."""
    return StreamEvent(event.raw, "other", texts, () if event.ended else ((),), ended=event.ended, doubt=doubt)


def _cut(event: sse.Event, lines: list[Line]) -> bool:
    """True for the beginning of a document that the stream broke off: no client can read it."""
    return not event.ended and len(lines) == 1 and not begins_whole(lines[0].value)


def _several(lines: list[Line]) -> bool:
    """True if a line of data is a document by itself: a client that takes lines for events reads other events."""
    return len(lines) > 1 and any(line.value[:1] == b"{" and document(line.value)[0] for line in lines)


def _without_data(event: sse.Event, *, first: bool, doubt: Doubt) -> StreamEvent:
    """Comments and the like; or JSON that is no event at all, as of an error of a server that promised events."""
    at = len(BOM) if first and event.raw.startswith(BOM) else 0
    if event.raw[at:].lstrip()[:1] in (b"{", b"["):
        data = event.raw[at:]
        is_json, value = document(data)
        if is_json:
            source = EventSource(data, value, leaves(data))
            reading = documents.read(source, {})
            alone = first and not event.ended and isinstance(value, dict)
            if not alone and reading.kind != "error" and documents.any_tells(reading):
                doubt = "malformed"
            quiet = sorted((*reading.texts, *reading.quiet), key=_start)
            return _told(event, reading, quiet, [Line(data, at, 0)], doubt=doubt)
    texts = other_texts(event.raw, bom=first)
    if not texts and not doubt and event.ended and _COMMENTS.fullmatch(event.raw, at) is not None:
        return StreamEvent(event.raw, "alive")
    return _unparsed(event, texts, "malformed" if texts and strays(event.raw, bom=first) else doubt)


def _moved(lines: list[Line], span: tuple[int, int]) -> tuple[int, int]:
    """A span of the data as one of the event's bytes."""
    start = raw_offset(lines, span[0])
    return start, start + span[1] - span[0]


def _unused(channel: Channel, used: dict[Channel, int]) -> Channel:
    """The channel, or one of its own: two whole texts at one place (a name given twice) are two texts.

    `used`: how many there were at each place.
    """
    if not channel.whole:
        return channel
    own = channel
    while own in used:
        used[channel] += 1
        own = Channel((*channel.path, f"#{used[channel]}"), channel.json, whole=True)
    used[own] = 1
    return own
