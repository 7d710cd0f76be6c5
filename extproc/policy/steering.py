"""Steering: how the processor tells Envoy, or a gateway that is built on Envoy, which destination it chose."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from extproc.policy.base import Loc, Value, Written, items, listed, matching, meant, part, refusal, refusals
from extproc.policy.names import NO_BACKEND, OWN_ROUTES, BackendName, ModelName, SteeringHeader

SteeringMode = Literal["cluster_header", "model_header", "metadata", "envoy-ai-gateway", "llm-d", "semantic-router"]

CONTRACTS: Final[dict[str, tuple[str, ...]]] = {
    "envoy-ai-gateway": ("x-ai-eg-model",),
    "llm-d": ("x-gateway-model-name", "x-gateway-base-model-name"),
    "semantic-router": ("x-selected-model",),
}
"""The headers that the routes of other projects read: the model's name, and llm-d's base model of an adapter."""

ADAPTERS_MAX: Final = 4096
"""LoRA adapters of a policy: a few hundred are served by one engine, and each is a line of the file."""

CLUSTERS_MAX: Final = 64
"""Names of clusters for a backend: a route of Envoy Gateway makes one for each of its rules, at most 16."""

CLUSTER_NAME_MAX: Final = 256
"""Characters of a cluster's name. Envoy Gateway's have about 60, and repeat the names of a namespace and a route."""

_CLUSTER: Final = re.compile(rf"[!-)+-~]{{1,{CLUSTER_NAME_MAX}}}\*?", re.ASCII)
_NAMESPACE: Final = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)

_FITTING: Final = {
    "cluster_header": frozenset({"cluster_header"}),
    "model_header": frozenset({"cluster_header", "model_header", "metadata"}),
    "metadata_namespace": frozenset({"metadata"}),
    "adapters": frozenset({"llm-d"}),
}
"""The modes in which a field has a meaning."""


ClusterName = Annotated[
    str,
    matching(
        _CLUSTER,
        "this is not the name of an Envoy cluster",
        f"write 1 to {CLUSTER_NAME_MAX} characters as Envoy shows them, or the beginning of a name and *",
    ),
    Written("cluster name", "httproute/ai/chat/*"),
]
Namespace = Annotated[
    str,
    matching(
        _NAMESPACE,
        "this is not a metadata namespace",
        "use 1 to 128 letters, digits, dots, dashes and underscores",
    ),
    Written("metadata namespace", "com.example.ai"),
]


class Steering(Value):
    """The way in which the processor tells Envoy what it decided.

    The headers of the mode that a client sends are removed, also if nothing is decided about its request.
    [Neighbours](neighbours.md) describes the routes for each mode, and who sets path, host and credential.
    """

    by: SteeringMode = "cluster_header"
    """The way in which Envoy's routes learn the destination: `cluster_header`, a header with the name of the cluster;
    `model_header`, a header with the model that routes match; `metadata`, dynamic metadata that routes match. The
    others write what routes of these projects read, which then set path, host and credential themselves."""
    cluster_header: SteeringHeader = "x-extproc-cluster"
    """Names the Envoy cluster; the route's `cluster_header`. Only for `by: cluster_header`."""
    model_header: Annotated[SteeringHeader, Written("header name", "x-gateway-model")] = "x-extproc-model"
    """Names the model that the backend is asked for."""
    metadata_namespace: Namespace = "extproc"
    """Only for `by: metadata`: the namespace in which `backend` and `model` stand."""
    adapters: Annotated[
        Mapping[ModelName, ModelName],
        Field(max_length=ADAPTERS_MAX),
        Written("names by names", "{sql-lora: llama-3.1-8b}"),
    ] = {}
    """Only for `by: llm-d`: the base model of each LoRA adapter. A model that is not listed is its own base."""
    clusters: Annotated[
        Mapping[BackendName, Annotated[tuple[ClusterName, ...], Field(max_length=CLUSTERS_MAX)]],
        Written("cluster names by backend", "{vllm: [httproute/ai/chat/*]}"),
    ] = {}
    """Envoy clusters that serve a backend, where they are not called as the backend is; `*` at the end stands for any
    end. A response that comes from another cluster was steered wrongly. For gateways that name clusters themselves,
    steering can be verified only with this."""
    verify: Literal["block", "report"] = "block"
    """A response from a cluster that is not the backend's: `block` withholds it, and refuses further requests that come
    through this Envoy; `report` records it only. Blocking is the default: another backend may be in another region, and
    may have seen a credential."""
    retries: Literal["envoy", "none"] = "envoy"
    """The sender of a request that a backend did not serve: `envoy`, within the same request, as `extproc envoy`
    configures it (only for `by: cluster_header`); `none` for an Envoy that cannot have upstream filters, such as Envoy
    Gateway's: then only later requests go elsewhere. See [Failover](failover.md)."""

    def __hash__(self) -> int:
        return hash((self.by, self.headers, self.metadata_namespace, self.verify))

    @property
    def headers(self) -> tuple[str, ...]:
        """The request headers of the mode, which only the processor may set."""
        if self.by in CONTRACTS:
            return CONTRACTS[self.by]
        return (self.cluster_header, self.model_header) if self.by == "cluster_header" else (self.model_header,)

    @property
    def named_model(self) -> str:
        """The header with the name of the model."""
        return CONTRACTS[self.by][0] if self.by in CONTRACTS else self.model_header

    @property
    def foreign(self) -> bool:
        """True if another project's routes lead on: path, host and credential are theirs to set."""
        return self.by in CONTRACTS

    @property
    def retried(self) -> bool:
        """True if Envoy sends requests on that a backend did not serve."""
        return self.retries == "envoy" and self.by == "cluster_header"

    @property
    def by_model(self) -> bool:
        """True if routes know the destination by the model alone."""
        return self.foreign or self.by == "model_header"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        found: list[tuple[Loc, PydanticCustomError]] = []
        for name, modes in _FITTING.items():
            if name in self.model_fields_set and self.by not in modes:
                told = f"by: {self.by} does not use {name}"
                found.append(((name,), refusal(told, f"delete it, or write by: {' or '.join(sorted(modes))}")))
        if "retries" in self.model_fields_set and self.retries == "envoy" and self.by != "cluster_header":
            error = refusal(f"by: {self.by} has no routes for retries", "write none, or steer by cluster_header")
            found.append((("retries",), error))
        if self.by == "cluster_header" and self.cluster_header == self.model_header:
            blamed = "model_header" if "model_header" in self.model_fields_set else "cluster_header"
            error = refusal("the two steering headers have the same name", "give each a name of its own")
            found.append(((blamed,), error))
        if found:
            raise refusals("Steering", found)
        return self


def steerable(policy: object) -> Iterator[tuple[Loc, PydanticCustomError]]:
    """Yield what the mode of steering cannot do. Reads models and plain data alike."""
    steering = part(policy, "steering")
    backends = [name for each in items(policy, "backends") if isinstance(name := part(each, "name"), str)]
    clusters = part(steering, "clusters")
    for name in clusters if isinstance(clusters, dict) else ():
        if name not in backends:
            yield (
                ("steering", "clusters", name),
                refusal(f"there is no backend {listed([name])}", meant(name, backends)),
            )
    mode = part(steering, "by")
    if not isinstance(mode, str) or mode not in {"model_header", *CONTRACTS}:
        return
    default = part(policy, "default_backend")
    if isinstance(default, str) and default not in {NO_BACKEND, OWN_ROUTES}:
        told = f"by: {mode} knows destinations by their models, and a request of no API has none"
        yield ("default_backend",), refusal(told, f"write {OWN_ROUTES} or {NO_BACKEND}")
    if mode in CONTRACTS:
        yield from _credentials(policy, mode)
    yield from _ambiguous(policy, mode)


def _credentials(policy: object, mode: str) -> Iterator[tuple[Loc, PydanticCustomError]]:
    for index, backend in enumerate(items(policy, "backends")):
        credential = part(backend, "credential")
        if credential is not None and credential != "client":
            told = f"by: {mode} leaves credentials to the gateway whose routes lead on"
            mend = "give the credential to that gateway, or write client"
            yield ("backends", index, "credential"), refusal(told, mend)


def _ambiguous(policy: object, mode: str) -> Iterator[tuple[Loc, PydanticCustomError]]:
    """Yield the models that more than one backend would be asked for: one header cannot tell these apart."""
    seen: dict[str, str] = {}
    told: set[str] = set()
    for place, backend, model in asked_models(policy):
        first = seen.setdefault(model, backend)
        if first != backend and model not in told:
            told.add(model)
            problem = (
                f"by: {mode} cannot tell the backends {listed([first, backend])} apart: both serve {listed([model])}"
            )
            yield place, refusal(problem, "name the model differently at one of them, or steer by cluster_header")


def asked_models(policy: object) -> Iterator[tuple[Loc, str, str]]:
    """Yield place, backend and model there for everything that requests of the policy may be steered to."""
    for index, model in enumerate(items(policy, "models")):
        name = part(model, "name")
        chains: list[tuple[Loc, Any]] = [(("models", index), model)]
        chains += [(("models", index, "rules", at), rule) for at, rule in enumerate(items(model, "rules"))]
        yield from _target(("models", index, "canary", "to"), part(part(model, "canary"), "to"), name)
        for place, chain in chains:
            for kind in ("targets", "to", "fallback"):
                for position, target in enumerate(items(chain, kind)):
                    yield from _target((*place, kind, position), target, name)
    if part(policy, "unknown_models") == "pass":
        for index, backend in enumerate(items(policy, "backends")):
            for position, each in enumerate(items(backend, "models")):
                yield from _target(("backends", index, "models", position), _listed(backend, each), None)


def _listed(backend: object, entry: object) -> dict[str, Any]:
    return {"backend": part(backend, "name"), "model": part(entry, "name")}


def _target(place: Loc, target: object, asked: object) -> Iterator[tuple[Loc, str, str]]:
    backend, model = part(target, "backend"), part(target, "model") or asked
    if isinstance(backend, str) and isinstance(model, str):
        yield place, backend, model
