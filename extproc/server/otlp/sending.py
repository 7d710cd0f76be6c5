"""One export to a collector: over HTTP with the standard library, over gRPC with grpcio. In a thread, as both block."""

import gzip
import http.client
import ssl
from importlib import import_module
from typing import Any, Final, Literal, Protocol

from google.protobuf.message import DecodeError
from msgspec import Struct
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from extproc.policy.collector import Collector
from extproc.policy.telemetry import OtlpAddress

RESPONSE_MAX: Final = 64 * 1024
"""Bytes of a collector's response that are read; one that says how much it refused has a few hundred."""

WAIT_MAX: Final = 30.0
"""Seconds that a collector can ask for before the next attempt."""

Signal = Literal["traces", "metrics"]

_PATHS: Final[dict[Signal, str]] = {"traces": "/v1/traces", "metrics": "/v1/metrics"}
_METHODS: Final[dict[Signal, str]] = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
}
_RETRIED: Final = frozenset({429, 502, 503, 504})
"""The statuses after which OTLP over HTTP says that an export may be repeated."""

_RETRIED_CODES: Final = frozenset({
    "CANCELLED", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS",
})  # fmt: skip
"""The same of OTLP over gRPC."""


class Sent(Struct, frozen=True):
    """The result of an export. `problem`: a fixed word or a status, None if the collector took it.

    `again`: it may be repeated, after `wait` seconds if the collector says so. `refused`: the items that it did not
    take of those that it was sent.
    """

    problem: str | None = None
    again: bool = False
    wait: float | None = None
    refused: int = 0


class Sender(Protocol):
    """A connection to a collector, for one thread."""

    def send(self, signal: Signal, message: bytes, timeout: float) -> Sent:
        """Export a message. Raises nothing."""

    def close(self) -> None:
        """Hang up."""


def sender(collector: Collector) -> Sender:
    """Return what sends to a collector; it connects with the first message."""
    return GrpcSender(collector) if collector.address.grpc else HttpSender(collector)


class HttpSender:
    """OTLP over HTTP: binary protobuf, one connection that is kept."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._connection: http.client.HTTPConnection | None = None
        zipped = collector.compression == "gzip"
        encoding = {"content-encoding": "gzip"} if zipped else {}
        self._zipped = zipped
        self._fields = {"content-type": "application/x-protobuf", **encoding, **dict(collector.fields)}

    def send(self, signal: Signal, message: bytes, timeout: float) -> Sent:
        """See `Sender`."""
        path = self._collector.address.path + _PATHS[signal]
        body = gzip.compress(message, 5) if self._zipped else message
        kept = self._connection is not None
        try:
            return self._exchange(signal, path, body, timeout)
        except (http.client.HTTPException, OSError):
            self.close()
            if not kept:
                return Sent("unreachable", again=True)
        # A connection that was kept may have been closed meanwhile, which nobody is told of.
        try:
            return self._exchange(signal, path, body, timeout)
        except (http.client.HTTPException, OSError):
            self.close()
            return Sent("unreachable", again=True)

    def close(self) -> None:
        """See `Sender`."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _exchange(self, signal: Signal, path: str, body: bytes, timeout: float) -> Sent:
        connection = self._connection = self._connection or _connection(self._collector)
        connection.timeout = timeout
        if connection.sock is not None:
            connection.sock.settimeout(timeout)
        connection.request("POST", path, body, self._fields)
        response = connection.getresponse()
        said = response.read(RESPONSE_MAX)
        if response.will_close or len(said) == RESPONSE_MAX:
            self.close()
        if response.status == http.client.OK:
            return Sent(refused=_refused(signal, said))
        again = response.status in _RETRIED
        return Sent(str(response.status), again, _seconds(response.getheader("retry-after")) if again else None)


def _connection(collector: Collector) -> http.client.HTTPConnection:
    address = collector.address
    if not address.secure:
        return http.client.HTTPConnection(address.host, address.port)
    ca = None if collector.ca is None else collector.ca.decode("ascii")
    context = ssl.create_default_context(cadata=ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return http.client.HTTPSConnection(address.host, address.port, context=context)


def _seconds(said: str | None) -> float | None:
    """Return the seconds of a `retry-after`; None if it is a date, which OTLP does not ask for."""
    return min(float(said), WAIT_MAX) if said is not None and said.isascii() and said.isdigit() else None


class GrpcSender:
    """OTLP over gRPC."""

    def __init__(self, collector: Collector) -> None:
        # Only who asks for it needs grpcio.
        self._grpc: Any = import_module("grpc")
        grpc = self._grpc
        address = collector.address
        target = _target(address)
        squeezed = grpc.Compression.Gzip if collector.compression == "gzip" else grpc.Compression.NoCompression
        if address.secure:
            self._channel = grpc.secure_channel(
                target, grpc.ssl_channel_credentials(collector.ca), compression=squeezed
            )
        else:
            self._channel = grpc.insecure_channel(target, compression=squeezed)
        self._metadata = tuple((name.lower(), value) for name, value in collector.fields)
        self._calls = {signal: self._channel.unary_unary(method) for signal, method in _METHODS.items()}

    def send(self, signal: Signal, message: bytes, timeout: float) -> Sent:
        """See `Sender`."""
        try:
            said = self._calls[signal](message, timeout=timeout, metadata=self._metadata)
        except self._grpc.RpcError as error:
            code = error.code().name
            return Sent(code.lower(), code in _RETRIED_CODES)
        return Sent(refused=_refused(signal, said))

    def close(self) -> None:
        """See `Sender`."""
        self._channel.close()


def _target(address: OtlpAddress) -> str:
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"dns:///{host}:{address.port}"


def _refused(signal: Signal, said: bytes) -> int:
    """Return how many items a collector did not take, by its response."""
    try:
        if signal == "traces":
            return int(ExportTraceServiceResponse.FromString(said).partial_success.rejected_spans)
        return int(ExportMetricsServiceResponse.FromString(said).partial_success.rejected_data_points)
    except DecodeError:
        return 0  # a response that nobody understands says nothing of what was refused
