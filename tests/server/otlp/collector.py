"""A collector as the protocol describes it, over HTTP and over gRPC, made from the services of opentelemetry-proto."""

import gzip
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import (
    MetricsServiceServicer,
    add_MetricsServiceServicer_to_server,
)
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

WITHIN: Final = 20.0


_add_traces: Callable[[Any, grpc.Server], None] = add_TraceServiceServicer_to_server
_add_metrics: Callable[[Any, grpc.Server], None] = add_MetricsServiceServicer_to_server


class Received:
    """What a collector was sent. `answers`: how it answers the next exports, by status; then it takes all."""

    def __init__(self) -> None:
        self.traces: list[traces.ExportTraceServiceRequest] = []
        self.metrics: list[metrics.ExportMetricsServiceRequest] = []
        self.headers: list[dict[str, str]] = []
        self.answers: list[int] = []
        self.rejected = 0
        self.open = threading.Event()
        self.open.set()
        self.asked = 0
        self._news = threading.Condition()

    def took(self, message: Any, headers: dict[str, str]) -> int:
        """Keep a message; the status to answer with."""
        self.open.wait(WITHIN)
        with self._news:
            self.asked += 1
            status = self.answers.pop(0) if self.answers else 200
            if status == 200:
                kept = self.traces if isinstance(message, traces.ExportTraceServiceRequest) else self.metrics
                kept.append(message)
                self.headers.append(headers)
            self._news.notify_all()
        return status

    def until(self, holds: "Callable[[Received], bool]") -> None:
        """Wait until something holds of what came."""
        with self._news:
            assert self._news.wait_for(lambda: holds(self), WITHIN), f"{self.asked} exports came"

    @property
    def spans(self) -> list[Span]:
        """All spans."""
        return [
            span
            for each in self.traces
            for about in each.resource_spans
            for scope in about.scope_spans
            for span in scope.spans
        ]

    @property
    def last(self) -> dict[str, Metric]:
        """The metrics of the last export, by name."""
        (about,) = self.metrics[-1].resource_metrics
        return {metric.name: metric for scope in about.scope_metrics for metric in scope.metrics}


def read(attributes: "Iterator[KeyValue] | Any") -> dict[str, Any]:
    """Attributes as plain values."""
    return {each.key: getattr(each.value, str(each.value.WhichOneof("value"))) for each in attributes}


@contextmanager
def over_http() -> Iterator[tuple[str, Received]]:
    """A collector over HTTP: its endpoint, and what it was sent."""
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers["content-encoding"] == "gzip":
                body = gzip.decompress(body)
            kinds: dict[str, tuple[Any, Any]] = {
                "/v1/traces": (traces.ExportTraceServiceRequest, traces.ExportTraceServiceResponse()),
                "/v1/metrics": (metrics.ExportMetricsServiceRequest, metrics.ExportMetricsServiceResponse()),
            }
            kind, answer = kinds[self.path]
            status = received.took(kind.FromString(body), {k.lower(): v for k, v in self.headers.items()})
            if received.rejected and self.path == "/v1/traces":
                answer.partial_success.rejected_spans = received.rejected
            said = answer.SerializeToString()
            self.send_response(status)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(said)))
            if status == 503:
                self.send_header("retry-after", "0")
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", received
    finally:
        received.open.set()
        server.shutdown()
        server.server_close()
        thread.join()


_CODES: Final = {503: grpc.StatusCode.UNAVAILABLE, 400: grpc.StatusCode.INVALID_ARGUMENT}


@contextmanager
def over_grpc() -> Iterator[tuple[str, Received]]:
    """The same over gRPC."""
    received = Received()

    def take(request: Any, context: Any) -> None:
        status = received.took(request, {key: str(value) for key, value in context.invocation_metadata()})
        if status != 200:
            context.abort(_CODES[status], "no")

    class Traces(TraceServiceServicer):
        def Export(self, request: Any, context: Any) -> Any:  # noqa: N802  - the service's own name
            take(request, context)
            return traces.ExportTraceServiceResponse()

    class Metrics(MetricsServiceServicer):
        def Export(self, request: Any, context: Any) -> Any:  # noqa: N802  - the service's own name
            take(request, context)
            return metrics.ExportMetricsServiceResponse()

    server = grpc.server(ThreadPoolExecutor(4))
    _add_traces(Traces(), server)
    _add_metrics(Metrics(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"grpc://127.0.0.1:{port}", received
    finally:
        received.open.set()
        server.stop(None).wait()
