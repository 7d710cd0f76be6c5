"""Events of OpenAI's assistants: runs on threads, which bring messages and the steps of tools in deltas."""

from collections.abc import Mapping
from itertools import pairwise

from extproc.apis.events import growing
from extproc.apis.events.event import Channel, Scope
from extproc.apis.events.source import EventReading, EventSource, Uses, placed

_OBJECTS = frozenset(
    {
        "thread",
        "thread.run",
        "thread.run.step",
        "thread.run.step.delta",
        "thread.message",
        "thread.message.delta",
    }
)
"""The `object` of each event. Those that are no deltas are whole documents."""

_PART = ("delta", "content", "*")
_CALL = ("delta", "step_details", "tool_calls", "*")

USES: Uses = {
    ("id",): "fixed",
    ("object",): "fixed",
    ("model",): "fixed",
    ("status",): "fixed",
    ("role",): "fixed",
    ("type",): "fixed",
    ("assistant_id",): "fixed",
    ("thread_id",): "fixed",
    ("run_id",): "fixed",
    ("delta", "role"): "fixed",
    ("delta", "step_details", "type"): "fixed",
    (*_PART, "type"): "fixed",
    (*_PART, "image_file", "file_id"): "fixed",
    (*_CALL, "id"): "fixed",
    (*_CALL, "type"): "fixed",
    (*_CALL, "code_interpreter", "outputs", "*", "type"): "fixed",
    (*_CALL, "code_interpreter", "outputs", "*", "image", "file_id"): "fixed",
}

_PIECED = frozenset({"content", "tool_calls", "outputs"})
"""Arrays whose elements grow from event to event, found again by their index. Others (annotations) come whole."""

_WHOLE = frozenset({"annotations", "name"})
"""Members of deltas whose texts come whole."""

_OVER = frozenset({"completed", "incomplete", "failed", "cancelled", "expired"})
"""States after which a message, a step or a run gets nothing more."""


def known(value: Mapping[str, object]) -> bool:
    """True for an event of this API."""
    kind = value.get("object")
    return isinstance(kind, str) and kind in _OBJECTS


def read(source: EventSource) -> EventReading:
    """An event of this API; `source.value` is an object. Each message and step grows by itself, told by its id."""
    value = source.value
    assert isinstance(value, dict)
    kind = str(value.get("object"))
    given = value.get("id")
    owner = given if isinstance(given, str) else "message"
    over = not kind.endswith(".delta") and value.get("status") in _OVER
    ends: tuple[Scope, ...] = () if not over else (((),) if kind == "thread.run" else ((owner,),))

    def channel(path: Scope) -> Channel | None:
        if not kind.endswith(".delta") or path[0] != "delta" or len(path) < 2 or not _grows(path[1:]):
            return None
        return Channel((owner, *placed(value, path)[1:]), json=path[-1] == "arguments")

    whole, recurring = (_WHOLE, _WHOLE) if kind.endswith(".delta") else (value, ())
    return growing.read(source, USES, channel, whole=whole, recurring=recurring, ends=ends)


def _grows(path: Scope) -> bool:
    if path[-1] == "name":
        return False
    return all(name in _PIECED for name, at in pairwise(path) if isinstance(at, int))
