"""The words in which Envoy is told of a destination, by the mode of steering: headers and dynamic metadata."""

from collections.abc import Mapping
from typing import Final

from extproc.policy import Steering
from extproc.protocol.effects import Metadata, MetadataValue
from extproc.protocol.headers import Field
from extproc.routing.table import Destination

BASE_MODEL: Final = "x-gateway-base-model-name"
"""llm-d's header with the base model of the adapter that is asked for."""


class ServingClusters:
    """The clusters of Envoy that serve each backend: those of its name, unless the policy names others.

    A response may come from clusters of several backends if Envoy itself tries another one: give all of them.
    """

    __slots__ = ("_foreign", "_named")

    def __init__(self, steering: Steering) -> None:
        self._foreign = steering.foreign
        self._named = {name: tuple(clusters) for name, clusters in steering.clusters.items()}

    def known(self, backend: str) -> bool:
        """True if it can be told whether a cluster serves the backend."""
        return not self._foreign or backend in self._named

    def serves(self, cluster: str, backend: str) -> bool:
        """True if the cluster serves the backend, or nobody can tell."""
        if cluster == backend:
            return True
        named = self._named.get(backend)
        if named is None:
            return self._foreign
        return any(_fits(cluster, each) for each in named)


class SteeringWriter:
    """Writes what a mode of steering says of a destination. Immutable.

    `names`: the headers that only the processor may set. `ours`: path, host and credential are set by the processor;
    else the routes of another project lead on, and set them.
    """

    __slots__ = ("_adapters", "_by", "_cluster", "_model", "_namespace", "clusters", "names", "ours")

    def __init__(self, steering: Steering) -> None:
        self._by = steering.by
        self._cluster = steering.cluster_header if steering.by == "cluster_header" else None
        self._model = steering.named_model
        self._adapters: Mapping[str, str] | None = steering.adapters if steering.by == "llm-d" else None
        self._namespace = steering.metadata_namespace if steering.by == "metadata" else None
        self.clusters = ServingClusters(steering)
        self.names = frozenset(steering.headers)
        self.ours = not steering.foreign

    def fields(self, destination: Destination, model: str | None) -> tuple[Field, ...]:
        """Return the headers that say where a request goes. `model`: None for a request of no API."""
        cluster: tuple[Field, ...] = ()
        if self._cluster is not None:
            cluster = ((self._cluster, destination.name.encode()),)
        if model is None:
            return cluster
        named: tuple[Field, ...] = (*cluster, (self._model, model.encode()))
        if self._adapters is None:
            return named
        return (*named, (BASE_MODEL, self._adapters.get(model, model).encode()))

    def metadata(self, destination: Destination, model: str | None, more: Metadata | None = None) -> Metadata | None:
        """Return the dynamic metadata that says so, joined to `more`."""
        if self._namespace is None:
            return more
        told: dict[str, MetadataValue] = {"backend": destination.name}
        if model is not None:
            told["model"] = model
        others = {} if more is None else dict(more)
        return {**others, self._namespace: {**others.get(self._namespace, {}), **told}}

    def __repr__(self) -> str:
        return f"SteeringWriter({self._by})"


def _fits(cluster: str, name: str) -> bool:
    return cluster.startswith(name[:-1]) if name.endswith("*") else cluster == name
