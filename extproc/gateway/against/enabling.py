"""Checks of a filter that is disabled unless a route enables it: requests without that pass without the processor."""

from collections.abc import Iterator

from extproc.gateway.against.written import WrittenConfig, inside, line_of, mappings
from extproc.gateway.bootstrap.values import Json
from extproc.policy import Policy


def enabling(written: WrittenConfig, filters: list[Json], policy: Policy) -> Iterator[tuple[int, str]]:
    """Yield line and sentence for each route to a backend whose requests do not go through one of `filters`.

    Other routes may leave the filter out: an operator may serve more than backends.
    """
    for entry in written.parts:
        if entry.get("disabled") is not True or not any(entry.get("typed_config") is each for each in filters):
            continue
        name = str(entry.get("name"))
        configurations = _route_configurations(written, entry)
        if not configurations:
            yield line_of(entry), "the filter is disabled, and no route configuration here enables it: remove disabled"
        for configuration in configurations:
            for route in _left_out(configuration, name, policy):
                yield line_of(route), _sentence(route, name)


def _sentence(route: Json, name: str) -> str:
    called = f"route {route['name']}" if isinstance(route.get("name"), str) else "route"
    return (
        f"the {called} leads to a backend without the processor, because the filter is disabled: remove disabled, or"
        f" write {name} into the route configuration's typed_per_filter_config"
    )


def _route_configurations(written: WrittenConfig, entry: Json) -> list[Json]:
    """The route configuration beside the filter; all in the file if it is not there but comes from elsewhere."""
    beside = (part.get("route_config") for part in written.parts if _has(part.get("http_filters"), entry))
    inline = [each for each in beside if isinstance(each, dict)]
    return inline or [part for part in written.parts if "virtual_hosts" in part]


def _has(listed: object, entry: Json) -> bool:
    return isinstance(listed, list) and any(each is entry for each in listed)


def _left_out(configuration: Json, name: str, policy: Policy) -> Iterator[Json]:
    """Yield the routes to backends for which the filter stays disabled. The innermost part that names it counts."""
    outer = _enabled(configuration, name, otherwise=False)
    hosts = configuration.get("virtual_hosts")
    for host in hosts if isinstance(hosts, list) else ():
        within = _enabled(host, name, otherwise=outer)
        routes = inside(host, "routes")
        for route in routes if isinstance(routes, list) else ():
            if not _enabled(route, name, otherwise=within) and _to_a_backend(route, policy):
                yield route


def _enabled(part: object, name: str, *, otherwise: bool) -> bool:
    own = inside(part, "typed_per_filter_config", name)
    return own.get("disabled") is not True if isinstance(own, dict) else otherwise


def _to_a_backend(route: object, policy: Policy) -> bool:
    """True if the route's action names a backend's cluster, or the steering header."""
    names = {backend.name for backend in policy.backends}
    action = inside(route, "route")
    if inside(action, "cluster_header") == policy.steering.cluster_header or inside(action, "cluster") in names:
        return True
    return any(part.get("name") in names for part in mappings(inside(action, "weighted_clusters")))
