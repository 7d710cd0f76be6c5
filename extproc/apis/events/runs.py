"""Events that wait in great number, packed: a private key in pieces of five characters has hundreds of them."""

import zlib
from typing import Final, TypeAlias

from msgspec import Struct, msgpack
from msgspec.structs import replace

from extproc.apis.events.event import StreamEvent
from extproc.apis.events.waiting import Share, Waiting

_LEVEL: Final = 1
"""Events of one text differ in few bytes. Higher levels take twice the time and save a tenth."""

_WINDOW: Final = 13
"""2^13 bytes, some thirty events: each event is compared with those before it."""

_MEMORY: Final = 5
"""The compressor clears 20 KiB before each block. With the usual 256 KiB it would do little else."""

AT_ONCE: Final = 32
"""Events that are unpacked together, where they could be one by one."""

_MOST_ASCII: Final = 255
"""Characters of a text whose length is one byte."""

_Columns: TypeAlias = tuple[list[bytes], list[str], list[tuple[int, int, tuple[int, int] | None]]]
_COLUMNS: Final = msgpack.Decoder(_Columns)


class Run:
    """Events that follow each other, bring pieces of one text, are alike but for their bytes, and are undecided.

    A run stands both among the shares of its text and in the queue of events. The shares unpack it, block by block from
    its beginning, and the queue takes what they unpacked. `left`: the characters of all its events, unpacked or not, so
    that a run never looks decided. `size`: the bytes of the events that the queue has not taken.

    A block holds compressed events, or events that have the first one's bytes around a text of ASCII without escapes:
    of these no more than their texts is kept, as nearly all are of this kind.
    """

    __slots__ = ("_blocks", "_like", "_unpacked", "channel", "left", "new", "size")

    def __init__(self, like: Share) -> None:
        self.channel = like.channel
        self.left = 0
        self.new: str | None = None
        self.size = 0
        self._like = like.event
        self._blocks: list[bytes | _Pieces] = []
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
        if all(map(self._is_piece, shares)):
            self._append([share.text for share in shares])
        else:
            self._blocks.append(self._compressed([share.event for share in shares], [share.text for share in shares]))
        self.left += sum([len(share.text) for share in shares])
        self.size += sum([len(share.event.raw) for share in shares])

    def absorb(self, share: Share) -> bool:
        """Pack another behind all others, if that is cheap: nothing of it is decided, and only its text differs."""
        text = share.text
        if share.new is not None or share.left != len(text) or not self._is_piece(share) or not self.takes(share):
            return False
        self._append([text])
        self.left += len(text)
        self.size += len(share.event.raw)
        return True

    def unpack(self) -> list[Share]:
        """Unpack the first block, or the first events of one that holds texts."""
        block = self._blocks[0]
        if isinstance(block, bytes):
            del self._blocks[0]
            shares = self._decompressed(block)
        else:
            texts = block.take(AT_ONCE)
            if not block.sizes:
                del self._blocks[0]
            shares = self._around(texts)
        self._unpacked += shares
        return shares

    def waits_for(self, share: Share) -> bool:
        """See `Share.waits_for`."""
        return not self._unpacked and self.channel is share.channel and not self.channel.may_end

    def leave(self, entries: "list[Entry]", at: int = 0) -> bool:
        """Put what is unpacked in front of the run, which stands there in `entries`. False if nothing is.

        The run goes once nothing in it is packed.
        """
        unpacked = self._unpacked
        if self._blocks and not unpacked:
            return False
        entries[at : at + (not self._blocks)] = unpacked
        self._unpacked = []
        self.size -= sum([len(share.event.raw) for share in unpacked])
        return True

    def _is_piece(self, share: Share) -> bool:
        """True if the bytes of an event are those of the first one around its text, which stands in them as it is."""
        raw, text, (delta,), like = share.event.raw, share.text, share.event.deltas, self._like
        first = like.deltas[0]
        head, tail = first.start + 1, len(like.raw) - first.end + 1
        return (
            delta.start == first.start
            and len(text) <= _MOST_ASCII
            and len(raw) == head + len(text) + tail
            and delta.end == len(raw) - tail + 1
            and text.isascii()
            and raw[:head] == like.raw[:head]
            and raw[-tail:] == like.raw[-tail:]
            and share.event.number == like.number
        )

    def _append(self, texts: list[str]) -> None:
        last = self._blocks[-1] if self._blocks else None
        if not isinstance(last, _Pieces):
            last = _Pieces()
            self._blocks.append(last)
        last.text += "".join(texts).encode()
        last.sizes += bytes(map(len, texts))

    def _around(self, texts: list[str]) -> list[Share]:
        like, delta, channel = self._like, self._like.deltas[0], self.channel
        head, tail = like.raw[: delta.start + 1], like.raw[delta.end - 1 :]
        shares: list[Share] = []
        for text in texts:
            raw = b"%b%b%b" % (head, text.encode(), tail)
            deltas = (replace(delta, text=text, end=delta.start + len(text) + 2),)
            shares.append(Share(replace(like, raw=raw, deltas=deltas), channel, text, len(text)))
        return shares

    def _compressed(self, events: list[StreamEvent], texts: list[str]) -> bytes:
        deltas = [event.deltas[0] for event in events]
        places = [(delta.start, delta.end, event.number) for delta, event in zip(deltas, events, strict=True)]
        columns: _Columns = ([event.raw for event in events], texts, places)
        packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -_WINDOW, _MEMORY, zdict=self._like.raw)
        return packer.compress(msgpack.encode(columns)) + packer.flush()

    def _decompressed(self, block: bytes) -> list[Share]:
        unpacker = zlib.decompressobj(-_WINDOW, zdict=self._like.raw)
        raws, texts, places = _COLUMNS.decode(unpacker.decompress(block))
        like, delta, channel = self._like, self._like.deltas[0], self.channel
        shares: list[Share] = []
        for raw, text, (start, end, number) in zip(raws, texts, places, strict=True):
            deltas = (replace(delta, text=text, start=start, end=end),)
            shares.append(Share(replace(like, raw=raw, deltas=deltas, number=number), channel, text, len(text)))
        return shares

    def __repr__(self) -> str:
        return f"Run({self.left} characters, {len(self._blocks)} blocks)"


class _Pieces(Struct, gc=False):
    """The texts of events that have nothing else of their own: all in one, and how long each is."""

    text: bytes = b""
    sizes: bytes = b""

    def take(self, count: int) -> list[str]:
        """The first texts, which are in it no more."""
        texts: list[str] = []
        at = 0
        for size in self.sizes[:count]:
            texts.append(self.text[at : at + size].decode())
            at += size
        self.text, self.sizes = self.text[at:], self.sizes[count:]
        return texts

    def __repr__(self) -> str:
        return f"_Pieces({len(self.text)} bytes, {len(self.sizes)} texts)"


Entry: TypeAlias = Share | Waiting | Run
"""An event that waits, most with one text; or many events."""


def alike(event: StreamEvent, other: StreamEvent) -> bool:
    """True if two events of one text each differ only in what a run keeps of every event."""
    first = other.deltas[0]
    deltas = (replace(event.deltas[0], text=first.text, start=first.start, end=first.end),)
    return replace(event, raw=other.raw, deltas=deltas, number=other.number) == other
