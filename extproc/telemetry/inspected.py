"""What pipelines came to, counted from the records of exchanges."""

from collections.abc import Mapping, Sequence
from typing import cast

from extproc.telemetry.families import BLOCKED, FINDINGS, INSPECTION_FAILURES, UNINSPECTED
from extproc.telemetry.log import Fact, Scalar
from extproc.telemetry.metrics import Metrics

_Rows = Sequence[Mapping[str, Scalar]]


def count_inspected(metrics: Metrics, facts: Mapping[str, Fact]) -> None:
    """Counts what the record of an exchange says of the pipeline that was for it. Mostly there is nothing to count."""
    get = facts.get
    if findings := get("findings"):
        _count_findings(metrics, cast("_Rows", findings))
    if failures := get("failures"):
        for each in cast("_Rows", failures):
            outcome = "allowed" if each["allowed"] else "blocked"
            metrics.counter(INSPECTION_FAILURES).add(str(each["processor"]), str(each["reason"]), outcome)
    if unread := get("uninspected"):
        for each in cast("_Rows", unread):
            metrics.counter(UNINSPECTED).add(str(each["reason"]), by=cast("int", each["count"]))
    if blocked := get("blocked_by"):
        metrics.counter(BLOCKED).add(str(blocked), str(get("blocked_for")))


def _count_findings(metrics: Metrics, findings: _Rows) -> None:
    counter = metrics.counter(FINDINGS)
    for each in findings:
        shadow = "true" if each["shadow"] else "false"
        labels = (str(each["processor"]), str(each["kind"]), str(each["action"]), str(each["side"]), shadow)
        counter.add(*labels, by=cast("int", each["count"]))
