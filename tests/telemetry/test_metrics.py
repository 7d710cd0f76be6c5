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
    REJECTS,
    VIOLATIONS,
)
from extproc.telemetry.metrics import OTHER, SERIES_MAX, Histogram


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
    histogram = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 2.5):
        histogram.observe(value)
    assert histogram.counts == [2, 2, 1]
    assert histogram.total == 7.5


def _worker(rejects: int, opened: int, lag: float, down: float = 0.0) -> Snapshot:
    metrics = Metrics()
    metrics.counter(REJECTS).add("model_not_found", by=rejects)
    metrics.gauge(OPEN, {(): opened})
    metrics.gauge(LOOP_LAG, {(): lag})
    metrics.gauge(BACKEND_DOWN, {("openai",): down})
    metrics.histogram(PROCESSING).observe(0.001)
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
    assert sum(together.histograms[PROCESSING.name].counts) == 2


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


def test_a_metric_that_nobody_has_reported_yet_breaks_nothing() -> None:
    assert b"extproc_build_info" in text(Snapshot())
