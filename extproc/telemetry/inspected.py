"""Metrics of the pipelines, counted from the records of exchanges."""

from collections.abc import Iterable

from extproc.protocol.record import CountedFinding, Record
from extproc.telemetry.families import BLOCKED, FINDINGS, INSPECTION_FAILURES, PIPELINES, SKIPPED, UNINSPECTED, VERDICTS
from extproc.telemetry.metrics import Metrics


def count_inspected(metrics: Metrics, record: Record) -> None:
    """Count what the record of an exchange says of the pipeline that was for it. Mostly there is nothing to count."""
    if record.pipeline is not None:
        metrics.counter(PIPELINES)[(record.pipeline,)] += 1
    if record.findings or record.failures:
        _count_verdicts(metrics, record)
    if record.findings:
        _count_findings(metrics, record.findings)
    for failed in record.failures:
        outcome = "allowed" if failed.allowed else "blocked"
        metrics.counter(INSPECTION_FAILURES).add(failed.processor, failed.reason, outcome)
    for name in record.skipped:
        metrics.counter(SKIPPED).add(name)
    for each in record.uninspected:
        metrics.counter(UNINSPECTED).add(each.reason, by=each.count)
    if record.blocked_by:
        metrics.counter(BLOCKED).add(record.blocked_by, str(record.blocked_for))


def _count_findings(metrics: Metrics, findings: Iterable[CountedFinding]) -> None:
    counter = metrics.counter(FINDINGS)
    for each in findings:
        shadow = "true" if each.shadow else "false"
        counter.add(each.processor, each.kind, each.action, each.side, shadow, by=each.count)


def _count_verdicts(metrics: Metrics, record: Record) -> None:
    """Count each processor that found something once for each side, by what it did."""
    counter = metrics.counter(VERDICTS)
    verdicts = {(each.processor, each.side, "shadow" if each.shadow else each.action) for each in record.findings}
    for labels in verdicts | {(each.processor, "any", "failed") for each in record.failures}:
        counter.add(*labels)
