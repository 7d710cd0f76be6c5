"""Beginnings of prompts, and the endpoints they were sent to: their caches of keys and values probably hold them."""

from collections.abc import Collection, Sequence
from typing import Final
from zlib import crc32

BLOCK_BYTES: Final = 256
"""Bytes of a prompt that are looked up together: about 64 tokens, four of vLLM's own blocks."""

BLOCKS_MAX: Final = 256
"""Blocks of a prompt that are looked up: 64 KiB, some 16,000 tokens. What is behind is computed anew on any endpoint as
well, unless all before it was found."""

PREFIXES_MAX: Final = 65_536
"""Blocks that are remembered for a pool: 16 MiB of prompts, which take about 20 MB."""

HOLDERS_MAX: Final = 4
"""Endpoints that are remembered for a block: a system prompt that all have is no reason to prefer any."""


def blocks_of(prompt: bytes, model: str) -> tuple[int, ...]:
    """Return a number for each whole block of a prompt, which stands for the block and all before it.

    The numbers are keyed by the process's own secret (Python's hash of bytes), so that no client can make two prompts
    look alike.
    """
    chain = hash(model)
    found = []
    for at in range(0, min(len(prompt) - BLOCK_BYTES + 1, BLOCKS_MAX * BLOCK_BYTES), BLOCK_BYTES):
        chain = hash((chain, prompt[at : at + BLOCK_BYTES]))
        found.append(chain)
    return tuple(found)


def affinity_of(prompt: bytes) -> int:
    """Return a number for the beginning of a prompt, by which all workers order endpoints alike."""
    return crc32(prompt[: 2 * BLOCK_BYTES])


class PrefixIndex:
    """The endpoints by block, those used longest ago forgotten first."""

    __slots__ = ("_holders",)

    def __init__(self) -> None:
        self._holders: dict[int, tuple[str, ...]] = {}

    def add(self, blocks: Sequence[int], endpoint: str) -> None:
        """Write down that an endpoint was sent a prompt."""
        holders = self._holders
        for block in blocks:
            before = holders.pop(block, ())
            if endpoint not in before:
                before = (endpoint, *before)[:HOLDERS_MAX]
            holders[block] = before  # at the end: the last that goes
        while len(holders) > PREFIXES_MAX:
            del holders[next(iter(holders))]

    def matched(self, blocks: Sequence[int], endpoints: Collection[str]) -> dict[str, int]:
        """Return for each of the endpoints how many of the first blocks it was sent; those with none are left out."""
        found: dict[str, int] = {}
        left = set(endpoints)
        for number, block in enumerate(blocks):
            left.intersection_update(self._holders.get(block, ()))
            if not left:
                break
            for endpoint in left:
                found[endpoint] = number + 1
        return found

    def __len__(self) -> int:
        return len(self._holders)
