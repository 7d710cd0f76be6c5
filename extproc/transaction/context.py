"""The facts of a request that conditions in the policy may be about."""

from collections.abc import Set as AbstractSet
from typing import Any

from extproc.llm import Request, mcp
from extproc.llm.counts import NOTHING, count
from extproc.protocol.headers import HeaderMap


def context(
    wanted: AbstractSet[str],
    fields: HeaderMap,
    *,
    path: str,
    route_name: str,
    asked: Request | None = None,
    rpc: mcp.Rpc | None = None,
    body: bytes = b"",
) -> dict[str, Any]:
    """The facts among `wanted`, by name. `body` has no content-encoding; empty where the request has none."""
    facts: dict[str, Any] = {}
    if not wanted:
        return facts
    counts = count(body) if wanted & {"tools", "images"} else NOTHING
    for name in wanted:
        match name:
            case "model":
                facts[name] = asked.model if asked is not None else ""
            case "stream":
                facts[name] = asked is not None and asked.stream
            case "path":
                facts[name] = path
            case "route_name":
                facts[name] = route_name
            case "headers":
                facts[name] = {header: fields.text(header) for header in fields.names()}
            case "tools":
                facts[name] = counts.tools
            case "images":
                facts[name] = counts.images
            case "mcp":
                facts[name] = {"method": rpc.method if rpc else "", "tool": rpc.tool if rpc else ""}
            case "findings":
                facts[name] = []
            case _:
                # The policy knows the names; one that is new there and not here would be a mistake of ours.
                raise AssertionError(name)
    return facts
