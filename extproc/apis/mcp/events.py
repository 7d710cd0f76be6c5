"""Events that are whole documents: JSON-RPC messages of MCP, and whatever no dialect knows."""

import re
from collections.abc import Mapping

from extproc.apis.events.event import Channel
from extproc.apis.events.source import Reading, Roles, Source, Text, sort

ROLES: Roles = {
    ("jsonrpc",): "fixed",
    ("id",): "fixed",
    ("method",): "fixed",
    ("result", "content", "*", "type"): "fixed",
    ("result", "content", "*", "mimeType"): "fixed",
    ("result", "contents", "*", "mimeType"): "fixed",
    ("result", "messages", "*", "role"): "fixed",
    ("result", "messages", "*", "content", "type"): "fixed",
    ("result", "messages", "*", "content", "mimeType"): "fixed",
}
"""MCP's. A place that is known says nothing of a document that is no JSON-RPC message: see `read`."""

_NAMING = frozenset({"type", "event", "object", "kind", "id", "role", "status", "state", "model", "method"})
"""Members that name things. A text that grows has another name in all known APIs."""

_WORD = re.compile(r"[A-Za-z0-9_.:/-]{0,64}")
"""A name, a type or an identifier."""


def read(source: Source, roles: Roles) -> Reading:
    """All strings are texts that come whole, save what `roles` knows."""
    found = sort(source, roles, lambda path: (Channel(path, whole=True), False))
    value = source.value
    failed = isinstance(value, dict) and (value.get("error") is not None or value.get("type") == "error")
    return Reading("error" if failed else "other", found.texts, unread=tuple(found.unread), quiet=tuple(found.quiet))


def is_rpc(value: object) -> bool:
    """True for a message of JSON-RPC, or a batch of them."""
    if isinstance(value, list):
        return bool(value) and all(isinstance(each, dict) and each.get("jsonrpc") == "2.0" for each in value)
    return isinstance(value, dict) and value.get("jsonrpc") == "2.0"


def is_piece(value: object) -> bool:
    """True for a message of JSON-RPC that brings a piece of a text: A2A appends to artifacts, ACP sends chunks."""
    if isinstance(value, list):
        return any(map(is_piece, value))
    result, update = _object(value, "result"), _object(_object(value, "params"), "update")
    artifact = _object(result, "artifactUpdate") or result
    kind = update.get("sessionUpdate")
    return any(name in artifact for name in ("append", "lastChunk")) or (
        isinstance(kind, str) and kind.endswith("_chunk")
    )


def tells(text: Text) -> bool:
    """True if a text says more than a name, a type or a state: another event may go on with it."""
    names = bool(text.path) and text.path[-1] in _NAMING
    return not (names and _WORD.fullmatch(text.text))


def any_tells(reading: Reading) -> bool:
    """True if one of the texts that come whole tells something."""
    return any(text.channel.whole and tells(text) for text in reading.texts)


def _object(value: object, name: str) -> Mapping[str, object]:
    found = value.get(name) if isinstance(value, Mapping) else None
    return found if isinstance(found, dict) else {}
