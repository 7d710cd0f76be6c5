"""Metrics and traces as messages of OTLP, OpenTelemetry's protocol. Imported only where a collector is named."""

from extproc.telemetry.otlp.points import metrics_request
from extproc.telemetry.otlp.spans import EndedExchange, spans_request

__all__ = ["EndedExchange", "metrics_request", "spans_request"]
