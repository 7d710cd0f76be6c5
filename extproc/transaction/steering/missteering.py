"""Mis-steering: a request that Envoy led elsewhere than was decided, and the setting of Envoy that explains it.

Envoy reports the cluster that it used beside the response (`xds.cluster_name`), and its own replies by their details.
"""

from typing import Final, Literal, get_args

from msgspec import Struct

from extproc.policy import Steering

Cause = Literal["other_cluster", "no_cluster", "no_route", "other_endpoint"]
"""The event that took the place of what was decided. A closed list: it is a metric's label."""

CAUSES: Final[tuple[str, ...]] = get_args(Cause)

NAME_SHOWN: Final = 256
"""Characters of a cluster's name in records and logs: Envoy's own is an operator's word, of any length."""

_KEPT: Final = "Envoy kept the route that it had matched first: "
_CACHE: Final = (
    "the filter's route_cache_action and disable_clear_route_cache must be absent, and mutation_rules allow {}"
)


class Missteering(Struct, frozen=True):
    """A request that went elsewhere. `cluster`: the one that Envoy used, where it used one; None if it told none."""

    cause: Cause
    cluster: str | None
    detail: str


def missteering(steering: Steering, cause: Cause, backend: str, used: str | None, first: str | None) -> Missteering:
    """Return what happened to a request for `backend`, with the settings to look at.

    `first`: the cluster of the route that Envoy matched first, if it told that.
    """
    shown = None if used is None else "".join(char for char in used[:NAME_SHOWN] if char.isprintable())
    kept = _KEPT if first is not None and first == used else ""
    happened = {
        "other_cluster": f"the request was for backend {backend}, and Envoy sent it to cluster {shown}",
        "no_cluster": f"Envoy has no cluster for backend {backend}",
        "no_route": f"no route of Envoy led the request to backend {backend}",
        "other_endpoint": f"an endpoint of {backend} answered that was not picked ({shown})",
    }[cause]
    return Missteering(cause, shown, f"{happened}: {kept}{_to_do(steering, cause, backend)}")


def _to_do(steering: Steering, cause: Cause, backend: str) -> str:
    if cause == "other_endpoint":
        return (
            "the cluster needs the override_host policy with x-gateway-destination-endpoint as a source, and the filter"
            " metadata_options.receiving_namespaces envoy.lb"
        )
    if cause == "no_cluster":
        return f"give the cluster the name {backend}, or name it in steering.clusters"
    header = steering.headers[0]
    cache = _CACHE.format(header)
    match steering.by:
        case "cluster_header":
            return f"the first route that matches must have cluster_header: {header}; {cache}"
        case "model_header":
            return f"a route that matches the model in {header} must lead to cluster {backend}; {cache}"
        case "metadata":
            namespace = steering.metadata_namespace
            return (
                f"metadata_options.receiving_namespaces.untyped needs {namespace}, and a route a match on"
                f" dynamic_metadata ({namespace}, backend: {backend}) before all others; {cache}"
            )
    return f"a route of the gateway must match the model in {header}, and steering.clusters name its clusters; {cache}"
