"""Metrics as data: what a worker hands over, and how several are made one."""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from extproc.telemetry.conventions import ALL_COUNTERS, ALL_GAUGES

OTHER: Final = "other"
"""The label value of all that has none of its own."""

NOBODY: Final = "none"
"""The label value of what has no tenant, no backend or no dialect."""

APART: Final = frozenset({OTHER, NOBODY})
"""Label values that are no tenant's name, and not counted as one."""

TENANTS_USUAL: Final = 100
"""Tenants with series of their own, unless the policy says how many."""

_OF_TENANTS: Final = frozenset(family.name for family in ALL_COUNTERS if family.labels[:1] == ("tenant",))

Series = list[tuple[tuple[str, ...], float]]


class Distribution(Struct, frozen=True):
    """A histogram: counts a bucket (not cumulative; the last one has no bound), and the sum of the values."""

    counts: list[int]
    total: float


Distributions = list[tuple[tuple[str, ...], Distribution]]


class Snapshot(Struct, frozen=True):
    """Metrics of one process, or of several together: family name -> series, each with its label values."""

    counters: dict[str, Series] = {}
    gauges: dict[str, Series] = {}
    histograms: dict[str, Distributions] = {}

    def lasting(self) -> "Snapshot":
        """Return what remains true when the process is gone: all but the gauges."""
        return Snapshot(self.counters, {}, self.histograms)


def merged(snapshots: Iterable[Snapshot]) -> Snapshot:
    """Several as one: counters and histograms added, gauges added or the largest, as their family says."""
    counters: dict[str, dict[tuple[str, ...], float]] = {}
    gauges: dict[str, dict[tuple[str, ...], float]] = {}
    histograms: dict[str, dict[tuple[str, ...], Distribution]] = {}
    largest = {family.name for family in ALL_GAUGES if family.over == "max"}
    for snapshot in snapshots:
        for name, series in snapshot.counters.items():
            _merge(counters.setdefault(name, {}), series, largest=False)
        for name, series in snapshot.gauges.items():
            _merge(gauges.setdefault(name, {}), series, largest=name in largest)
        for name, distributions in snapshot.histograms.items():
            into = histograms.setdefault(name, {})
            for labels, distribution in distributions:
                into[labels] = _added(into.get(labels), distribution)
    return Snapshot(_listed(counters), _listed(gauges), {name: list(each.items()) for name, each in histograms.items()})


class TenantLabels:
    """The tenants that have series of their own: the first that come, so many that `most` are reached.

    Each worker knows the tenants that came to it, and may know others than the next one: the bound on what Prometheus
    sees is kept here, where they are one.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._kept: set[str] = set()

    def folded(self, name: str, series: Series) -> Series:
        """Return the series of a family, those of tenants beyond the bound as one."""
        if name not in _OF_TENANTS:
            return series
        into: dict[tuple[str, ...], float] = {}
        for labels, value in series:
            tenant, *rest = labels
            if tenant not in self._kept and tenant not in APART:
                if len(self._kept) < self.most:
                    self._kept.add(tenant)
                else:
                    tenant = OTHER
            into[tenant, *rest] = into.get((tenant, *rest), 0.0) + value
        return list(into.items())


class Totals:
    """The metrics of processes that come and go. A counter never goes backwards: what a dead one counted stays.

    `tenants` bounds the tenants among the labels, over all processes.
    """

    def __init__(self, tenants: int = TENANTS_USUAL) -> None:
        self.tenants = TenantLabels(tenants)
        self._past = Snapshot()
        self._present: dict[int, Snapshot] = {}

    def update(self, process: int, snapshot: Snapshot) -> None:
        """Takes the latest of a live process."""
        self._present[process] = snapshot

    def bury(self, process: int) -> None:
        """Keeps what a process counted, now that it is gone."""
        last = self._present.pop(process, None)
        if last is not None:
            self._past = self._bounded((self._past, last.lasting()))

    def all(self) -> Snapshot:
        """All processes together."""
        return self._bounded((self._past, *self._present.values()))

    def _bounded(self, snapshots: Iterable[Snapshot]) -> Snapshot:
        """Return them as one; tenants that are too many are `other`."""
        together = merged(snapshots)
        folded = {name: self.tenants.folded(name, series) for name, series in together.counters.items()}
        return Snapshot(folded, together.gauges, together.histograms)


def _merge(into: dict[tuple[str, ...], float], series: Series, *, largest: bool) -> None:
    for labels, value in series:
        before = into.get(labels)
        if before is None:
            into[labels] = value
        else:
            into[labels] = max(before, value) if largest else before + value


def _added(one: Distribution | None, other: Distribution) -> Distribution:
    if one is None:
        return other
    return Distribution([a + b for a, b in zip(one.counts, other.counts, strict=True)], one.total + other.total)


def _listed(families: dict[str, dict[tuple[str, ...], float]]) -> dict[str, Series]:
    return {name: list(series.items()) for name, series in families.items()}
