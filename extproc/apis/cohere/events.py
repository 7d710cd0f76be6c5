"""Events of Cohere's chat, of both versions of the API."""

from collections.abc import Mapping

from extproc.apis.events import growing
from extproc.apis.events.event import Channel, Scope
from extproc.apis.events.source import EventReading, EventSource, Uses, is_index

_TYPES = frozenset(
    {
        "message-start",
        "content-start",
        "content-delta",
        "content-end",
        "tool-plan-delta",
        "tool-call-start",
        "tool-call-delta",
        "tool-call-end",
        "citation-start",
        "citation-end",
        "message-end",
    }
)
"""The `type` of each event of version 2."""

_FIRST_TYPES = frozenset(
    {
        "stream-start",
        "search-queries-generation",
        "search-results",
        "text-generation",
        "citation-generation",
        "tool-calls-chunk",
        "tool-calls-generation",
        "stream-end",
    }
)
"""The `event_type` of each event of version 1."""

_MESSAGE = ("delta", "message")

USES: Uses = {
    ("id",): "fixed",
    ("type",): "fixed",
    ("event_type",): "fixed",
    ("generation_id",): "fixed",
    ("finish_reason",): "fixed",
    ("delta", "finish_reason"): "fixed",
    (*_MESSAGE, "role"): "fixed",
    (*_MESSAGE, "content", "type"): "fixed",
    (*_MESSAGE, "tool_calls", "id"): "fixed",
    (*_MESSAGE, "tool_calls", "type"): "fixed",
    (*_MESSAGE, "citations", "type"): "fixed",
}

_GROWING: Mapping[Scope, bool] = {
    (*_MESSAGE, "content", "text"): False,
    (*_MESSAGE, "content", "thinking"): False,
    (*_MESSAGE, "tool_plan"): False,
    (*_MESSAGE, "tool_calls", "function", "arguments"): True,
}
"""Places of the texts that grow in version 2; True for JSON text."""

_GROWING_FIRST: Mapping[Scope, bool] = {
    ("text",): False,
    ("tool_call_delta", "text"): False,
    ("tool_call_delta", "parameters"): True,
}
"""The same of version 1."""

_WHOLE = frozenset(
    {
        "name",
        "citations",
        "sources",
        "documents",
        "search_queries",
        "search_results",
        "tool_calls",
        "response",
        "logprobs",
        "finish_reason",
    }
)
"""Members whose texts come whole."""

_RECURRING = _WHOLE - {"response", "logprobs", "finish_reason"}
"""Those of them that several events may bring."""


def known(value: Mapping[str, object]) -> bool:
    """True for an event of one of the versions."""
    kind, first = value.get("type"), value.get("event_type")
    return (isinstance(kind, str) and kind in _TYPES) or (isinstance(first, str) and first in _FIRST_TYPES)


def read(source: EventSource) -> EventReading:
    """An event of this API; `source.value` is an object of one of the types."""
    value = source.value
    assert isinstance(value, dict)
    if value.get("type") in _TYPES:
        return _second(source, str(value["type"]), value.get("index"))
    return _first(source, value)


def _second(source: EventSource, kind: str, given: object) -> EventReading:
    at = given if is_index(given) else 0

    def channel(path: Scope) -> Channel | None:
        json = _GROWING.get(path)
        return None if json is None else Channel((path[2], at, *path[3:]), json=json)

    ends: tuple[Scope, ...] = (("tool_plan",),) if kind in {"content-start", "tool-call-start"} else ()
    if kind == "message-end":
        ends = ((),)
    elif kind.endswith("-end"):
        ends = (({"content-end": "content", "tool-call-end": "tool_calls"}.get(kind, kind), at),)
    return growing.read(source, USES, channel, whole=_WHOLE, recurring=_RECURRING, ends=ends)


def _first(source: EventSource, value: Mapping[str, object]) -> EventReading:
    call = value.get("tool_call_delta")
    given = call.get("index") if isinstance(call, dict) else None
    at = given if is_index(given) else 0

    def channel(path: Scope) -> Channel | None:
        json = _GROWING_FIRST.get(path)
        return None if json is None else Channel((*path[:1], at, *path[1:]), json=json)

    ends: tuple[Scope, ...] = ((),) if value.get("event_type") == "stream-end" else ()
    return growing.read(source, USES, channel, whole=_WHOLE, recurring=_RECURRING, ends=ends)
