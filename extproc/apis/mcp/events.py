"""Events that are JSON-RPC messages, of MCP and of others."""

import re
from collections.abc import Mapping

from msgspec.structs import replace

from extproc.apis.events import documents
from extproc.apis.events.source import EventReading, EventSource, Uses

_PIECES = frozenset({"delta", "textDelta", "chunk", "partial"})
"""Members of `params` that are a piece of a text by their name."""

_PIECE = re.compile(r"(?:delta|chunk|partial)\Z", re.IGNORECASE)
"""The end of a method, or of the type of an event in a message, that says the same: `item/agentMessage/delta`."""

_HOLDERS, _KINDS = ("update", "msg", "event", "item"), ("type", "kind", "sessionUpdate")
"""Members of `params` that bring an event of their own, and those that name its type."""

USES: Uses = {
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
"""A place that is known says nothing of a document that is no JSON-RPC message."""


def known(value: Mapping[str, object]) -> bool:
    """True for a message of JSON-RPC."""
    return value.get("jsonrpc") == "2.0"


def read(source: EventSource) -> EventReading:
    """A message, or a batch of them; doubted if it brings a piece of a text."""
    reading = documents.read(source, USES)
    return replace(reading, doubt="stream") if _is_piece(source.value) else reading


def _is_piece(value: object) -> bool:
    """True for a message that brings a piece of a text: A2A appends to artifacts, ACP sends chunks."""
    if isinstance(value, list):
        return any(map(_is_piece, value))
    result, params = _object(value, "result"), _object(value, "params")
    artifact = _object(result, "artifactUpdate") or result
    if any(name in artifact for name in ("append", "lastChunk")) or not _PIECES.isdisjoint(params):
        return True
    method = value.get("method") if isinstance(value, Mapping) else None
    kinds = [_object(params, holder).get(name) for holder in _HOLDERS for name in _KINDS]
    return any(isinstance(word, str) and _PIECE.search(word) is not None for word in (method, *kinds))


def _object(value: object, name: str) -> Mapping[str, object]:
    found = value.get(name) if isinstance(value, Mapping) else None
    return found if isinstance(found, dict) else {}
