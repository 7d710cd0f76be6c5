"""Other texts in an event, and every other byte of it as it came."""

import json
import re
from collections.abc import Mapping

import msgspec

from extproc.apis.events.event import Channel, Delta, Shadow, StreamEvent
from extproc.payload.passage import MASKED_NUMBER

_BREAKS = re.compile(r"[\r\n]+")


def rewrite(event: StreamEvent, texts: Mapping[Channel, str]) -> bytes:
    """The event with these texts on its channels; what is not named stays, and so does what is the same.

    When the texts change nothing, the very bytes of the event. Where a channel has several pieces in one event, the
    first gets its whole text. A changed text in a line has blanks for its line ends, as these would end the line.
    """
    deltas = event.deltas
    if len(deltas) == 1:
        only = deltas[0]
        new = texts.get(only.channel)
        if new is None or new == only.text:
            return event.raw
        if only.form == "string" and not only.shadows:
            raw = event.raw
            return b"%b%b%b" % (raw[: only.start], quoted(new), raw[only.end :])
    splices: dict[tuple[int, int], bytes] = {}
    _several(splices, deltas, texts)
    return _apply(event.raw, splices) if splices else event.raw


def quoted(text: str) -> bytes:
    """`text` as a JSON string; a lone surrogate stays one, as an escape: its other half may be in the next event."""
    try:
        return msgspec.json.encode(text)
    except UnicodeEncodeError:
        return json.dumps(text).encode()


def _several(splices: dict[tuple[int, int], bytes], deltas: tuple[Delta, ...], texts: Mapping[Channel, str]) -> None:
    was: dict[Channel, list[Delta]] = {}
    for delta in deltas:
        if delta.channel in texts:
            was.setdefault(delta.channel, []).append(delta)
    for channel, pieces in was.items():
        if texts[channel] != "".join(piece.text for piece in pieces):
            for number, piece in enumerate(pieces):
                _splice(splices, piece, "" if number else texts[channel])


def _splice(splices: dict[tuple[int, int], bytes], delta: Delta, new: str) -> None:
    if delta.form == "number":
        splices[delta.start, delta.end] = MASKED_NUMBER.encode()
    elif delta.form in {"string", "name"}:
        splices[delta.start, delta.end] = quoted(new)
    elif delta.form in {"line", "fragment"}:
        splices[delta.start, delta.end] = _BREAKS.sub(" ", new).encode("utf-8", "replace")
    for shadow in delta.shadows:
        _shadow(splices, shadow)


def _shadow(splices: dict[tuple[int, int], bytes], shadow: Shadow) -> None:
    start, end, instead = shadow
    splices[start, end] = instead


def _apply(raw: bytes, splices: Mapping[tuple[int, int], bytes]) -> bytes:
    parts: list[bytes] = []
    at = 0
    for (start, end), new in sorted(splices.items()):
        parts += (raw[at:start], new)
        at = end
    parts.append(raw[at:])
    return b"".join(parts)
