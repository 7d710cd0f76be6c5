"""Telemetry: what metrics and traces may cost, and where they are sent."""

import re
from functools import cached_property
from typing import Annotated, Final, Literal, Self, TypeAlias

from msgspec import Struct
from pydantic import AfterValidator, Field, model_validator

from extproc.policy.address import is_dns_name, is_ip
from extproc.policy.base import Value, Written, matching, refusal, refusals
from extproc.policy.guards import GuardCredential
from extproc.policy.paths import FilePath
from extproc.policy.units import Count, Seconds, Share, Truth

LABELS_MAX: Final = 10_000
"""Tenants or models with series of their own. Each tenant has some ten series, and Prometheus keeps millions."""

HOUR: Final = 3600.0

_ENDPOINT: Final = re.compile(
    r"(?P<scheme>https?|grpcs?)://(?P<host>\[[0-9A-Fa-f:.]+\]|[^:/?#@\[\]\s]+)(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>(?:/[A-Za-z0-9._~-]+)*)/?",
    re.ASCII,
)
_PORTS: Final = {"http": 4318, "https": 4318, "grpc": 4317, "grpcs": 4317}
"""The ports that OTLP has by default."""
_EXAMPLE: Final = "write it like http://collector:4318 or grpc://collector:4317"


class OtlpAddress(Struct, frozen=True):
    """The endpoint of a collector, taken apart. `path` is empty or begins with a slash, for http alone."""

    grpc: bool
    secure: bool
    host: str
    port: int
    path: str


def otlp_address(endpoint: str) -> OtlpAddress:
    """Take an endpoint apart. Raises a refusal that does not quote it."""
    found = _ENDPOINT.fullmatch(endpoint)
    if found is None:
        raise refusal("this is not the endpoint of a collector", _EXAMPLE)
    scheme, host = found["scheme"], found["host"].strip("[]")
    port = int(found["port"] or _PORTS[scheme])
    if not (is_ip(host) or is_dns_name(host)) or not 1 <= port <= 65535:
        raise refusal("this endpoint has no host or port that there can be", _EXAMPLE)
    if scheme.startswith("grpc") and found["path"]:
        raise refusal("an endpoint of gRPC has no path", _EXAMPLE)
    return OtlpAddress(scheme.startswith("grpc"), scheme.endswith("s"), host, port, found["path"])


def _endpoint(endpoint: str) -> str:
    otlp_address(endpoint)
    return endpoint


ServiceName: TypeAlias = Annotated[
    str,
    matching(
        re.compile(r"[A-Za-z0-9._/-]{1,128}", re.ASCII),
        "a service's name has 1 to 128 letters, digits, dots, dashes, slashes and underscores",
        "write it like ai-gateway",
    ),
    Written("name", "ai-gateway"),
]


class MetricLabels(Value):
    """Names that become labels of metrics. More of them are counted together, as `other`.

    Without a bound, whoever invents names fills the memory of the processor and of Prometheus. How often it holds is
    counted in `extproc_label_overflow_total`.
    """

    tenants: Annotated[Count, Field(ge=0, le=LABELS_MAX), Written("whole number", "500")] = 100
    """Most tenants with series of their own; the first that come have them. `0`: none has."""
    models: Annotated[Count, Field(ge=0, le=LABELS_MAX), Written("whole number", "500")] = 200
    """Most names of models as labels, in the order of the policy. Names that the policy does not hold are never labels:
    clients make them up."""


class Otlp(Value):
    """A collector that metrics and traces are sent to by OTLP, OpenTelemetry's protocol. It needs the extra `otlp`.

    They are sent beside the exchanges: a collector that is slow or away never delays one. What does not fit into the
    queue meanwhile is dropped, and counted in `extproc_otlp_total`.
    """

    endpoint: Annotated[str, AfterValidator(_endpoint), Written("URL", "http://collector:4318")]
    """The collector: `http://` or `https://` for OTLP over HTTP (port 4318 if none is written; `/v1/traces` and
    `/v1/metrics` are added), `grpc://` or `grpcs://` for OTLP over gRPC (4317; `grpcs` is with TLS)."""
    credential: GuardCredential | None = None
    """The credential that is sent with each export, as a backend's is; none if absent."""
    ca: Annotated[FilePath, Written("path", "collector-ca.pem")] | None = None
    """PEM file of the authorities to trust instead of the system's, for `https` and `grpcs`."""
    timeout: Annotated[Seconds, Field(gt=0, le=60), Written("duration", "5s")] = 10.0
    """Longest time of one export; OpenTelemetry's own default."""
    interval: Annotated[Seconds, Field(ge=0.1, le=HOUR), Written("duration", "30s")] = 15.0
    """Time between two exports of metrics: as often as Prometheus usually reads them."""
    metrics: Truth = True
    """`false`: only traces are sent."""
    compression: Literal["gzip", "none"] = "gzip"
    """The compression of what is sent. Spans shrink to a tenth."""
    service: ServiceName = "extproc"
    """The value of `service.name` in what is sent."""

    @cached_property
    def address(self) -> OtlpAddress:
        """The endpoint, taken apart."""
        return otlp_address(self.endpoint)

    @model_validator(mode="after")
    def _authorities_of_tls(self) -> Self:
        if self.ca is not None and not self.address.secure:
            error = refusal("authorities are for TLS alone", "write https:// or grpcs://, or delete `ca`")
            raise refusals("Otlp", [(("ca",), error)])
        return self


class Traces(Value):
    """Traces: one span for each exchange, joined to the `traceparent` of its request. It holds no content."""

    sample: Share = 1.0
    """The share of exchanges without a `traceparent` that are traced. One with it is traced if its sampled flag is set:
    whoever began the trace has decided."""


class Telemetry(Value):
    """Metrics and traces. See [observability.md](observability.md) for all that there are."""

    metrics: MetricLabels = MetricLabels()
    """Labels of metrics."""
    otlp: Otlp | None = None
    """The collector that metrics and traces are sent to; without it, Prometheus reads metrics at `/metrics` alone."""
    traces: Traces | None = None
    """Traces of exchanges; none if absent. Envoy has to show the header `traceparent`: write its configuration anew."""

    @model_validator(mode="after")
    def _sent_somewhere(self) -> Self:
        if self.traces is not None and self.otlp is None:
            error = refusal("traces are sent by OTLP, and no collector is named", "add otlp: {endpoint: ...}")
            raise refusals("Telemetry", [(("traces",), error)])
        return self
