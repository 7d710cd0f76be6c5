"""Events that are whole documents: JSON-RPC messages of MCP, and whatever no dialect knows."""

from extproc.llm.streams.event import Channel
from extproc.llm.streams.reading import Reading, Roles, Source, sort

ROLES: Roles = {
    ("jsonrpc",): "fixed",
    ("id",): "fixed",
    ("method",): "fixed",
    ("result", "content", "*", "type"): "fixed",
    ("result", "content", "*", "mimeType"): "fixed",
    ("result", "content", "*", "data"): "binary",
    ("result", "contents", "*", "mimeType"): "fixed",
    ("result", "contents", "*", "blob"): "binary",
    ("result", "messages", "*", "role"): "fixed",
    ("result", "messages", "*", "content", "type"): "fixed",
    ("result", "messages", "*", "content", "mimeType"): "fixed",
    ("result", "messages", "*", "content", "data"): "binary",
}
"""MCP's. A place that is known says nothing of a document that is no JSON-RPC message: see `read`."""


def read(source: Source, roles: Roles) -> Reading:
    """All strings are texts that come whole, save what `roles` knows."""
    found = sort(source, roles, lambda path: (Channel(path, whole=True), False))
    value = source.value
    failed = isinstance(value, dict) and (value.get("error") is not None or value.get("type") == "error")
    return Reading("error" if failed else "other", found.texts, unread=tuple(found.unread))


def read_rpc(source: Source) -> Reading:
    """A message of MCP."""
    value = source.value
    rpc = isinstance(value, dict) and value.get("jsonrpc") == "2.0"
    return read(source, ROLES if rpc else {})
