"""Export of metrics and traces by OTLP, beside the exchanges. Imported only where a collector is named."""

from extproc.server.otlp.metering import MetricsExport
from extproc.server.otlp.tracing import SpanExport

__all__ = ["MetricsExport", "SpanExport"]
