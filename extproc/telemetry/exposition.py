"""Metrics as text, in the format that Prometheus reads."""

from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from extproc import __version__
from extproc.telemetry.conventions import ALL_BUCKETS, ALL_COUNTERS, ALL_GAUGES, ALL_HISTOGRAMS
from extproc.telemetry.families import PREFIX, Family
from extproc.telemetry.snapshot import Distributions, Snapshot

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


def text(snapshot: Snapshot) -> bytes:
    """The document that `/metrics` answers with."""
    registry = CollectorRegistry()
    registry.register(_Snapshot(snapshot))
    return generate_latest(registry)


class _Snapshot(Collector):
    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        build = GaugeMetricFamily(f"{PREFIX}build_info", "The version that runs; always 1.", labels=("version",))
        build.add_metric((__version__,), 1)
        yield build
        for family in ALL_COUNTERS:
            counter = CounterMetricFamily(family.shown, family.help, labels=family.labels)
            for labels, value in self._snapshot.counters.get(family.name, ()):
                counter.add_metric(labels, value)
            yield counter
        for family in ALL_GAUGES:
            gauge = GaugeMetricFamily(family.shown, family.help, labels=family.labels)
            for labels, value in self._snapshot.gauges.get(family.name, ()):
                gauge.add_metric(labels, value)
            yield gauge
        for family in ALL_HISTOGRAMS:
            found = self._snapshot.histograms.get(family.name)
            if found is not None:
                yield _histogram(family, found)


def _histogram(family: Family, distributions: Distributions) -> Metric:
    bounds = (*(repr(bound) for bound in ALL_BUCKETS[family.name]), "+Inf")
    histogram = HistogramMetricFamily(family.shown, family.help, labels=family.labels)
    for labels, each in distributions:
        cumulative = accumulate(each.counts)
        histogram.add_metric(labels, list(zip(bounds, cumulative, strict=True)), each.total)
    return histogram
