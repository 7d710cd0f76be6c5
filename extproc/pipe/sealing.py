"""Tags on the sealed values of a response, written where it leaves for the client, whoever has changed it before."""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

import msgspec
from msgspec import Raw

from extproc.apis.events.leaves import TooComplexError, document
from extproc.apis.seals.sealed import SealedApi
from extproc.apis.seals.tag import SealTag
from extproc.apis.seals.tree import Edit, applied, marked, tree
from extproc.payload import sse
from extproc.payload.sse_lines import BOM, Line, data_lines, raw_offset

PARTS_MAX: Final = 1024
"""Parts of a response whose seal is remembered to have begun; those beyond get no tag. A message has some tens."""

_VALID: Final = msgspec.json.Decoder(Raw)
_DOCUMENT: Final = (b"{", b"[")


class ReplySealer:
    """Tags one response. Any cuts of a stream give the same bytes, put together.

    What cannot be read as JSON, or is beyond a bound, goes on without a tag: the next request that has it is then
    treated as one with a value of an unknown maker.
    """

    __slots__ = ("_api", "_begun", "_events", "_passing", "_quick", "_tag")

    def __init__(self, api: SealedApi, tag: SealTag) -> None:
        self._api = api
        self._tag = tag
        self._events = sse.Reader()
        self._passing = False  # an event was too large: nothing can be read any more
        self._begun: set[object] = set()
        self._quick = _quick(tuple(api.quick), tag.text)

    def feed(self, data: bytes) -> bytes:
        """Return what goes on of a stream once `data` has come: whole events."""
        if self._passing:
            return data
        try:
            events = self._events.feed(data)
        except sse.EventTooLargeError as error:
            self._passing = True
            return self._tagged(error.events) + error.rest
        return self._tagged(events)

    def finish(self) -> bytes:
        """Return what the stream left."""
        return b"" if self._passing else self._tagged(self._events.close())

    def whole(self, body: bytes) -> bytes:
        """Return a whole body with tags, a document or a stream; the very object if it has nothing sealed."""
        if not self._wanted(body):
            return body
        if body.lstrip()[:1] in _DOCUMENT:
            return self._document(body, body, None)
        tagged = self.feed(body) + self.finish()
        return body if tagged == body else tagged

    def _wanted(self, raw: bytes) -> bool:
        marks = self._api.reply_marks
        return (marks is not None and marked(raw, marks)) or any(raw.find(name) >= 0 for name in self._api.quick)

    def _tagged(self, events: Sequence[sse.Event]) -> bytes:
        return b"".join([self._event(each) if self._wanted(each.raw) else each.raw for each in events])

    def _event(self, event: sse.Event) -> bytes:
        if event.data is None:
            return event.raw
        marks = self._api.reply_marks
        if marks is None or not marked(event.raw, marks):
            return event.raw if self._quick is None or not _is_json(event.data) else self._quick(event.raw)
        return self._document(event.raw, event.data, data_lines(event.raw, bom=event.raw.startswith(BOM)))

    def _document(self, raw: bytes, data: bytes, lines: list[Line] | None) -> bytes:
        """Return the bytes of a document, or of an event that has it in its `lines`, with tags."""
        read = self._api.reply
        if read is None or not _is_json(data):
            return raw
        try:
            root = tree(data.rstrip())
        except TooComplexError:
            return raw
        edits: list[Edit] = []
        for place in read(data, root):
            start, end = place.node.start + 1, place.node.end - 1
            if start == end or (place.part is not None and not self._begins(place.part)):
                continue
            at, new = (end, b"_" + self._tag.text.encode()) if place.form == "id" else (start, self._tag.text.encode())
            at = at if lines is None else raw_offset(lines, at)
            edits.append((at, at, new))
        return applied(raw, edits) if edits else raw

    def _begins(self, part: object) -> bool:
        """True if no piece of that seal came before."""
        if part in self._begun:
            return False
        if len(self._begun) == PARTS_MAX:
            return False
        self._begun.add(part)
        return True


def _is_json(data: bytes) -> bool:
    try:
        _VALID.decode(data)
    except (ValueError, RecursionError):
        try:
            return document(data)[0]
        except TooComplexError:
            return False
    return True


@lru_cache(256)
def _quick(names: tuple[bytes, ...], tag: str) -> Callable[[bytes], bytes] | None:
    """Return what tags the members of these names in valid JSON, wherever they stand.

    A name, a colon and a string cannot stand so within a string, where quotes are escaped.
    """
    if not names:
        return None
    pattern = re.compile(rb'("(?:%s)"[ \t]*:[ \t]*"[^"\\]+)"' % b"|".join(map(re.escape, names)))
    new = rb'\g<1>_%s"' % tag.encode()
    return lambda raw: pattern.sub(new, raw)
