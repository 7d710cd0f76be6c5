"""Events that are JSON-RPC messages, of MCP and of others."""

from collections.abc import Mapping

from msgspec.structs import replace

from extproc.apis.events import documents
from extproc.apis.events.source import EventReading, EventSource, Uses

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
    result, update = _object(value, "result"), _object(_object(value, "params"), "update")
    artifact = _object(result, "artifactUpdate") or result
    kind = update.get("sessionUpdate")
    return any(name in artifact for name in ("append", "lastChunk")) or (
        isinstance(kind, str) and kind.endswith("_chunk")
    )


def _object(value: object, name: str) -> Mapping[str, object]:
    found = value.get(name) if isinstance(value, Mapping) else None
    return found if isinstance(found, dict) else {}
