"""Verdicts that are remembered: by a keyed hash of the question, so that no text of a client is kept."""

import hashlib
import secrets
from collections import OrderedDict
from typing import Final

from extproc.detectors.contract import Detection
from extproc.detectors.service import GuardQuery

KEY_BYTES: Final = 32
"""Bytes of the key, made anew in each process: without it nobody can try out texts against hashes."""

DIGEST_BYTES: Final = 20
"""Bytes of a hash: 160 bits, so that no two of any number of texts have the same."""

FINDINGS_MAX: Final = 64
"""Findings of a verdict that is remembered; one with more is asked for again."""


class VerdictMemory:
    """The verdicts of one guard, for a time, at most so many: the one that was used least recently goes first."""

    __slots__ = ("_entries", "_key", "_known", "_ttl")

    def __init__(self, ttl: float, entries: int) -> None:
        self._ttl = ttl
        self._entries = entries
        self._key = secrets.token_bytes(KEY_BYTES)
        self._known: OrderedDict[bytes, tuple[float, tuple[Detection, ...]]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def key(self, query: GuardQuery) -> bytes:
        """Return what a question is remembered by."""
        said = hashlib.blake2b(query.path.encode() + b"\0", key=self._key, digest_size=DIGEST_BYTES)
        said.update(query.body)
        return said.digest()

    def get(self, key: bytes, now: float) -> tuple[Detection, ...] | None:
        """Return the findings of a verdict that still holds."""
        known = self._known.get(key)
        if known is None:
            return None
        if known[0] <= now:
            del self._known[key]
            return None
        self._known.move_to_end(key)
        return known[1]

    def put(self, key: bytes, found: tuple[Detection, ...], now: float) -> None:
        """Remember a verdict, unless it holds text or very much."""
        if len(found) > FINDINGS_MAX or any(each.instead is not None for each in found):
            return
        self._known[key] = (now + self._ttl, found)
        self._known.move_to_end(key)
        if len(self._known) > self._entries:
            self._known.popitem(last=False)

    def __repr__(self) -> str:
        return f"VerdictMemory({len(self)} of {self._entries})"
