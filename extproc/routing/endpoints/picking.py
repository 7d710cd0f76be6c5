"""The pick: the endpoints for one request, the best first."""

from collections.abc import Collection
from itertools import groupby
from typing import Final

from msgspec import Struct

from extproc.policy.endpoints import EndpointPool
from extproc.protocol.errors import ClientError
from extproc.routing.endpoints.book import EndpointBook, EndpointState
from extproc.routing.endpoints.scoring import scores

RETRY_AFTER: Final = 1
"""Seconds until a client may try again: queues change within seconds."""

ALIKE: Final = 6
"""Decimals of a score: a smaller difference is one of rounding."""

_MASK: Final = 0xFFFFFFFFFFFFFFFF


class NoEndpointError(ClientError):
    """Raised if no endpoint may be picked (503), or the request is to make room for others (429)."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(status, code, message, retry_after=RETRY_AFTER)


class Wish(Struct, frozen=True):
    """The part of a request that picking reads. `hint`: the endpoints that Envoy allows, None if it names none.

    `blocks` and `affinity` stand for its prompt; `affinity` None if there is none. `sheddable`: it may be refused to
    make room. `draw` in [0, 1) orders equals where no prompt does.
    """

    hint: Collection[str] | None = None
    blocks: tuple[int, ...] = ()
    affinity: int | None = None
    sheddable: bool = False
    draw: float = 0.0


class Picked(Struct, frozen=True):
    """The endpoints for a request, in the order in which they are to be tried; at least one."""

    pool: str
    endpoints: tuple[str, ...]
    blocks: tuple[int, ...] = ()

    @property
    def value(self) -> str:
        """The endpoints as Envoy reads them."""
        return ",".join(self.endpoints)


def pick(pool: EndpointPool, book: EndpointBook, wish: Wish, now: float) -> Picked:
    """Return the endpoints for a request, and count it at the first. Raises NoEndpointError."""
    candidates = book.eligible(wish.hint, now)
    if not candidates:
        raise NoEndpointError(503, "no_endpoint", "No server is available for this model right now; try again shortly.")
    if wish.sheddable and all(_saturated(each, pool, now) for each in candidates):
        raise NoEndpointError(429, "shed", "The servers of this model are busy; try again later.")
    ranked = _ranked(pool, book, candidates, wish, now)
    found = tuple(each.address for each in ranked[: pool.picks])
    begun(book, found[0], wish.blocks, now)
    return Picked(pool.name, found, wish.blocks)


def begun(book: EndpointBook, endpoint: str, blocks: tuple[int, ...], now: float) -> None:
    """Count a request at an endpoint, which gets its prompt."""
    state = book.state(endpoint, now)
    state.open += 1
    state.since += 1
    if blocks:
        book.prefixes.add(blocks, endpoint)


def ended(book: EndpointBook, endpoint: str, now: float) -> None:
    """Count a request at an endpoint as over."""
    state = book.state(endpoint, now)
    state.open = max(state.open - 1, 0)
    state.since -= 1


def _ranked(
    pool: EndpointPool, book: EndpointBook, candidates: list[EndpointState], wish: Wish, now: float
) -> list[EndpointState]:
    """Order the candidates, the best first, as far as picks are wanted. Equals have an order of their own for each key.

    That order is worked out only for those who may be picked.
    """
    key = wish.affinity if wish.affinity is not None else int(wish.draw * (1 << 32))
    found = [round(score, ALIKE) for score in scores(pool, book, candidates, wish.blocks, now)]
    best = sorted(range(len(candidates)), key=found.__getitem__, reverse=True)
    ranked: list[EndpointState] = []
    for _, alike in groupby(best, key=found.__getitem__):
        ranked += sorted((candidates[at] for at in alike), key=lambda state: _mixed(state.seed, key))
        if len(ranked) >= pool.picks:
            break
    return ranked


def _mixed(seed: int, key: int) -> int:
    """A number that depends on both in no simple way, so that each key has its own order of endpoints."""
    mixed = (seed ^ key * 0x9E3779B97F4A7C15) & _MASK
    mixed = (mixed ^ mixed >> 29) * 0xBF58476D1CE4E5B9 & _MASK
    return mixed ^ mixed >> 32


def _saturated(state: EndpointState, pool: EndpointPool, now: float) -> bool:
    """True if the endpoint reports that it has more to do than it can."""
    sample = None if pool.metrics is None else state.fresh(now, pool.metrics.stale_after)
    if sample is None:
        return False
    full = sample.kv_cache is not None and sample.kv_cache >= pool.shed.kv_cache
    return full or sample.waiting >= pool.shed.queue
