"""Checks of `mcp` against the rest of the policy: backends that exist, paths that are free, no way around the lists."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from extproc.policy.address import parse
from extproc.policy.base import Loc, items, listed, meant, part, refusal
from extproc.policy.listing import PlacedError
from extproc.policy.mcp import MCP_PATH
from extproc.policy.names import NO_BACKEND, OWN_ROUTES

MCP_API: Final = "mcp"
"""The `api` of a backend that is an MCP server."""


MODES: Final = ("cluster_header", "metadata")
"""Modes of steering that need no model."""


def of_mcp(policy: object) -> Iterator[PlacedError]:
    """Everything that is wrong with `mcp` and the backends that it names."""
    backends = items(policy, "backends")
    apis = {name: part(each, "api") for each in backends if isinstance(name := part(each, "name"), str)}
    yield from _misplaced(policy, apis)
    section = part(policy, "mcp")
    if section is None:
        return
    servers = items(section, "servers")
    if not servers and isinstance(part(section, "servers"), list | tuple):
        yield ("mcp", "servers"), refusal("`mcp` needs a server", "add one: {name: NAME, backend: NAME}")
    yield from _repeated(("mcp", "servers"), servers, "server")
    yield from _repeated(("mcp", "tenants"), items(section, "tenants"), "tenant")
    for index, server in enumerate(servers):
        for where, name in _named(index, server):
            if apis.get(name) != MCP_API:
                yield where, _no_server(name, apis)
    yield from _shadowed(servers)
    yield from _ways_around(
        policy, backends, {name for index, each in enumerate(servers) for _, name in _named(index, each)}
    )
    mode = part(part(policy, "steering"), "by")
    if mode is not None and mode not in MODES:
        told = f"by: {mode} knows destinations by their models, and a request of MCP has none"
        yield ("steering", "by"), refusal(told, "write cluster_header or metadata")
    yield from _tenants(policy, items(section, "tenants"))


def _tenants(policy: object, listed_here: list[Any]) -> Iterator[PlacedError]:
    """Lists of tenants that nobody is, which a misspelt name leaves without effect."""
    asked = part(policy, "tenants")
    if listed_here and asked is None:
        yield ("mcp", "tenants"), refusal("nothing says who the tenant is", "add `tenants: {from: {header: NAME}}`")
    known = part(asked, "known")
    if not known or not isinstance(known, Mapping) or part(asked, "unknown") == "pass":
        return
    for index, each in enumerate(listed_here):
        name = part(each, "name")
        if isinstance(name, str) and name not in known:
            error = refusal(f"there is no tenant {listed([name])} among those that are known", meant(name, known))
            yield ("mcp", "tenants", index, "name"), error


def _named(index: int, server: object) -> Iterator[tuple[Loc, str]]:
    """The backends that a server names, with their places."""
    place: Loc = ("mcp", "servers", index)
    first = part(server, "backend")
    if isinstance(first, str):
        yield (*place, "backend"), first
    for number, each in enumerate(items(server, "fallback")):
        if isinstance(each, str):
            yield (*place, "fallback", number), each


def _no_server(name: str, apis: dict[str, Any]) -> Any:
    if name in apis:
        return refusal(f"the backend {listed([name])} is no MCP server", "write `api: mcp` there, or name another")
    return refusal(
        f"there is no backend {listed([name])}", meant(name, [each for each, api in apis.items() if api == MCP_API])
    )


def _repeated(place: Loc, entries: list[Any], what: str) -> Iterator[PlacedError]:
    seen: set[str] = set()
    for index, entry in enumerate(entries):
        name = part(entry, "name")
        if isinstance(name, str) and name in seen:
            error = refusal(f"there is already a {what} of the name {listed([name])}", "rename or delete one of them")
            yield (*place, index, "name"), error
        elif isinstance(name, str):
            seen.add(name)


def _shadowed(servers: list[Any]) -> Iterator[PlacedError]:
    """Servers that no request reaches, because one before them has all tools of their path."""
    whole: set[str] = set()
    for index, server in enumerate(servers):
        path = part(server, "path")
        path = path.lower() if isinstance(path, str) else MCP_PATH
        if path in whole:
            mend = "give the one before it `tools`, or this one a `path` of its own"
            yield ("mcp", "servers", index), refusal("a server before this one has every tool of its path", mend)
        if part(server, "tools") is None and part(server, "when") is None:
            whole.add(path)


def _misplaced(policy: object, apis: dict[str, Any]) -> Iterator[PlacedError]:
    """MCP servers in the place of models' backends."""
    for index, model in enumerate(items(policy, "models")):
        place: Loc = ("models", index)
        chains = [(place, model, ("targets", "fallback"))]
        for number, rule in enumerate(items(model, "rules")):
            chains.append(((*place, "rules", number), rule, ("to", "fallback")))
        tried = part(part(part(model, "canary"), "to"), "backend")
        if isinstance(tried, str) and apis.get(tried) == MCP_API:
            error = refusal(f"the backend {listed([tried])} serves no model", "name it in `mcp.servers`")
            yield (*place, "canary", "to", "backend"), error
        for where, chain, lists in chains:
            for each in lists:
                for position, target in enumerate(items(chain, each)):
                    name = part(target, "backend")
                    if isinstance(name, str) and apis.get(name) == MCP_API:
                        error = refusal(f"the backend {listed([name])} serves no model", "name it in `mcp.servers`")
                        yield (*where, each, position, "backend"), error
    default = part(policy, "default_backend")
    if isinstance(default, str) and apis.get(default) == MCP_API:
        error = refusal("an MCP server cannot be the default backend", "name it in `mcp.servers`, with its path")
        yield ("default_backend",), error


def _ways_around(policy: object, backends: list[Any], served: set[str]) -> Iterator[PlacedError]:
    """A default backend on the host of a server: a client's path would lead to the server, past every list."""
    default = part(policy, "default_backend")
    if not isinstance(default, str) or default in {NO_BACKEND, OWN_ROUTES}:
        return
    hosts = {name: host for each in backends if (name := part(each, "name")) and (host := _host(each)) is not None}
    for name in sorted(served - {default}):
        if default in hosts and hosts.get(name) == hosts[default]:
            error = refusal(
                f"the default backend is on the host of the MCP server {listed([name])}, which any path would reach",
                "write `default_backend: none`, or name a backend on another host or port",
            )
            yield ("default_backend",), error


def _host(backend: object) -> tuple[str, int] | None:
    url = part(backend, "url")
    try:
        address = parse(url) if isinstance(url, str) else None
    except ValueError:
        return None
    return None if address is None else (address.host.lower().rstrip("."), address.port)
