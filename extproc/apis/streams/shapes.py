"""Events that are alike but for their texts: what was read of one holds for the next."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, TypeAlias

import msgspec
from msgspec import Struct

from extproc.apis.events.event import Channel, Delta, Scope, StreamEvent
from extproc.apis.events.leaves import MAX_DIGITS
from extproc.payload.limits import SHORT

MAX_SHAPE = 1024
"""Bytes of an event without its texts. OpenAI's have 250, Azure's with its filter results 700."""

MAX_REMEMBERED = 4096
"""Bytes of all shapes of one stream together, so that a waiting stream takes little. It is enough for six of the usual
kind; a stream has one or two, and as many again for each further choice."""

_SHAPE = 280
_HOLE = 80
"""Bytes of the objects that a shape and one of its holes consist of, beside those of the event."""

MAX_HOLES = 8

_TEXT = msgspec.json.Decoder(str)
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)

Hole: TypeAlias = Channel | Literal["digits", "number", "padding"]
"""A part that differs between events of one shape: a text, a count, the sequence number, padding."""


class Shape(Struct, frozen=True):
    """The bytes of an event around its holes: `head`, hole, literal, hole, ..., `tail`.

    An event that has the same bytes around something that is one JSON string, or one number, is read the same way, as
    nothing in a string or number can change what the bytes around it mean.
    """

    head: bytes
    holes: tuple[Hole, ...]
    between: tuple[bytes, ...]
    tail: bytes
    repeats: tuple[bool, ...]
    opens: tuple[Scope, ...]
    keeps: bool
    dialect: str

    @property
    def size(self) -> int:
        """Bytes remembered."""
        names = sum(len(str(step)) for hole in self.holes if isinstance(hole, Channel) for step in hole.path)
        return _SHAPE + _HOLE * len(self.holes) + self.literal + names

    @property
    def literal(self) -> int:
        """Bytes of the event without its holes."""
        return len(self.head) + len(self.tail) + sum(map(len, self.between))

    def read(self, raw: bytes) -> StreamEvent | None:
        """The event, if it has this shape."""
        head, tail, holes = self.head, self.tail, self.holes
        if not (raw.startswith(head) and raw.endswith(tail)):
            return None
        if len(holes) > 1:
            return self._holes(raw)
        # As `_text`, since most events have one hole, and it is a text's.
        at, end = len(head) - 1, len(raw) - len(tail) + 1
        try:
            text = _TEXT.decode(raw[at:end])
        except _UNREADABLE:
            return None
        channel: Channel = holes[0]  # type: ignore[assignment]
        if not text and channel.whole:
            return None
        delta = Delta(channel, text, at, end, "string", self.repeats[0])
        return StreamEvent(raw, "delta", (delta,), (), self.opens, self.keeps, self.dialect)

    def _holes(self, raw: bytes) -> StreamEvent | None:
        at, last, number = len(self.head), len(raw) - len(self.tail), None
        deltas: list[Delta] = []
        for place, hole in enumerate(self.holes):
            more = place < len(self.between)
            end = raw.find(self.between[place], at, last + 1) if more else last
            if end < at:
                return None
            if isinstance(hole, Channel):
                delta = self._text(raw, place, at, end)
                if delta is None:
                    return None
                deltas.append(delta)
            elif hole == "padding":
                if not _is_padding(raw[at:end]):
                    return None
            elif not _is_count(raw[at:end], MAX_DIGITS if hole == "number" else SHORT):
                return None
            elif hole == "number":
                number = (at, end)
            if more:
                at = end + len(self.between[place])
        return StreamEvent(raw, "delta", tuple(deltas), (), self.opens, self.keeps, self.dialect, number)

    def _text(self, raw: bytes, place: int, at: int, end: int) -> Delta | None:
        """The text in that hole, whose string's quotes stand in the bytes around it."""
        channel = self.holes[place]
        assert isinstance(channel, Channel), "the hole is a text's"
        try:
            text = _TEXT.decode(raw[at - 1 : end + 1])
        except _UNREADABLE:
            return None
        if not text and channel.whole:
            return None  # nothing is told of it then
        return Delta(channel, text, at - 1, end + 1, "string", self.repeats[place])


def _is_padding(value: bytes) -> bool:
    return not value or value.isalnum()


def _is_count(value: bytes, digits: int) -> bool:
    """True if it is such a number as `leaves` counts, and JSON: no zeros in front."""
    return len(value) <= digits and value.isdigit() and (value[:1] != b"0" or len(value) == 1)


def shape(event: StreamEvent, varying: Sequence[tuple[int, int]]) -> Shape | None:
    """The shape of an event, if others may be like it: one that brings text and does nothing else.

    `varying`: what else differs, as offsets in the event's bytes: numbers, and strings of padding with their quotes.
    """
    # Events that open a text have it empty, and come but once.
    pieces = any(delta.text and not delta.channel.whole for delta in event.deltas)
    plain = all(delta.form == "string" and not delta.shadows and not delta.grows for delta in event.deltas)
    if event.kind != "delta" or event.ends or event.unread or event.doubt or event.calls:
        return None
    if not (event.ended and pieces and plain):
        return None
    raw = event.raw
    holes: list[tuple[int, int, Hole, bool]] = [
        (delta.start + 1, delta.end - 1, delta.channel, delta.repeats) for delta in event.deltas
    ]
    for start, end in varying:
        if raw[start : start + 1] == b'"':
            holes.append((start + 1, end - 1, "padding", False))
        else:
            holes.append((start, end, "number" if (start, end) == event.number else "digits", False))
    holes.sort(key=lambda hole: hole[0])
    between = tuple(raw[a[1] : b[0]] for a, b in pairwise(holes))
    made = Shape(
        raw[: holes[0][0]],
        tuple(hole[2] for hole in holes),
        between,
        raw[holes[-1][1] :],
        tuple(hole[3] for hole in holes),
        event.opens,
        event.keeps,
        event.dialect,
    )
    return made if made.literal <= MAX_SHAPE and len(holes) <= MAX_HOLES else None
