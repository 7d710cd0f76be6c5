"""Endpoint pools: the servers of one model, among which the processor picks one for each request."""

import re
from collections.abc import Iterator, Mapping
from functools import cached_property, lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from extproc.policy.base import Loc, Value, Written, items, listed, matching, meant, part, refusal, refusals
from extproc.policy.names import OWN_ROUTES, BackendName, PipelineName
from extproc.policy.paths import FilePath
from extproc.policy.units import Amount, Count, Seconds, Share

POOLS_MAX: Final = 64
"""Pools of a policy: each has metrics read several times a second."""

ENDPOINTS_MAX: Final = 1024
"""Endpoints of a pool. Each is scored for each request: 1,024 take a few milliseconds, and Kubernetes splits its own
lists of endpoints at 1,000."""

OBJECTIVES_MAX: Final = 256
"""Named objectives of a pool: each is a class of traffic."""

PICKS_MAX: Final = 16
"""Endpoints named for one request. Envoy goes down the list only as often as its retries let it."""

OBJECTIVE_HEADER: Final = "x-gateway-inference-objective"
"""The request header with the name of an objective (Gateway API Inference Extension)."""

WRITTEN_MAX: Final = 64
"""Characters of an endpoint: an address of IPv6 has 39."""

_PORT: Final = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)
_PATH: Final = re.compile(r"/[A-Za-z0-9._~/-]{0,255}", re.ASCII)


def endpoint_of(text: str) -> str | None:
    """Return an endpoint in its one spelling, `ip:port` or `[ip]:port`; None if it is none."""
    return _spelt(text) if len(text) <= WRITTEN_MAX else None


@lru_cache(maxsize=4 * ENDPOINTS_MAX)
def _spelt(text: str) -> str | None:
    # Remembered: a hint names the same endpoints with each request, and reading an address takes 2 us.
    host, _, port = text.strip().rpartition(":")
    if _PORT.fullmatch(port) is None or int(port) > 0xFFFF or "%" in host:  # a scope is of one machine only
        return None
    try:
        if host.startswith("[") and host.endswith("]"):
            return f"[{IPv6Address(host[1:-1]).compressed}]:{port}"
        return f"{IPv4Address(host)}:{port}"
    except AddressValueError:
        return None


def _endpoint(text: str) -> str:
    found = endpoint_of(text)
    if found is None:
        raise refusal(
            "this is not an endpoint", "write an IP address and a port, such as 10.0.0.7:8000 or [fd00::7]:8000"
        )
    return found


EndpointAddress = Annotated[str, AfterValidator(_endpoint), Written("endpoint", "[10.0.0.7:8000]")]
MetricsPath = Annotated[
    str,
    matching(_PATH, "this is not the path of a page of metrics", "write it like /metrics"),
    Written("path", "/metrics"),
]


class EndpointMetrics(Value):
    """Reading of the metrics of endpoints: vLLM's, in Prometheus's format, over HTTP.

    Each worker reads them. A page that is larger than 4 MiB, or no answer within `timeout`, counts as none.
    """

    path: MetricsPath = "/metrics"
    """Path of the page."""
    port: Annotated[Count, Field(ge=1, le=65535), Written("whole number", "9090")] | None = None
    """Port of the page; the endpoint's own if absent."""
    interval: Annotated[Seconds, Field(ge=0.05, le=60), Written("duration", "200ms")] = 1.0
    """Time between two readings of one endpoint. Queues of models change within seconds; what the worker sent
    meanwhile it counts itself."""
    timeout: Annotated[Seconds, Field(gt=0, le=60), Written("duration", "500ms")] = 1.0
    """Longest time for one reading. A busy server answers within some hundred milliseconds."""
    stale_after: Annotated[Seconds, Field(gt=0, le=600), Written("duration", "10s")] = 5.0
    """Age at which metrics no longer count. An endpoint without any is picked after those that have them."""


class EndpointScorer(Value):
    """One way to prefer endpoints. Each gives a score from 0 to 1; their weighted mean orders the endpoints."""

    use: Literal["least_busy", "queue", "kv_cache", "prefix"]
    """`least_busy`: requests that run or wait, and those sent since; `queue`: requests that wait; `kv_cache`: share of
    the key-value cache that is free; `prefix`: share of the prompt that was sent to the endpoint before, so that its
    cache holds it."""
    weight: Annotated[Amount, Field(gt=0, le=1000), Written("number", "2")] = 1.0
    """Weight in the mean."""


class Shedding(Value):
    """Bounds from which an endpoint counts as saturated. If all are, requests of an objective below 0 get 429."""

    queue: Annotated[Count, Field(ge=1, le=100_000), Written("whole number", "10")] = 5
    """Waiting requests from which an endpoint is saturated: these wait for seconds already."""
    kv_cache: Annotated[Share, Written("percentage", "95%")] = 0.9
    """Used share of the key-value cache from which it is: beyond it, vLLM begins to preempt."""


class EndpointPool(Value):
    """The servers of a model, among which one is picked for each request: an endpoint picker for an InferencePool.

    The pick goes to Envoy as the header `x-gateway-destination-endpoint` and as metadata `envoy.lb`; its cluster needs
    the load balancing policy `override_host`. If Envoy hints at a subset (metadata `envoy.lb.subset_hint`), only an
    endpoint of it is picked. If there is none the client gets 503. See [Neighbours](neighbours.md#inferencepools).
    """

    name: PipelineName
    """Name of the pool, in metrics and the log."""
    backends: tuple[BackendName, ...] = ()
    """Backends whose requests are for this pool. None: it is for all requests that Envoy's own routes lead on."""
    endpoints: Annotated[tuple[EndpointAddress, ...], Field(max_length=ENDPOINTS_MAX)] = ()
    """Endpoints, if they never change. Without `endpoints` and `file`, those of Envoy's hint."""
    file: Annotated[FilePath, Written("path", "endpoints.txt")] | None = None
    """File with an endpoint per line, read again every second; what follows # is left out. If it cannot be read, the
    endpoints that it had stay."""
    metrics: EndpointMetrics | None = EndpointMetrics()
    """Reading of metrics; `null` reads none."""
    scorers: Annotated[tuple[EndpointScorer, ...], Field(max_length=8)] = ()
    """Scorers that order the endpoints. If there are none: `least_busy`, `kv_cache` (where metrics are read), and with
    twice their weight `prefix`, because a prompt that is computed anew costs more than some requests more."""
    picks: Annotated[Count, Field(ge=1, le=PICKS_MAX), Written("whole number", "2")] = 3
    """Endpoints named for a request, the best first; the others are for Envoy's retries."""
    objectives: Annotated[
        Mapping[PipelineName, Annotated[Count, Field(ge=-1_000_000, le=1_000_000)]],
        Field(max_length=OBJECTIVES_MAX),
        Written("priorities by name", "{batch: -1}"),
    ] = {}
    """Priorities of the objectives that requests name in `x-gateway-inference-objective`; without a name it is 0. A
    request below 0 may be refused (`shed`), so that a client gains nothing by naming one."""
    shed: Shedding = Shedding()
    """Bounds from which requests of an objective below 0 are refused."""

    def __hash__(self) -> int:
        return hash((self.name, self.backends, self.endpoints, self.file, self.scorers))

    @cached_property
    def scoring(self) -> tuple[EndpointScorer, ...]:
        """The scorers, or those that stand in for none."""
        if self.scorers:
            return self.scorers
        cache = () if self.metrics is None else (EndpointScorer(use="kv_cache"),)
        return (EndpointScorer(use="least_busy"), *cache, EndpointScorer(use="prefix", weight=2.0))

    @property
    def reads_prompt(self) -> bool:
        """True if the pick depends on the prompt."""
        return any(each.use == "prefix" for each in self.scoring)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        found: list[tuple[Loc, PydanticCustomError]] = []
        if self.endpoints and self.file is not None:
            found.append((("file",), refusal("the endpoints are listed already", "delete `endpoints` or `file`")))
        uses = [each.use for each in self.scorers]
        for index, use in enumerate(uses):
            if use in uses[:index]:
                error = refusal(f"there is already a scorer {use}", "delete one of them, or add their weights")
                found.append((("scorers", index, "use"), error))
            elif use in {"queue", "kv_cache"} and self.metrics is None:
                error = refusal(f"{use} scores by metrics, and none are read", "delete the scorer or `metrics: null`")
                found.append((("scorers", index, "use"), error))
        if found:
            raise refusals("EndpointPool", found)
        return self


def pooled(policy: object) -> Iterator[tuple[Loc, PydanticCustomError]]:
    """Yield what no pool can see by itself. Reads models and plain data alike."""
    known = [name for each in items(policy, "backends") if isinstance(name := part(each, "name"), str)]
    owners: dict[str, str] = {}
    free: str | None = None
    for index, pool in enumerate(items(policy, "endpoint_pools")):
        place: Loc = ("endpoint_pools", index)
        name = str(part(pool, "name"))
        backends = items(pool, "backends")
        for position, backend in enumerate(backends):
            at: Loc = (*place, "backends", position)
            if backend not in known:
                yield at, refusal(f"there is no backend {listed([str(backend)])}", meant(str(backend), known))
            elif backend in owners:
                yield at, refusal(f"requests for {backend} are for pool {owners[backend]} already", "delete it here")
            owners.setdefault(backend, name)
        if backends:
            continue
        if free is not None:
            yield (*place, "backends"), refusal(f"pool {free} is for all other requests already", "name backends here")
        elif part(policy, "default_backend") != OWN_ROUTES:
            told = f"no request is for pool {name}: it has no backends, and Envoy's own routes lead no request on"
            yield place, refusal(told, "write `default_backend: route` and `unknown_models: pass`, or name backends")
        free = free or name
