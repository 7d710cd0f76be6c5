"""What is added to streams of whole documents: an error, at the end."""

import msgspec

from extproc.apis.events.added import Added, Cut, members, told
from extproc.apis.events.event import StreamEvent
from extproc.apis.mcp.request import BLOCKED
from extproc.apis.openai_chat.dialect import CHAT


class Documents:
    """Writes errors of JSON-RPC for MCP, and OpenAI's for streams of no known dialect."""

    __slots__ = ("_rpc",)

    def __init__(self, *, rpc: bool) -> None:
        self._rpc = rpc

    def note(self, event: StreamEvent) -> None:
        """See `Scribe.note`."""

    def blocked(self, cut: Cut) -> list[Added]:
        """See `Scribe.blocked`. The error answers the request that the blocked event would have answered."""
        if not self._rpc:
            return [Added(told(CHAT, cut.error).data, "error")]
        found = {} if cut.event is None else members(cut.event.raw)
        # A request or notification of the server has a method; its id is none of the client's.
        request = found.get("id") if "method" not in found else None
        described = {"code": BLOCKED, "message": cut.error.message, "data": {"code": cut.error.code}}
        return [Added(msgspec.json.encode({"jsonrpc": "2.0", "id": request, "error": described}), "message")]
