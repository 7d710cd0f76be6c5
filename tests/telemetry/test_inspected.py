"""What is counted of pipelines."""

from typing import Any

from msgspec.structs import replace

from extproc.protocol.record import CountedFinding, CountedUninspected, FailedProcessor, Record
from extproc.server.log import Log, Sink
from extproc.server.runtime import Runtime
from extproc.telemetry import Metrics
from extproc.telemetry.exposition import text
from extproc.telemetry.families import BLOCKED, FINDINGS, INSPECTION_FAILURES, PIPELINES, UNINSPECTED, VERDICTS
from extproc.telemetry.inspected import count_inspected
from extproc.telemetry.metrics import SERIES_MAX
from extproc.telemetry.snapshot import OTHER
from tests.server.support import plan


def found(kind: str, count: int = 1, *, shadow: bool = False) -> CountedFinding:
    return CountedFinding("pii", kind, "mask", "request", shadow, count)


def record(**more: Any) -> Record:
    return replace(Record.lost("play"), pipeline="default", **more)


def test_finds_are_counted_as_often_as_they_were_made_and_shadow_is_told_apart() -> None:
    metrics = Metrics()
    for _ in range(2):
        count_inspected(metrics, record(findings=(found("email", 3), found("email", shadow=True), found("iban"))))
    assert metrics.counter(FINDINGS) == {
        ("pii", "email", "mask", "request", "false"): 6,
        ("pii", "email", "mask", "request", "true"): 2,
        ("pii", "iban", "mask", "request", "false"): 2,
    }


def test_a_processor_has_one_verdict_for_each_exchange_and_side_however_much_it_found() -> None:
    metrics = Metrics()
    failures = (FailedProcessor("injection", "timeout", allowed=True),)
    findings = (found("email", 3), found("iban"), found("email", shadow=True))
    count_inspected(metrics, record(findings=findings, failures=failures))
    assert metrics.counter(VERDICTS) == {
        ("pii", "request", "mask"): 1,
        ("pii", "request", "shadow"): 1,
        ("injection", "any", "failed"): 1,
    }
    assert metrics.counter(PIPELINES) == {("default",): 1}


def test_failures_blocks_and_what_could_not_be_read_are_counted_by_their_reason() -> None:
    metrics = Metrics()
    failures = (FailedProcessor("pii", "timeout", allowed=True), FailedProcessor("pii", "timeout", allowed=False))
    unread = (CountedUninspected("image", 2), CountedUninspected("size", 1))
    told = record(failures=failures, uninspected=unread, blocked_by="pii", blocked_for="failure")
    count_inspected(metrics, told)
    assert metrics.counter(INSPECTION_FAILURES) == {("pii", "timeout", "allowed"): 1, ("pii", "timeout", "blocked"): 1}
    assert metrics.counter(UNINSPECTED) == {("image",): 2, ("size",): 1}
    assert metrics.counter(BLOCKED) == {("pii", "failure"): 1}
    page = text(metrics.snapshot()).decode()
    assert 'extproc_inspection_failures_total{outcome="blocked",processor="pii",reason="timeout"} 1.0' in page
    assert 'extproc_blocked_total{processor="pii",reason="failure"} 1.0' in page


def test_an_answer_stage_that_fails_without_a_pipeline_is_counted() -> None:
    failures = (FailedProcessor("notice", "error", allowed=False),)
    runtime = Runtime(plan(), Log(Sink("none")))
    runtime.record(replace(record(failures=failures, blocked_by="notice", blocked_for="stage"), pipeline=None), 0.0)
    assert runtime.metrics.counter(INSPECTION_FAILURES) == {("notice", "error", "blocked"): 1}
    assert runtime.metrics.counter(BLOCKED) == {("notice", "stage"): 1}


def test_a_pipeline_that_found_nothing_counts_nothing() -> None:
    metrics = Metrics()
    count_inspected(metrics, record(masked=False))
    assert metrics.counter(FINDINGS) == metrics.counter(BLOCKED) == {}


def test_kinds_past_the_limit_of_series_are_counted_as_other() -> None:
    metrics = Metrics()
    for number in range(SERIES_MAX + 2):
        count_inspected(metrics, record(findings=(found(f"rule-{number}", 5),)))
    assert len(metrics.counter(FINDINGS)) == SERIES_MAX + 1
    assert metrics.counter(FINDINGS)[(OTHER,) * 5] == 10
