"""The lines of one event: where its data stands in its bytes, and how its stream writes lines."""

import re
from bisect import bisect_right

from msgspec import Struct

_LINE = re.compile(rb"([^\r\n]*+)(\r\n|\n|\r|\Z)")
_CARRIAGE = re.compile(rb"\r(?!\n)")
BOM = b"\xef\xbb\xbf"


class Line(Struct, frozen=True, gc=False):
    """A line of data: what it says, where that begins in the event's bytes and where in the event's data."""

    value: bytes
    raw_at: int
    data_at: int


def data_lines(raw: bytes, *, bom: bool) -> list[Line]:
    """The values of the `data:` lines of an event. Joined by line feeds they are its data.

    `bom`: a byte order mark may stand before it, as it is the first of a stream.
    """
    found: list[Line] = []
    at, data_at = len(BOM) if bom and raw.startswith(BOM) else 0, 0
    while at < len(raw):
        line = _LINE.match(raw, at)
        assert line is not None, "it matches no bytes, too"
        if line[1] == b"data" or line[1].startswith(b"data:"):
            start = min(at + (6 if line[1].startswith(b"data: ") else 5), line.end(1))
            found.append(Line(raw[start : line.end(1)], start, data_at))
            data_at += line.end(1) - start + 1
        at = line.end()
    return found


def raw_offset(lines: list[Line], at: int) -> int:
    """Return where byte `at` of the data stands in the event's bytes. No JSON string goes over the end of a line."""
    line = lines[0] if len(lines) == 1 else lines[bisect_right(lines, at, key=_data_at) - 1]
    return line.raw_at + at - line.data_at


def _data_at(line: Line) -> int:
    return line.data_at


class LineEnds:
    """The line ends of one stream. A client that splits lines at LF alone reads other lines where CR stands alone."""

    __slots__ = ("_carriage", "_feed")

    def __init__(self) -> None:
        self._carriage = False
        self._feed = False

    def mixed(self, raw: bytes) -> bool:
        """True if lines end with CR and with LF, in this event or in those before it."""
        if b"\r" in raw:
            self._carriage = self._carriage or _CARRIAGE.search(raw) is not None
        self._feed = self._feed or b"\n" in raw
        return self._carriage and self._feed


class Style(Struct, frozen=True):
    """A stream's way of writing its events: its line end, a space behind `data:` or none, an `event:` line or none."""

    end: bytes = b"\n"
    space: bytes = b" "
    named: bool = False

    @classmethod
    def of(cls, raw: bytes) -> "Style | None":
        """The style of an event; None, if it has no data."""
        field = re.search(rb"(?:\A|[\r\n])data:( ?)", raw.removeprefix(BOM))
        if field is None:
            return None
        line = re.search(rb"\r\n|\n|\r", raw)
        named = re.search(rb"(?:\A|[\r\n])event:", raw.removeprefix(BOM)) is not None
        return cls(line[0] if line else b"\n", field[1], named)

    def frame(self, data: bytes, name: str = "") -> bytes:
        """An event in this style; `data` is a single line."""
        head = b"event:%s%s%s" % (self.space, name.encode(), self.end) if name and self.named else b""
        return b"%sdata:%s%s%s%s" % (head, self.space, data, self.end, self.end)
