"""The state of the endpoints of one pool: their metrics, what was sent to them, and which of them failed."""

from collections.abc import Collection, Iterable, Iterator
from typing import Final

from msgspec import Struct

from extproc.policy.endpoints import ENDPOINTS_MAX, EndpointPool
from extproc.routing.endpoints.prefixes import PrefixIndex

FAILED_FOR: Final = 10.0
"""Seconds for which an endpoint is left alone that could not be reached. A server that starts again takes longer, and a
request that fails meanwhile costs no more than the first did."""

FORGOTTEN_AFTER: Final = 300.0
"""Seconds after which an endpoint is forgotten that only hints named, and that none has named since."""


class MetricsSample(Struct, frozen=True, gc=False):
    """The metrics of an endpoint. `kv_cache`: the used share, from 0 to 1; None if not reported. `at`: when read."""

    waiting: float
    running: float
    kv_cache: float | None
    at: float


class EndpointState:
    """One endpoint. Mutable.

    `open`: requests that were sent there and are not over; `since`: those that were begun, less those that ended, since
    the last sample, which does not have them. `failures` in a row; `failed_until`: it is left alone until then. `seed`
    tells endpoints apart in the order of equals.
    """

    __slots__ = ("address", "failed_until", "failures", "open", "sample", "seed", "seen", "since")

    def __init__(self, address: str, seed: int, now: float) -> None:
        self.address = address
        self.seed = seed
        self.seen = now
        self.sample: MetricsSample | None = None
        self.open = 0
        self.since = 0
        self.failures = 0
        self.failed_until = 0.0

    def fresh(self, now: float, stale_after: float) -> MetricsSample | None:
        """The metrics, if they are new enough to count."""
        sample = self.sample
        return sample if sample is not None and now - sample.at <= stale_after else None

    def down(self, now: float) -> bool:
        """True if the endpoint could not be reached lately."""
        return now < self.failed_until

    def __repr__(self) -> str:
        return f"EndpointState({self.address})"


class EndpointBook:
    """The endpoints of one pool, kept over reloads. Bounded by `ENDPOINTS_MAX`; those seen longest ago go first.

    `listed`: the endpoints of the policy or its file, None if hints alone name them.
    """

    def __init__(self) -> None:
        self.listed: tuple[str, ...] | None = None
        self.prefixes = PrefixIndex()
        self._states: dict[str, EndpointState] = {}

    def relist(self, endpoints: Iterable[str], now: float) -> None:
        """Take over the endpoints that there are."""
        self.listed = tuple(dict.fromkeys(endpoints))[:ENDPOINTS_MAX]
        for address in self.listed:
            self.state(address, now)

    def configure(self, pool: EndpointPool, now: float) -> None:
        """Take over what the policy says of the pool; a file's endpoints come from the shell."""
        if pool.endpoints:
            self.relist(pool.endpoints, now)
        elif pool.file is None:
            self.listed = None
        elif self.listed is None:
            self.listed = ()

    def state(self, address: str, now: float) -> EndpointState:
        """The endpoint of this address, which is now in use."""
        found = self._states.get(address)
        if found is None:
            if len(self._states) >= ENDPOINTS_MAX:
                self._forget(now)
            found = self._states[address] = EndpointState(address, _seed(address), now)
        found.seen = now
        return found

    def eligible(self, hint: Collection[str] | None, now: float) -> list[EndpointState]:
        """The endpoints of which one may be picked. `hint`: those that Envoy names, None if it names none.

        Loops here are written out: each request pays for every endpoint.
        """
        if hint is None:
            addresses: Collection[str] = self.listed or ()
        elif self.listed is None:
            addresses = hint
        else:
            known = set(self.listed)
            addresses = [address for address in hint if address in known]
        found, states = [], self._states
        for address in addresses:
            state = states.get(address) or self.state(address, now)
            state.seen = now
            if now >= state.failed_until:
                found.append(state)
        return found

    def failed(self, address: str, now: float) -> None:
        """The endpoint could not be reached."""
        state = self._states.get(address)
        if state is not None:
            state.failed_until, state.failures = now + FAILED_FOR, 0

    def down(self, address: str, now: float) -> bool:
        """True if the endpoint is left alone."""
        state = self._states.get(address)
        return state is not None and state.down(now)

    def stumbled(self, address: str, now: float, most: int) -> None:
        """The endpoint failed to serve a request; after `most` such in a row it is left alone."""
        state = self._states.get(address)
        if state is not None:
            state.failures += 1
            if state.failures >= most:
                self.failed(address, now)

    def served(self, address: str) -> None:
        """The endpoint served a request."""
        state = self._states.get(address)
        if state is not None:
            state.failures, state.failed_until = 0, 0.0

    def sampled(self, address: str, sample: MetricsSample) -> None:
        """Take over metrics that were read."""
        state = self._states.get(address)
        if state is not None:
            state.sample, state.since = sample, 0

    def current(self, now: float) -> Iterator[EndpointState]:
        """The endpoints whose metrics are worth reading."""
        listed = None if self.listed is None else set(self.listed)
        for each in list(self._states.values()):
            if each.address in listed if listed is not None else now - each.seen <= FORGOTTEN_AFTER:
                yield each

    def __len__(self) -> int:
        return len(self._states)

    def _forget(self, now: float) -> None:
        """Make room: forget what is not in use, or a quarter of all."""
        kept = [each for each in self._states.values() if each.open or now - each.seen <= FORGOTTEN_AFTER]
        if len(kept) >= ENDPOINTS_MAX:
            kept = sorted(kept, key=lambda each: each.seen)[ENDPOINTS_MAX // 4 :]
        self._states = {each.address: each for each in kept}


def _seed(address: str) -> int:
    """A number by which all workers order equals alike (FNV-1a)."""
    seed = 0xCBF29CE484222325
    for byte in address.encode():
        seed = (seed ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return seed
