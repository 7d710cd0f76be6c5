"""Metrics as data: what a worker hands over, and how several are made one."""

from collections.abc import Iterable

from msgspec import Struct

from extproc.telemetry.families import GAUGES

Series = list[tuple[tuple[str, ...], float]]


class Distribution(Struct, frozen=True):
    """A histogram: counts a bucket (not cumulative; the last one has no bound), and the sum of the values."""

    counts: list[int]
    total: float


class Snapshot(Struct, frozen=True):
    """Metrics of one process, or of several together: family name -> series."""

    counters: dict[str, Series] = {}
    gauges: dict[str, Series] = {}
    histograms: dict[str, Distribution] = {}

    def lasting(self) -> "Snapshot":
        """Return what remains true when the process is gone: all but the gauges."""
        return Snapshot(self.counters, {}, self.histograms)


def merged(snapshots: Iterable[Snapshot]) -> Snapshot:
    """Several as one: counters and histograms added, gauges added or the largest, as their family says."""
    counters: dict[str, dict[tuple[str, ...], float]] = {}
    gauges: dict[str, dict[tuple[str, ...], float]] = {}
    histograms: dict[str, Distribution] = {}
    largest = {family.name for family in GAUGES if family.over == "max"}
    for snapshot in snapshots:
        for name, series in snapshot.counters.items():
            _merge(counters.setdefault(name, {}), series, largest=False)
        for name, series in snapshot.gauges.items():
            _merge(gauges.setdefault(name, {}), series, largest=name in largest)
        for name, distribution in snapshot.histograms.items():
            histograms[name] = _added(histograms.get(name), distribution)
    return Snapshot(_listed(counters), _listed(gauges), histograms)


class Totals:
    """The metrics of processes that come and go. A counter never goes backwards: what a dead one counted stays."""

    def __init__(self) -> None:
        self._past = Snapshot()
        self._present: dict[int, Snapshot] = {}

    def update(self, process: int, snapshot: Snapshot) -> None:
        """Takes the latest of a live process."""
        self._present[process] = snapshot

    def bury(self, process: int) -> None:
        """Keeps what a process counted, now that it is gone."""
        last = self._present.pop(process, None)
        if last is not None:
            self._past = merged((self._past, last.lasting()))

    def all(self) -> Snapshot:
        """All processes together."""
        return merged((self._past, *self._present.values()))


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
