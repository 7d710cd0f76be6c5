"""Whole bodies that are streams: events under another content type, an array of chunks, a document in each line."""

import re
from collections.abc import Collection, Iterable
from itertools import pairwise

from msgspec import Struct

from extproc.apis.events.leaves import TooComplexError, document, tokens
from extproc.apis.registry import current
from extproc.apis.streams.recognition import recognised
from extproc.payload.sse_lines import BOM

LEAST = 2
"""Chunks from which on a body is a stream. What stands in one of them alone is not cut."""

_EVENTS = re.compile(rb"(?:\A|[\r\n])data:[ \t]*[{\[]")
_LINE = re.compile(rb"[^\r\n]+")
_BARE = b" \t\x1e"
"""Bytes that may surround the document in a line; RS begins one in JSON text sequences (RFC 7464)."""

_OPEN, _CLOSE, _ELEMENT = 3, 4, 2


class Sequence(Struct, frozen=True):
    """The documents of a body, and the bytes around them: one more than there are documents.

    `between` is written between a document that is added and the next. Without documents the body is an event stream.
    """

    documents: tuple[bytes, ...] = ()
    around: tuple[bytes, ...] = ()
    between: bytes | None = None

    def joined(self, documents: Iterable[bytes]) -> bytes:
        """The body with other documents in the places of its own; without those that are empty."""
        parts: list[bytes] = []
        for before, each in zip(self.around, documents, strict=False):
            if each:
                parts += (before if parts else self.around[0], each)
        return b"".join((*(parts or self.around[:1]), self.around[-1]))

    def rewritten(self, documents: Collection[bytes]) -> bytes:
        """The body with other documents, which may be more or fewer; as it came if they are its own."""
        if tuple(documents) == self.documents:
            return self.joined(documents)
        between = self.between or b""
        return b"".join((self.around[0], between.join([each for each in documents if each]), self.around[-1]))


def sequence(body: bytes) -> Sequence | None:
    """The stream that a body is; None for any other body. Cost: a parse of an array, or of the lines."""
    if body.startswith(b"{") and b"\n" not in body:
        return None  # as nearly every response is
    begin = body[:64].lstrip(b"\xef\xbb\xbf \t\r\n\x1e")[:1]
    try:
        if begin == b"[":
            return _array(body)
        if begin == b"{":
            return _lines(body)
    except TooComplexError:
        return None  # whoever reads it whole says so
    return Sequence() if _EVENTS.search(body) is not None else None


def _array(body: bytes) -> Sequence | None:
    is_json, value = document(body.removeprefix(BOM))
    if not (is_json and isinstance(value, list) and _grow(value)):
        return None
    spans = list(_elements(body))
    return _sequence(body, spans)


def _lines(body: bytes) -> Sequence | None:
    if b"\n" not in body.strip():
        return None
    spans: list[tuple[int, int]] = []
    values: list[object] = []
    for line in _LINE.finditer(body, len(BOM) if body.startswith(BOM) else 0):
        bare = line[0].strip(_BARE)
        if not bare:
            continue
        is_json, value = document(bare)
        if not (is_json or values):
            return None
        start = body.index(bare, line.start())
        spans.append((start, start + len(bare)))
        values.append(value)
    return _sequence(body, spans) if _grow(values) else None


def _grow(values: list[object]) -> bool:
    """True if some of the documents are chunks of a known API."""
    found, shaped = 0, current().shaped
    for each in values:
        found += isinstance(each, dict) and bool(recognised(shaped, each))
        if found == LEAST:
            return True
    return False


def _elements(body: bytes) -> Iterable[tuple[int, int]]:
    """The places of the elements of an array."""
    depth = begin = 0
    for token in tokens(body):
        group = token.lastindex or 0
        start, end = token.span(group)
        if group == _OPEN:
            depth += 1
            begin = start if depth == _ELEMENT else begin
        elif group == _CLOSE:
            depth -= 1
            if depth == 1:
                yield begin, end
        elif depth == 1:
            yield start, end


def _sequence(body: bytes, spans: list[tuple[int, int]]) -> Sequence:
    around = [body[: spans[0][0]], *(body[a[1] : b[0]] for a, b in pairwise(spans)), body[spans[-1][1] :]]
    return Sequence(tuple(body[start:end] for start, end in spans), tuple(around), around[1])
