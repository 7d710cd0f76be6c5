"""The Model Context Protocol: JSON-RPC messages, on paths of the operator's own."""

from typing import Final

from extproc.apis.api import Api, ApiEvents
from extproc.apis.mcp import events, roles
from extproc.apis.mcp.family import FAMILY
from extproc.apis.mcp.request import Rpc
from extproc.apis.mcp.writer import RpcErrors

MCP: Final = Api(
    name=Rpc.name,
    operation="rpc",
    family=FAMILY,
    events=ApiEvents(events.known, events.read, standalone=True),
    scribe=RpcErrors,
    role_of=roles.role_of,
)
