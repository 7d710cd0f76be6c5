"""Metrics as data points, all of them cumulative since the program began."""

from collections.abc import Iterable, Iterator

from msgspec import Struct
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_CUMULATIVE,
    Gauge,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Histogram as Distributed
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from extproc.telemetry.conventions import ALL_BUCKETS, ALL_COUNTERS, ALL_GAUGES, ALL_HISTOGRAMS, attribute
from extproc.telemetry.families import Family
from extproc.telemetry.otlp.attributes import SCOPE, attributes
from extproc.telemetry.snapshot import Distribution, Snapshot


def otlp_name(family: Family) -> str:
    """Return a metric's name in OpenTelemetry, where the kind and the unit are no part of it."""
    if family.otlp:
        return family.otlp
    name = family.name.removesuffix("_total")
    return "extproc." + (name.removesuffix("_seconds") if family.unit == "s" else name)


class _Points(Struct, frozen=True):
    """Makes the points of one export. `began` and `now`: nanoseconds since 1970."""

    began: int
    now: int

    def numbers(self, family: Family, series: Iterable[tuple[tuple[str, ...], float]]) -> Iterator[NumberDataPoint]:
        for labels, value in series:
            yield NumberDataPoint(
                attributes=_labels(family, labels),
                start_time_unix_nano=self.began,
                time_unix_nano=self.now,
                as_double=value,
            )

    def distributions(
        self, family: Family, series: Iterable[tuple[tuple[str, ...], Distribution]]
    ) -> Iterator[HistogramDataPoint]:
        for labels, each in series:
            yield HistogramDataPoint(
                attributes=_labels(family, labels),
                start_time_unix_nano=self.began,
                time_unix_nano=self.now,
                count=sum(each.counts),
                sum=each.total,
                bucket_counts=each.counts,
                explicit_bounds=ALL_BUCKETS[family.name],
            )


def metrics_request(snapshot: Snapshot, about: Resource, began: int, now: int) -> bytes:
    """Return the message that exports metrics. `began` and `now`: nanoseconds since 1970."""
    scope = ScopeMetrics(scope=SCOPE, metrics=_metrics(snapshot, _Points(began, now)))
    return ExportMetricsServiceRequest(
        resource_metrics=[ResourceMetrics(resource=about, scope_metrics=[scope])]
    ).SerializeToString()


def _metrics(snapshot: Snapshot, points: _Points) -> Iterator[Metric]:
    kind = AGGREGATION_TEMPORALITY_CUMULATIVE
    for family in ALL_COUNTERS:
        if series := snapshot.counters.get(family.name):
            added = Sum(aggregation_temporality=kind, is_monotonic=True, data_points=points.numbers(family, series))
            yield Metric(name=otlp_name(family), description=family.help, unit=family.unit, sum=added)
    for family in ALL_GAUGES:
        if series := snapshot.gauges.get(family.name):
            gauge = Gauge(data_points=points.numbers(family, series))
            yield Metric(name=otlp_name(family), description=family.help, unit=family.unit, gauge=gauge)
    for family in ALL_HISTOGRAMS:
        if found := snapshot.histograms.get(family.name):
            histogram = Distributed(aggregation_temporality=kind, data_points=points.distributions(family, found))
            yield Metric(name=otlp_name(family), description=family.help, unit=family.unit, histogram=histogram)


def _labels(family: Family, labels: tuple[str, ...]) -> Iterator[KeyValue]:
    return attributes(zip(map(attribute, family.labels), labels, strict=True))
