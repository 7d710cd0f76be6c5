"""Metrics and the lines of the log: names from the policy, fixed words and numbers only, never a client's text."""

from extproc.telemetry.metrics import Metrics
from extproc.telemetry.snapshot import Snapshot, Totals

__all__ = ["Metrics", "Snapshot", "Totals"]
