"""A writer of events that keeps what it writes until windows were judged, and masks in it what they found."""

from collections import deque
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from extproc.apis.events import Channel, StreamEvent
from extproc.apis.streams import StreamWriter
from extproc.inspection.vault import Vault
from extproc.inspection.window_edits import RuledRun
from extproc.inspection.windowed_texts import ShownPiece, WindowedTexts
from extproc.protocol.errors import ClientError

EVENT_BYTES: Final = 1024
"""Bytes for which each event counts that waits, beside its own: what is known of it takes about as much."""

_NOTHING: Mapping[Channel, str] = MappingProxyType({})


class HeldEvent(Struct, frozen=True):
    """An event that rules have judged, with the texts that they have written, and the places of its own.

    `runs`: those of pieces that they have written anew.
    """

    event: StreamEvent
    texts: Mapping[Channel, str]
    pieces: Sequence[ShownPiece]
    runs: Sequence[RuledRun | None]

    @property
    def released(self) -> bool:
        """True if all of its texts may leave."""
        for piece, run in zip(self.pieces, self.runs, strict=True):
            end = piece.end if run is None else run.end
            if end > piece.text.released or not (run is None or run.closed):
                return False
        return True


class HeldWriter(StreamWriter):
    """Writes events once they may leave. `waiting`: what those that wait are counted for.

    Rules have judged what is written: only that is shown to those who judge windows. As nothing is written before it
    leaves, the writer knows what the client has seen. `vault`: of the exchange, if windows mask
    what is held.
    """

    __slots__ = ("_end", "_held", "_vault", "_windowed", "waiting")

    def __init__(self, dialect_name: str, texts: WindowedTexts, vault: Vault | None) -> None:
        super().__init__(dialect_name)
        self._windowed = texts
        self._vault = vault
        self._held: deque[HeldEvent] = deque()
        self._end: tuple[ClientError, StreamEvent | None] | None = None
        self.waiting = 0

    def write(self, event: StreamEvent, texts: Mapping[Channel, str] = _NOTHING) -> bytes:
        """Keep an event; see `release`."""
        pieces = self._windowed.event(event)
        runs = [self._run(event, each, texts.get(each.channel)) for each in pieces]
        self._held.append(HeldEvent(event, texts, pieces, runs))
        self.waiting += _size(event)
        return b""

    def _run(self, event: StreamEvent, piece: ShownPiece, new: str | None) -> RuledRun | None:
        """The run of a piece that rules have written anew; None if they have not."""
        if piece.repeats:
            return None
        if new is None or new == (said := _said(event, piece.channel)):
            piece.text.edits.close(self._vault)
            return None
        return piece.text.edits.rule(said, new, piece.start)

    def block(self, error: ClientError, event: StreamEvent | None = None) -> bytes:
        """End the stream behind what waits."""
        self._end = self._end or (error, event)
        return b""

    def release(self, *, everything: bool) -> bytes:
        """Return the events that may leave, as they come to; with `everything`, all of them."""
        parts: list[bytes] = []
        held = self._held
        while held and (everything or held[0].released):
            first = held.popleft()
            self.waiting -= _size(first.event)
            parts.append(super().write(first.event, first.texts if self._vault is None else self._masked(first)))
        if not held and self._end is not None:
            end, self._end = self._end, None
            parts.append(super().block(*end))
        return b"".join(parts)

    def end(self, error: ClientError) -> bytes:
        """End the stream here: what waits is dropped."""
        self._held.clear()
        self.waiting, self._end = 0, None
        return super().block(error)

    def _masked(self, held: HeldEvent) -> Mapping[Channel, str]:
        """The texts of an event with the masks of windows."""
        if not any(each.text.edits.masked for each in held.pieces):
            return held.texts
        texts = dict(held.texts)
        known: set[Channel] = set()
        for each, run in zip(held.pieces, held.runs, strict=True):
            channel, edits = each.channel, each.text.edits
            start, end = (each.start, each.end) if run is None else (run.start, run.end)
            said = _said(held.event, channel)
            if channel in known or len(said) != each.end - each.start:
                texts[channel] = ""  # several texts stand there at once, so that no place in them is known
            elif each.repeats:
                texts[channel] = edits.repeated(said, held.texts.get(channel, said))
            elif edits.touched(start, end):
                texts[channel] = edits.written(said, each.start)
            known.add(channel)
        return texts


def _said(event: StreamEvent, channel: Channel) -> str:
    """A part of an event, on one channel."""
    return "".join([delta.text for delta in event.deltas if delta.channel == channel])


def _size(event: StreamEvent) -> int:
    return len(event.raw) + EVENT_BYTES
