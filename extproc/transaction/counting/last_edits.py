"""The last edits in a stream on its way to the client, one after the other."""

from collections.abc import Sequence
from typing import Protocol

from extproc.transaction.counting.exchange_usage import ExchangeUsage
from extproc.usage.extra_event import ExtraEventRemover


class LastEdits(Protocol):
    """Edits of a stream that comes in pieces."""

    def feed(self, data: bytes, /) -> bytes:
        """Return what goes on once `data` has come."""

    def finish(self) -> bytes:
        """Return what was still held back."""


class EditsInTurn:
    """Several edits of one stream: each gets what the one before it lets go on."""

    __slots__ = ("_edits",)

    def __init__(self, edits: Sequence[LastEdits]) -> None:
        self._edits = edits

    def feed(self, data: bytes) -> bytes:
        """See `LastEdits.feed`."""
        for each in self._edits:
            data = each.feed(data)
        return data

    def finish(self) -> bytes:
        """See `LastEdits.finish`."""
        held = b""
        for each in self._edits:
            held = (each.feed(held) if held else b"") + each.finish()
        return held


def in_turn(edits: Sequence[LastEdits], counting: ExchangeUsage | None) -> LastEdits | None:
    """Return these edits, and the one that takes out an event which the client did not ask for; None for none."""
    extra = [ExtraEventRemover()] if counting is not None and counting.removes else []
    every = (*edits, *extra)
    return every[0] if len(every) == 1 else EditsInTurn(every) if every else None


def without_extra(said: bytes) -> bytes:
    """Return a stream that has come whole without the event; the very same object if it has none."""
    remover = ExtraEventRemover()
    left = remover.feed(said) + remover.finish()
    return said if left == said else left
