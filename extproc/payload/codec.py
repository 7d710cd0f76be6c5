"""The codecs of a passage's text: how it is written in the source in which it stands."""

import json
import re
from collections.abc import Callable, Sequence
from typing import TypeAlias
from urllib.parse import quote_from_bytes

from msgspec import Struct

from extproc.payload.json import spelling
from extproc.payload.passage import Passage

Offsets: TypeAlias = Callable[[str, Passage, Sequence[int]], list[int]]
"""Source, passage and ascending code points of its text to the code points of the source where those are written."""


class Codec(Struct, frozen=True):
    """One way of writing: where the code points are, and how new ones are written."""

    offsets: Offsets
    write: Callable[[str], str]


_SURROGATE = re.compile("[\ud800-\udfff]")


_quoted = json.JSONEncoder(ensure_ascii=False).encode


def _json_offsets(source: str, passage: Passage, points: Sequence[int]) -> list[int]:
    start, end = passage.start + 1, passage.end - 1
    if passage.kind == "number":
        start -= 1
    elif source.find("\\", start, end) >= 0:
        return spelling.offsets(source, start, end, points)
    return list(map(start.__add__, points))


def escaped(text: str) -> str:
    """`text` as it stands between the quotes of a JSON string."""
    inner = _quoted(text)[1:-1]
    return inner if inner.isascii() else _SURROGATE.sub(lambda lone: f"\\u{ord(lone[0]):04x}", inner)


def _same_offsets(_: str, passage: Passage, points: Sequence[int]) -> list[int]:
    return [passage.start + point for point in points]


def _same(text: str) -> str:
    return text


def plain(charset: str) -> Codec:
    """Text that stands in the source as it is, in a source whose bytes are in `charset`.

    What the charset cannot write is written as a question mark.
    """
    return Codec(_same_offsets, lambda text: _bytes(text, charset).decode(charset, "surrogateescape"))


def octets(charset: str) -> Codec:
    """Text in `charset` in a source that has one code point a byte (Latin-1); otherwise as `plain`."""
    return Codec(_encoded_offsets(charset), lambda text: _bytes(text, charset).decode("latin-1"))


def _bytes(text: str, charset: str) -> bytes:
    try:
        return text.encode(charset, "surrogateescape")
    except UnicodeEncodeError:
        return text.encode(charset, "replace")


def _encoded_offsets(charset: str) -> Offsets:
    def offsets(_: str, passage: Passage, points: Sequence[int]) -> list[int]:
        found, offset, at = list[int](), passage.start, 0
        for point in points:
            offset += len(passage.text[at:point].encode(charset, "surrogateescape"))
            at = point
            found.append(offset)
        return found

    return offsets


_PERCENT = re.compile(r"%[0-9a-fA-F]{2}")


_decoded_offsets = _encoded_offsets("utf-8")


def _percent_offsets(source: str, passage: Passage, points: Sequence[int]) -> list[int]:
    found, longer = list[int](), 0
    escapes = _PERCENT.finditer(source, passage.start, passage.end)
    escape = next(escapes, None)
    for offset in _decoded_offsets(source, passage, points):
        while escape is not None and escape.start() < offset + longer:
            longer += 2
            escape = next(escapes, None)
        found.append(offset + longer)
    return found


def _percent(text: str) -> str:
    return quote_from_bytes(_bytes(text, "utf-8"), "")


_LINE_ENDS = {ord('"'): "%22", ord("\r"): "%0D", ord("\n"): "%0A"}  # as HTML's forms write them in names


def _field(text: str) -> str:
    return _bytes(text.translate(_LINE_ENDS), "utf-8").decode("latin-1")


JSON = Codec(_json_offsets, escaped)
"""Strings and numbers of a JSON text."""

VERBATIM = Codec(_same_offsets, _same)
"""Text that stands in the source as it is, whatever becomes of that."""

PERCENT = Codec(_percent_offsets, _percent)
"""Percent-encoded UTF-8, and a plus for a blank or itself, in a source that has one code point a byte."""

FIELDS = Codec(_decoded_offsets, _field)
"""Header fields of a part in a form, in a source that has one code point a byte."""
