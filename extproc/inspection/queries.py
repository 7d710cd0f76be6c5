"""Encoded values of query strings in a text: `?date=12%2F03%2F1985` is read once more, decoded, under its name.

Rules read an escape as blanks, so that `%2F` between two digits parts a number that `/` would not. The values of
query strings and forms whose name or neighbours show that they are such are decoded, and read as the texts of members.
Only whole texts of requests are read so, as tables are: see `columns`.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import unquote_plus

from msgspec import Struct

from extproc.detectors.naming import MOST_NAME, spelled
from extproc.matching.scanner import Scanner
from extproc.matching.span import Span, order
from extproc.protocol.meter import Meter

VALUE_MAX: Final = 256
"""Characters of a value that is decoded: an encoded postal address has some 120; a longer one is a text."""

VALUE_STEPS: Final = 30
"""Steps of a meter for a value: 15 µs to decode it and to read its name."""

NAME_MAX: Final = 3 * MOST_NAME
"""Characters of an encoded name: letters beyond ASCII take six and more."""

_END = r"\s&;\"'<>#"
_PAIR = re.compile(
    rf"%[0-9A-Fa-f]{{2}}[\w.\[\]%+-]{{0,{NAME_MAX}}}+(?:=([^{_END}]{{1,{VALUE_MAX}}})(?=[{_END}]|\Z))?"
    rf"|=(?=[^{_END}%+]{{0,{VALUE_MAX}}}[%+])([^{_END}]{{1,{VALUE_MAX}}})(?=[{_END}]|\Z)"
)
"""A value whose name is encoded, or that is encoded itself. Where no value follows, what is encoded is passed over, so
that each character is looked at once."""
_NAME = re.compile(rf"(?:\A|[\s?&;\"'<>])([\w.\[\]%+-]{{1,{NAME_MAX}}})\Z")
_PART = re.compile(r"(?:%[0-9A-Fa-f]{2})+|[^%]|%")
_ESCAPE: Final = 3


class Encoded(Struct, frozen=True):
    """A decoded value: where its characters stand in the text, with its end, and the words of its name."""

    value: str
    places: tuple[int, ...]
    words: str | None

    def __repr__(self) -> str:
        return f"Encoded({len(self.value)} code points)"


def encoded(text: str, meter: Meter | None = None) -> list[Encoded]:
    """Return the values of query strings in `text` that are encoded, or whose names are. Raises SpentError."""
    if "=" not in text or not ("%" in text or ("+" in text and "&" in text)):
        return []
    return list(_encoded(text, meter))


def decoded_spans(
    spans: Sequence[Span], values: Sequence[Encoded], scanner: Scanner, meter: Meter | None = None
) -> list[Span]:
    """Return the findings of a text, those in its decoded values among them. Raises as `Scanner.scan` does.

    What a decoded value tells goes before what its encoded form seems to hold.
    """
    kept, found = list(spans), set[Span]()
    for number, each in scanner.scan_all([value.value for value in values], lambda at: values[at].words, meter):
        places = values[number].places
        more = {Span(places[one.start], places[one.end], one.kind, one.rule, one.score) for one in each}
        if more:
            kept = [span for span in kept if not places[0] <= span.start < span.end <= places[-1]]
            found |= more
    return sorted(found.union(kept), key=order) if found else list(spans)


def _encoded(text: str, meter: Meter | None) -> Iterator[Encoded]:
    for match in _PAIR.finditer(text):
        if match.lastindex is None:
            continue
        written, start = match[match.lastindex], match.start(match.lastindex)
        name = _NAME.search(text, max(0, start - NAME_MAX - 2), start - 1)
        if name is None or ("%" not in name[1] + written and not _queried(text, name.start(), match.end())):
            continue
        if meter is not None:
            meter.spend(VALUE_STEPS + len(written))
        value, places = _decoded(written, start)
        yield Encoded(value, places, spelled(unquote_plus(name[1])))


def _queried(text: str, before: int, end: int) -> bool:
    """True if `text[before:end]` is a pair of a query for sure: in programs, `a=b+c` is a sum, and `&&` no mark."""
    if text[before] in "?&":
        return text[max(0, before - 1)] not in "?&" or before == 0
    return text[end : end + 1] == "&" and text[end + 1 : end + 2] not in {"&", "="}


def _decoded(value: str, start: int) -> tuple[str, tuple[int, ...]]:
    """Return a value without its escapes, and the place of each of its characters, with its end."""
    chars, places = list[str](), list[int]()
    for part in _PART.finditer(value):
        at = start + part.start()
        if len(part[0]) == 1:
            chars.append(" " if part[0] == "+" else part[0])
            places.append(at)
            continue
        for char, size in _characters(bytes.fromhex(part[0].replace("%", ""))):
            chars.append(char)
            places.append(at)
            at += _ESCAPE * size
    return "".join(chars), (*places, start + len(value))


def _characters(data: bytes) -> list[tuple[str, int]]:
    """Return the characters of some bytes, each with its number of bytes; those of UTF-8, or else one for each byte."""
    try:
        return [(char, len(char.encode())) for char in data.decode()]
    except UnicodeDecodeError:
        return [(char, 1) for char in data.decode("latin-1")]
