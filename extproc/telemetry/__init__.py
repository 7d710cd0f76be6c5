"""Metrics and the log. Neither ever holds a client's text: names from the policy, fixed words and numbers only."""

from extproc.telemetry.log import Log, Sink
from extproc.telemetry.metrics import Metrics
from extproc.telemetry.snapshot import Snapshot, Totals

__all__ = ["Log", "Metrics", "Sink", "Snapshot", "Totals"]
