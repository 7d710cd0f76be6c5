"""Events that wait in great number, packed: a private key in pieces of five characters has hundreds of them."""

import zlib
from collections import deque
from typing import Final, TypeAlias

from msgspec import msgpack
from msgspec.structs import replace

from extproc.apis.events.event import StreamEvent
from extproc.apis.events.waiting import Share, Waiting

_LEVEL: Final = 1
"""Events of one text differ in few bytes. Higher levels take twice the time and save a tenth."""

_WINDOW: Final = 13
"""2^13 bytes, some thirty events: each event is compared with those before it."""

_MEMORY: Final = 5
"""The compressor clears 20 KiB before each block. With the usual 256 KiB it would do little else."""

_Columns: TypeAlias = tuple[list[bytes], list[str], list[tuple[int, int, tuple[int, int] | None]]]
_COLUMNS: Final = msgpack.Decoder(_Columns)


class Run:
    """Events that follow each other, bring pieces of one text, are alike but for their bytes, and are undecided.

    A run stands both among the shares of its text and in the queue of events. The shares unpack it, block by block from
    its beginning, and the queue takes what they unpacked. `left`: the characters of all its events, unpacked or not, so
    that a run never looks decided. `size`: the bytes of the events that the queue has not taken.
    """

    __slots__ = ("_blocks", "_like", "_unpacked", "channel", "left", "new", "size")

    def __init__(self, like: Share) -> None:
        self.channel = like.channel
        self.left = 0
        self.new: str | None = None
        self.size = 0
        self._like = like.event
        self._blocks: deque[bytes] = deque()
        self._unpacked: list[Share] = []  # which the queue has not taken yet

    @property
    def packed(self) -> bool:
        """True while something in it is packed."""
        return bool(self._blocks)

    def takes(self, share: Share) -> bool:
        """True if the event of `share` differs from those of the run in its bytes only."""
        return share.channel is self.channel and alike(share.event, self._like)

    def add(self, shares: list[Share]) -> None:
        """Pack these behind all others, as one block.

        Raises:
            UnicodeEncodeError: a text has a lone surrogate. Nothing is packed.
        """
        events = [share.event for share in shares]
        deltas = [event.deltas[0] for event in events]
        raws, texts = [event.raw for event in events], [share.text for share in shares]
        places = [(delta.start, delta.end, event.number) for delta, event in zip(deltas, events, strict=True)]
        columns: _Columns = (raws, texts, places)
        packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -_WINDOW, _MEMORY, zdict=self._like.raw)
        self._blocks.append(packer.compress(msgpack.encode(columns)) + packer.flush())
        self.left += sum(map(len, texts))
        self.size += sum(map(len, raws))

    def unpack(self) -> list[Share]:
        """Unpack the first block."""
        unpacker = zlib.decompressobj(-_WINDOW, zdict=self._like.raw)
        raws, texts, places = _COLUMNS.decode(unpacker.decompress(self._blocks.popleft()))
        like, delta, channel = self._like, self._like.deltas[0], self.channel
        shares: list[Share] = []
        for raw, text, (start, end, number) in zip(raws, texts, places, strict=True):
            deltas = (replace(delta, text=text, start=start, end=end),)
            shares.append(Share(replace(like, raw=raw, deltas=deltas, number=number), channel, text, len(text)))
        self._unpacked += shares
        return shares

    def waits_for(self, share: Share) -> bool:
        """See `Share.waits_for`."""
        return not self._unpacked and self.channel is share.channel and not self.channel.may_end

    def leave(self, entries: "deque[Entry]") -> bool:
        """Put what is unpacked in the place of the run, which is the first of `entries`. False if nothing is."""
        unpacked = self._unpacked
        if self._blocks and not unpacked:
            return False
        if not self._blocks:
            entries.popleft()
        entries.extendleft(reversed(unpacked))
        self._unpacked = []
        self.size -= sum([len(share.event.raw) for share in unpacked])
        return True

    def __repr__(self) -> str:
        return f"Run({self.left} characters, {len(self._blocks)} blocks)"


Entry: TypeAlias = Share | Waiting | Run
"""An event that waits, most with one text; or many events."""


def alike(event: StreamEvent, other: StreamEvent) -> bool:
    """True if two events of one text each differ only in what a run keeps of every event."""
    first = other.deltas[0]
    deltas = (replace(event.deltas[0], text=first.text, start=first.start, end=first.end),)
    return replace(event, raw=other.raw, deltas=deltas, number=other.number) == other
