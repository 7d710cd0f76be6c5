"""Events of Anthropic's messages."""

from collections.abc import Mapping

from extproc.apis.events import documents
from extproc.apis.events.event import Channel, Kind, Scope, StreamEvent
from extproc.apis.events.source import EventReading, EventSource, Uses, is_index, sort

_BLOCK = ("content_block",)

USES: Uses = {
    ("type",): "fixed",
    ("error", "type"): "fixed",
    ("request_id",): "fixed",
    ("message", "id"): "fixed",
    ("message", "type"): "fixed",
    ("message", "role"): "fixed",
    ("message", "model"): "fixed",
    ("message", "provider"): "fixed",
    ("message", "stop_reason"): "fixed",
    ("message", "usage", "service_tier"): "fixed",
    ("message", "usage", "inference_geo"): "fixed",
    ("message", "container", "id"): "fixed",
    (*_BLOCK, "type"): "fixed",
    (*_BLOCK, "id"): "fixed",
    (*_BLOCK, "tool_use_id"): "fixed",
    (*_BLOCK, "content", "type"): "fixed",
    (*_BLOCK, "content", "*", "type"): "fixed",
    ("delta", "type"): "fixed",
    ("delta", "stop_reason"): "fixed",
    ("delta", "stop_details", "type"): "fixed",
    ("delta", "stop_details", "category"): "fixed",
    ("delta", "container", "id"): "fixed",
    ("delta", "citation", "type"): "fixed",
    ("delta", "citation", "file_id"): "fixed",
}

_STARTED = frozenset({"text", "thinking", "content"})
"""Members of a block that the event which starts it may already begin; `content` is a compaction's."""

_KINDS: Mapping[object, Kind] = {
    "content_block_delta": "delta",
    "content_block_stop": "finish",
    "message_delta": "finish",
    "message_stop": "done",
    "error": "error",
    "ping": "alive",
}
_TYPES = frozenset({*_KINDS, "message_start", "content_block_start"})
"""The `type` of each event."""

_SHARED = frozenset({"error", "ping"})
"""Those of them that events of other APIs have, too."""


def known(value: Mapping[str, object]) -> bool:
    """True for an event of this API that no other has."""
    kind = value.get("type")
    if not isinstance(kind, str) or kind not in _TYPES or kind in _SHARED:
        return False
    return not kind.startswith("content_block_") or is_index(value.get("index"))


def is_over(event: StreamEvent) -> bool:
    """True for `message_stop`."""
    return event.kind == "done"


def read(source: EventSource) -> EventReading:
    """An event of this API; `source.value` is an object. An event of an unknown type is read as any document is."""
    value = source.value
    assert isinstance(value, dict)
    kind, block = value.get("type"), value.get("index")
    if not isinstance(kind, str) or kind not in _TYPES:
        return documents.read(source, USES)
    if kind.startswith("content_block_") and not is_index(block):
        return documents.read(source, USES)
    found = sort(source, USES, lambda path: (_channel(kind, block, path), False))
    ends = _ends(kind, block, value.get("delta"))
    return EventReading(
        "usage" if kind == "message_delta" and not ends else _KINDS.get(kind, "other"),
        found.texts,
        ends=ends,
        opens=_opens(kind, block),
        keeps=kind != "content_block_delta" or any(text.channel.whole for text in found.texts),
        unread=tuple(found.unread),
        varying=found.varying(source.leaves),
        quiet=tuple(found.quiet),
    )


def _opens(kind: str, block: object) -> tuple[Scope, ...]:
    if kind == "message_start":
        return (("message",),)
    return (("content", block),) if kind == "content_block_start" and isinstance(block, int) else ()


def _ends(kind: str, block: object, delta: object) -> tuple[Scope, ...]:
    given = delta if isinstance(delta, dict) else {}
    if kind in {"message_stop", "error"}:
        return ((),)
    if kind == "message_delta" and given.get("stop_reason") is not None:
        return (("content",), ("message",))
    if kind == "content_block_stop" and isinstance(block, int):
        return (("content", block),)
    if kind == "content_block_delta" and given.get("type") == "signature_delta" and isinstance(block, int):
        return (("content", block, "thinking"),)  # what is signed is complete
    return ()


def _channel(kind: str, block: object, path: Scope) -> Channel:
    if kind == "message_start" and path[0] == "message":
        return Channel(path[1:], whole=True)
    if kind == "content_block_start" and path[0] == "content_block" and isinstance(block, int):
        grows = len(path) == 2 and path[1] in _STARTED
        return Channel(("content", block, *path[1:]), whole=not grows)
    if kind == "content_block_delta" and path[0] == "delta" and isinstance(block, int):
        if path[1:] == ("partial_json",):
            return Channel(("content", block, "input"), json=True)
        place: Scope = ("content", block, *path[1:])
        if len(path) > 2:
            return Channel.recurring(place)
        whole = path[-1] == "signature"
        return Channel(place, whole=whole, loose=not whole and path[-1] not in _STARTED)
    return Channel(path, whole=True)
