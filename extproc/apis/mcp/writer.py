"""The error that ends a stream of JSON-RPC messages."""

import msgspec

from extproc.apis.events.added import Added, Cut, members
from extproc.apis.events.event import StreamEvent
from extproc.apis.families import ErrorEvent
from extproc.apis.mcp.request import BLOCKED


class RpcErrors:
    """Writes an error of JSON-RPC, as MCP has it."""

    __slots__ = ()

    def __init__(self, error_event: ErrorEvent) -> None:
        """Ignore `error_event`: an error answers a request, whose id is known only then."""

    def note(self, event: StreamEvent) -> None:
        """See `Scribe.note`."""

    def blocked(self, cut: Cut) -> list[Added]:
        """See `Scribe.blocked`. The error answers the request that the blocked event would have answered."""
        found = {} if cut.event is None else members(cut.event.raw)
        # A request or notification of the server has a method; its id is none of the client's.
        request = found.get("id") if "method" not in found else None
        described = {"code": BLOCKED, "message": cut.error.message, "data": {"code": cut.error.code}}
        return [Added(msgspec.json.encode({"jsonrpc": "2.0", "id": request, "error": described}), "message")]
