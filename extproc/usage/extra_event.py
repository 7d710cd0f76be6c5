"""The event with the usage of a stream, taken out again where the client did not ask for it."""

import re
from typing import Final

import msgspec

from extproc.apis.events.added import data_of

EVENT_MAX: Final = 8 * 1024
"""Bytes of an event beyond which it is another: the one with the usage has some hundred. Of one that goes on behind a
piece, so much may be held back."""

_NO_CHOICES: Final = re.compile(rb'"choices"\s*+:\s*+\[\s*+\]')
_FINISHED: Final = re.compile(rb'"finish_reason"\s*+:\s*+"')
# Within a string of JSON quotes are escaped, so that no text of a model looks like one of these.
_EITHER: Final = re.compile(_NO_CHOICES.pattern + b"|" + _FINISHED.pattern)
_ENDS: Final = re.compile(rb"\n\n|\r\n\r\n|\r\r")
_decode: Final = msgspec.json.Decoder().decode


class ExtraEventRemover:
    """Takes out of a stream's bytes every event without choices that has a usage: what `include_usage` adds to it.

    All other bytes stay as they came. Any cuts give the same bytes, put together: the beginning of an event is held
    back at the end of a piece, which is of no use to a client before the rest has come.

    Before a choice has finished, such an event is no extra: some servers end their streams with it and give no reason,
    and clients read the usage there though nobody asked for it.
    """

    __slots__ = ("_finished", "_held", "_large", "_sought")

    def __init__(self) -> None:
        self._held = b""
        self._finished = False
        self._sought = _EITHER
        self._large = False  # within an event that is too large to be the one

    def passes(self, data: bytes) -> bool:
        """True if a piece goes on as it came: it has whole events, and none of them is the one. Costs 0.2 us."""
        ends = data.endswith((b"\n\n", b"\r\n\r\n"))
        return ends and not (self._held or self._large) and self._sought.search(data) is None

    def feed(self, data: bytes) -> bytes:
        """Return what goes on once `data` has come; the very same object if it is all of that."""
        if self.passes(data):
            return data
        text = self._held + data
        parts, at = list[bytes](), 0
        for end in _ENDS.finditer(text):
            event = text[at : end.end()]
            at = end.end()
            if self._large or not (self._finished and _is_extra(event)):
                parts.append(event)
            if not self._finished and _FINISHED.search(event) is not None:
                self._finished, self._sought = True, _NO_CHOICES
            self._large = False
        rest = text[at:]
        if self._large or len(rest) > EVENT_MAX:
            # A line end that is cut stays here, so that the end of the event is seen.
            keep = len(rest) - len(rest.rstrip(b"\r\n"))
            parts.append(rest[: len(rest) - keep])
            rest, self._large = rest[len(rest) - keep :], True
        self._held = rest
        return b"".join(parts)

    def finish(self) -> bytes:
        """Return what was still held back."""
        held, self._held = self._held, b""
        return b"" if held and self._finished and not self._large and _is_extra(held) else held

    def __repr__(self) -> str:
        return f"ExtraEventRemover({len(self._held)} bytes)"


def _is_extra(event: bytes) -> bool:
    if len(event) > EVENT_MAX or _NO_CHOICES.search(event) is None:
        return False
    try:
        value = _decode(data_of(event))
    except (ValueError, RecursionError):  # msgspec's errors are of the former kind
        return False
    return isinstance(value, dict) and value.get("choices") == [] and isinstance(value.get("usage"), dict)
