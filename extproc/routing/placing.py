"""Placement by a key: requests of one key go to one candidate, as long as that is not busier than the others.

Rendezvous hashing: each candidate draws a number of the key, and the best draw wins. A candidate that comes or goes
moves its own keys alone. The load is bounded ("consistent hashing with bounded loads"): a candidate with more than its
share is passed over, and the next best gets the request.
"""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from math import ceil, log
from typing import Final

from extproc.routing.busy import OpenExchanges
from extproc.routing.candidates import Candidate
from extproc.routing.health import HealthKey

OVERLOAD: Final = 1.25
"""The most open exchanges of a candidate, as a multiple of its share: nearer to 1 breaks caches under even loads;
2 lets the crowd of one key double a backend's load."""

FREE_LOAD: Final = 8
"""Open exchanges of a worker below which a candidate is not busy, whatever its share: two requests of one conversation
at once are no reason to leave its cache."""

_WORD: Final = (1 << 64) - 1
_ODD: Final = 0x9E3779B97F4A7C15
_SECOND: Final = 0xBF58476D1CE4E5B9
_RANGE: Final = float(1 << 64)
_CANARY: Final = 0x632BE59BD9B4E019


def key_of(said: bytes) -> int:
    """Return the key for what requests are placed by: 64 bits, the same in every process."""
    return int.from_bytes(blake2b(said, digest_size=8).digest(), "big")


def seed_of(key: HealthKey) -> int:
    """Return a candidate's own number."""
    return key_of("\0".join(key).encode())


def fraction(key: int, seed: int = _CANARY) -> float:
    """Return the number in (0, 1) that a candidate draws of a key."""
    mixed = ((key ^ seed) * _ODD) & _WORD
    mixed = ((mixed ^ (mixed >> 31)) * _SECOND) & _WORD
    return ((mixed ^ (mixed >> 29)) + 0.5) / _RANGE


def placed(candidates: Sequence[Candidate], seeds: Mapping[HealthKey, int], key: int) -> list[Candidate]:
    """Return candidates by how well they drew of the key; each is first for a share of keys as its weight says.

    Costs half a microsecond for each.
    """
    drawn = [(log(fraction(key, seeds[each.key])) / each.weight, at) for at, each in enumerate(candidates)]
    drawn.sort(reverse=True)
    return [candidates[at] for _, at in drawn]


def unhurried(placed: Sequence[Candidate], busy: OpenExchanges) -> list[Candidate]:
    """Return candidates with the first one in front that has not more than its share of the open exchanges."""
    loads = [busy.of(each.key) for each in placed]
    total, weights = sum(loads) + 1, sum(each.weight for each in placed)
    for at, each in enumerate(placed):
        most = max(FREE_LOAD, ceil(OVERLOAD * total * each.weight / weights))
        if loads[at] < most:
            return [each, *placed[:at], *placed[at + 1 :]] if at else list(placed)
    return list(placed)
