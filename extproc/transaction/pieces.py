"""A held body on its way out in full duplex."""

from typing import Final

from extproc.protocol.effects import Chunk
from extproc.protocol.messages import Side

CHUNK_BYTES: Final = 256 * 1024
"""Size of a piece of a held body. Envoy took 20 MiB at once, but pieces let it apply back-pressure, and at 256 KiB a
message's fixed cost is lost in that of copying it."""


def pieces(side: Side, body: bytes, *, end: bool = True) -> tuple[Chunk, ...]:
    """The body in chunks, at least one; the last one ends the side where `end` says so."""
    if len(body) <= CHUNK_BYTES:
        return (Chunk(side, body, end),)
    starts = range(0, len(body), CHUNK_BYTES)
    return tuple(Chunk(side, body[at : at + CHUNK_BYTES], end and at + CHUNK_BYTES >= len(body)) for at in starts)
