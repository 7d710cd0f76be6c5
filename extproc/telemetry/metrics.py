"""Counting within one process: plain dictionaries, since every message of every exchange passes here."""

from bisect import bisect_left
from typing import Final, TypeAlias

from extproc.telemetry.conventions import ALL_BUCKETS, ALL_COUNTERS, ALL_GAUGES, ALL_HISTOGRAMS
from extproc.telemetry.families import Family
from extproc.telemetry.snapshot import OTHER, Distribution, Snapshot

Labels: TypeAlias = tuple[str, ...]

SERIES_MAX: Final = 2048
"""Series a counter may have. Labels come from the policy, so this is far away; reloads with ever new names could reach
it, and are then counted as `other`: a counter never forgets."""

DISTRIBUTIONS_MAX: Final = 1024
"""Series a histogram may have. Each has some fifteen buckets, so that they are fewer; what is more is `other`."""


class Counter(dict[Labels, float]):
    """Label values -> how often. `counter[labels] += 1` where labels are known to be few; else `add`."""

    __slots__ = ()

    def __missing__(self, labels: Labels) -> float:
        return 0.0

    def add(self, *labels: str, by: float = 1.0) -> None:
        """Counts, and keeps the number of series bounded."""
        if labels not in self and len(self) >= SERIES_MAX:
            labels = (OTHER,) * len(labels)
        self[labels] += by


class Buckets:
    """Counts by size: one series of a histogram."""

    __slots__ = ("_bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Counts one value, which belongs to the first bucket whose bound it does not exceed."""
        self.counts[bisect_left(self._bounds, value)] += 1
        self.total += value


class Histogram(dict[Labels, Buckets]):
    """Label values -> counts by size. Whoever counts often keeps what `series` returns."""

    __slots__ = ("_bounds",)

    def __init__(self, bounds: tuple[float, ...]) -> None:
        super().__init__()
        self._bounds = bounds

    def series(self, *labels: str) -> Buckets:
        """Return the counts of these labels, and keep the number of series bounded."""
        if labels not in self:
            if len(self) >= DISTRIBUTIONS_MAX:
                labels = (OTHER,) * len(labels)
            self.setdefault(labels, Buckets(self._bounds))
        return self[labels]

    def distributions(self) -> list[tuple[Labels, Distribution]]:
        """Return all series as they stand."""
        return [(labels, Distribution(list(each.counts), each.total)) for labels, each in self.items()]


class Metrics:
    """The metrics of one process."""

    def __init__(self) -> None:
        self._counters = {family.name: Counter() for family in ALL_COUNTERS}
        self._gauges: dict[str, dict[Labels, float]] = {family.name: {} for family in ALL_GAUGES}
        self._histograms = {family.name: Histogram(ALL_BUCKETS[family.name]) for family in ALL_HISTOGRAMS}
        # Shown from the start: a missing series looks like a broken one.
        for family in ALL_COUNTERS:
            if not family.labels:
                self._counters[family.name][()] = 0.0
        for family in ALL_HISTOGRAMS:
            if not family.labels:
                self._histograms[family.name].series()

    def counter(self, family: Family) -> Counter:
        """The counter of `family`."""
        return self._counters[family.name]

    def histogram(self, family: Family) -> Histogram:
        """The histogram of `family`."""
        return self._histograms[family.name]

    def gauge(self, family: Family, values: dict[Labels, float]) -> None:
        """Sets all series of `family`."""
        self._gauges[family.name] = values

    def snapshot(self) -> Snapshot:
        """All of it, as it stands."""
        return Snapshot(
            counters={name: list(counter.items()) for name, counter in self._counters.items()},
            gauges={name: list(gauge.items()) for name, gauge in self._gauges.items()},
            histograms={name: histogram.distributions() for name, histogram in self._histograms.items()},
        )
