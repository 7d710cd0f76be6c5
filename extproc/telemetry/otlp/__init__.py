"""Metrics and traces as messages of OTLP, OpenTelemetry's protocol. Imported only where a collector is named."""

from extproc.telemetry.otlp.points import metrics_request
from extproc.telemetry.otlp.spans import Ended, spans_request

__all__ = ["Ended", "metrics_request", "spans_request"]
