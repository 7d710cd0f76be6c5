from hypothesis import given
from hypothesis import strategies as st

from extproc.telemetry import Metrics, Snapshot, Totals
from extproc.telemetry.exposition import text
from extproc.telemetry.families import (
    BACKEND_DOWN,
    EXCHANGES,
    LOOP_LAG,
    MESSAGES,
    OPEN,
    PROCESSING,
    PROCESSOR_DURATION,
    REJECTS,
    TENANT_REQUESTS,
    VIOLATIONS,
)
from extproc.telemetry.metrics import DISTRIBUTIONS_MAX, SERIES_MAX, Buckets, Histogram
from extproc.telemetry.snapshot import OTHER


def test_a_counter_without_labels_is_shown_from_the_start() -> None:
    assert Metrics().snapshot().counters[VIOLATIONS.name] == [((), 0.0)]


def test_a_counter_counts_each_series_by_itself() -> None:
    counter = Metrics().counter(MESSAGES)
    counter[("request_body",)] += 1
    counter[("request_body",)] += 1
    counter.add("request_headers")
    assert counter == {("request_body",): 2, ("request_headers",): 1}


def test_series_past_the_limit_are_counted_as_other() -> None:
    counter = Metrics().counter(EXCHANGES)
    for number in range(SERIES_MAX + 2):
        counter.add("allowed", "openai", f"backend-{number}")
    assert len(counter) == SERIES_MAX + 1
    assert counter[(OTHER, OTHER, OTHER)] == 2
    counter.add("allowed", "openai", "backend-0")
    assert counter[("allowed", "openai", "backend-0")] == 2


def test_a_value_belongs_to_the_first_bucket_whose_bound_it_does_not_exceed() -> None:
    histogram = Buckets((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 2.5):
        histogram.observe(value)
    assert histogram.counts == [2, 2, 1]
    assert histogram.total == 7.5


def _worker(rejects: int, opened: int, lag: float, down: float = 0.0, processor: str = "pii") -> Snapshot:
    metrics = Metrics()
    metrics.counter(REJECTS).add("model_not_found", by=rejects)
    metrics.gauge(OPEN, {(): opened})
    metrics.gauge(LOOP_LAG, {(): lag})
    metrics.gauge(BACKEND_DOWN, {("openai",): down})
    metrics.histogram(PROCESSING).series().observe(0.001)
    metrics.histogram(PROCESSOR_DURATION).series(processor).observe(0.002)
    return metrics.snapshot()


def test_workers_are_shown_as_one() -> None:
    totals = Totals()
    totals.update(0, _worker(2, 5, 0.1))
    totals.update(1, _worker(3, 6, 0.3, down=1.0))
    together = totals.all()
    assert together.counters[REJECTS.name] == [(("model_not_found",), 5)]
    assert together.gauges[OPEN.name] == [((), 11)]
    assert together.gauges[LOOP_LAG.name] == [((), 0.3)]
    assert together.gauges[BACKEND_DOWN.name] == [(("openai",), 1.0)]
    ((labels, distribution),) = together.histograms[PROCESSING.name]
    assert labels == ()
    assert sum(distribution.counts) == 2


def test_series_of_histograms_are_added_by_their_labels_and_outlive_their_workers() -> None:
    totals = Totals()
    totals.update(0, _worker(0, 0, 0.0))
    totals.update(1, _worker(0, 0, 0.0, processor="injection"))
    totals.bury(0)
    totals.update(0, _worker(0, 0, 0.0))
    found = dict(totals.all().histograms[PROCESSOR_DURATION.name])
    assert {labels: sum(each.counts) for labels, each in found.items()} == {("pii",): 2, ("injection",): 1}
    assert found["pii",].total == 0.004


def test_series_of_a_histogram_past_the_limit_are_other() -> None:
    histogram = Histogram((1.0,))
    for number in range(DISTRIBUTIONS_MAX + 2):
        histogram.series(f"processor-{number}").observe(0.5)
    assert len(histogram) == DISTRIBUTIONS_MAX + 1
    assert histogram[(OTHER,)].counts == [2, 0]


def _tenants(*names: str) -> Snapshot:
    metrics = Metrics()
    for name in names:
        metrics.counter(TENANT_REQUESTS).add(name, "allowed")
    return metrics.snapshot()


def test_tenants_past_the_limit_of_all_workers_together_are_other() -> None:
    totals = Totals(tenants=2)
    totals.update(0, _tenants("a", "none", "other"))
    totals.update(1, _tenants("b", "c", "d"))
    seen = {labels[0]: value for labels, value in totals.all().counters[TENANT_REQUESTS.name]}
    assert seen == {"a": 1, "b": 1, "none": 1, "other": 3}
    totals.bury(1)
    totals.update(1, _tenants("c", "a"))
    seen = {labels[0]: value for labels, value in totals.all().counters[TENANT_REQUESTS.name]}
    assert seen == {"a": 2, "b": 1, "none": 1, "other": 4}


def test_what_a_dead_worker_counted_stays_and_its_gauges_do_not() -> None:
    totals = Totals()
    totals.update(0, _worker(2, 5, 0.1))
    totals.bury(0)
    totals.bury(0)
    assert totals.all().counters[REJECTS.name] == [(("model_not_found",), 2)]
    assert OPEN.name not in totals.all().gauges
    totals.update(0, _worker(1, 1, 0.0))
    assert totals.all().counters[REJECTS.name] == [(("model_not_found",), 3)]


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans())))
def test_a_counter_never_goes_backwards_whoever_dies(steps: list[tuple[int, bool]]) -> None:
    totals, counts, before = Totals(), [0, 0, 0, 0], 0.0
    for process, dies in steps:
        if dies:
            totals.bury(process)
            counts[process] = 0
        else:
            counts[process] += 1
            totals.update(process, _worker(counts[process], 0, 0.0))
        now = sum(value for _, value in totals.all().counters.get(REJECTS.name, []))
        assert now >= before
        before = now


def test_the_text_is_what_prometheus_reads() -> None:
    page = text(_worker(2, 5, 0.25)).decode()
    assert 'extproc_rejects_total{reason="model_not_found"} 2.0' in page
    assert "# TYPE extproc_rejects_total counter" in page
    assert "extproc_open_exchanges 5.0" in page
    assert "extproc_build_info{version=" in page
    assert 'extproc_exchange_processing_seconds_bucket{le="0.0005"} 0.0' in page
    assert 'extproc_exchange_processing_seconds_bucket{le="0.001"} 1.0' in page
    assert 'extproc_exchange_processing_seconds_bucket{le="+Inf"} 1.0' in page
    assert "extproc_exchange_processing_seconds_count 1.0" in page
    assert 'extproc_processor_seconds_bucket{le="0.0025",processor="pii"} 1.0' in page


def test_a_metric_that_nobody_has_reported_yet_breaks_nothing() -> None:
    assert b"extproc_build_info" in text(Snapshot())
