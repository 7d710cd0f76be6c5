"""Events of OpenAI's chat completions and completions, and of the many servers that speak these dialects."""

from collections.abc import Container, Mapping
from itertools import pairwise

from msgspec.structs import replace

from extproc.apis.events.event import Channel, Kind, Scope, StreamEvent
from extproc.apis.events.source import EventReading, EventSource, Text, Uses, index, placed, sort
from extproc.apis.roles import at
from extproc.payload.names import CARRIER, KNOWN

_CALL = ("choices", "*", "delta", "tool_calls", "*")
_DETAIL = ("choices", "*", "delta", "reasoning_details", "*")
_THOUGHT = ("choices", "*", "delta", "thinking_blocks", "*")
_FILTERS = ("hate", "self_harm", "sexual", "violence")

USES: Uses = {
    ("id",): "fixed",
    ("object",): "fixed",
    ("model",): "fixed",
    ("provider",): "fixed",  # OpenRouter
    ("system_fingerprint",): "fixed",
    ("service_tier",): "fixed",
    ("obfuscation",): "padding",
    ("x_groq", "id"): "fixed",
    ("error", "type"): "fixed",
    ("error", "code"): "fixed",
    ("choices", "*", "finish_reason"): "fixed",
    ("choices", "*", "native_finish_reason"): "fixed",  # OpenRouter
    ("choices", "*", "stop_reason"): "fixed",  # vLLM
    ("choices", "*", "delta", "role"): "fixed",
    ("choices", "*", "message", "role"): "fixed",  # Perplexity
    ("choices", "*", "message", "tool_calls", "*", "id"): "fixed",
    ("choices", "*", "message", "tool_calls", "*", "type"): "fixed",
    (*_CALL, "id"): "fixed",
    (*_CALL, "type"): "fixed",
    (*_DETAIL, "id"): "fixed",
    (*_DETAIL, "type"): "fixed",
    (*_DETAIL, "format"): "fixed",
    (*_THOUGHT, "type"): "fixed",
    ("choices", "*", "delta", "content", "*", "type"): "fixed",  # Mistral
    ("choices", "*", "delta", "content", "*", "thinking", "*", "type"): "fixed",
    ("choices", "*", "delta", "audio", "id"): "fixed",
    **{("choices", "*", "content_filter_results", name, "severity"): "fixed" for name in _FILTERS},  # Azure
    **{("prompt_filter_results", "*", "content_filter_results", name, "severity"): "fixed" for name in _FILTERS},
}

_PIECED = frozenset({"tool_calls", "reasoning_details", "thinking_blocks", "content", "thinking", "reasoning"})
"""Arrays whose elements grow from event to event, found again by their index. Others come whole."""

_UNPLACED = _PIECED - {"tool_calls"}
"""Those in which a client joins elements without an `index` in the order in which they come, wherever they stand in an
event. Calls of tools are told apart by their identifiers."""

_NAMED = frozenset({"function", "custom", "function_call"})

_GROWING = frozenset(
    {
        "content",
        "reasoning_content",
        "reasoning",
        "refusal",
        "thinking",
        "text",
        "summary",
        "arguments",
        "input",
        "transcript",
    }
)
"""Members that bring pieces of a text, in the places where the APIs have them: see `_AROUND`."""

_AROUND = _PIECED | _NAMED | {"audio"}
"""Members of a delta in which such members stand."""


def is_chat(value: Mapping[str, object]) -> bool:
    """True for a chunk of a chat completion."""
    choices = value.get("choices")
    return isinstance(choices, list) and all(isinstance(each, dict) for each in choices) and not is_completion(value)


def is_completion(value: Mapping[str, object]) -> bool:
    """True for a chunk of a completion."""
    choices = value.get("choices")
    return isinstance(choices, list) and any(isinstance(each, dict) and "text" in each for each in choices)


def is_over(event: StreamEvent) -> bool:
    """True for `[DONE]`, for a finish reason, and for counts without choices: not every server says more."""
    return event.kind in {"done", "finish"} or (event.kind == "usage" and not event.opens)


def read(source: EventSource) -> EventReading:
    """An event of these APIs; `source.value` is an object.

    Whatever stands in a delta is a piece of a text, known or not, save in arrays of which nothing says that they grow,
    and save the names of tools, which come at once.
    """
    value = source.value
    assert isinstance(value, dict)
    choices = value.get("choices")
    each = [(index(choice, at), choice) for at, choice in enumerate(choices if isinstance(choices, list) else ())]
    found = sort(source, USES, lambda path: (_channel(value, path), path[2:3] == ("message",)))
    growing = {at for at, choice in enumerate(choices if isinstance(choices, list) else ()) if _goes_on(choice)}
    if growing:
        found.texts = [_cumulative(text, growing) for text in found.texts]
    error = value.get("error") is not None
    finished = tuple(("choices", at) for at, choice in each if _finishes(choice))
    pieces = any(not text.channel.whole for text in found.texts)
    used = value.get("usage") is not None
    told = any(text.path[:1] == ("choices",) for text in found.quiet if text.form != "name") or any(
        text.channel.whole for text in found.texts
    )
    return EventReading(
        _kind(error=error, finished=bool(finished), pieces=pieces, used=used),
        found.texts,
        ends=((),) if error else finished,
        opens=tuple(("choices", at) for at, _ in each),
        keeps=error or told or used or len(each) != 1,
        unread=tuple(found.unread),
        calls=tuple(call for at, choice in each for call in _calls(at, choice)),
        varying=found.varying(source.leaves),
        quiet=tuple(found.quiet),
    )


def _kind(*, error: bool, finished: bool, pieces: bool, used: bool) -> Kind:
    if error:
        return "error"
    if finished:
        return "finish"
    if pieces:
        return "delta"
    return "usage" if used else "other"


def _finishes(choice: object) -> bool:
    # Some servers write an empty reason into every chunk.
    return isinstance(choice, dict) and bool(choice.get("finish_reason"))


def _goes_on(choice: object) -> bool:
    """True if a choice brings a message that is not complete: a finish reason is due, and has not come."""
    if not isinstance(choice, dict) or not isinstance(choice.get("message"), dict):
        return False
    return "finish_reason" in choice and not choice["finish_reason"]


def _cumulative(text: Text, growing: Container[int]) -> Text:
    """The text, marked as one that the next event repeats with more behind it, if it is in such a message."""
    path = text.path
    if len(path) > 2 and path[0] == "choices" and path[1] in growing and path[2] == "message":
        return replace(text, grows=True, channel=Channel(text.channel.path, whole=True))
    return text


def _channel(value: object, path: Scope) -> Channel:
    place = placed(value, path)
    if len(path) < 3 or path[0] != "choices" or not isinstance(path[1], int):
        return Channel(place, whole=True)
    if path[2:] == ("text",):
        return Channel(place)
    if path[2] == "message":
        return Channel.recurring(place)
    if path[2] != "delta" or len(path) == 3:
        return Channel.recurring(place)
    own: Scope = (*place[:2], "message", *_joined(value, place, path)[3:])
    if not _grows(path[3:]):
        return Channel.recurring(own)
    known = own[-1] in _GROWING and all(isinstance(step, int) or step in _AROUND for step in path[3:-1])
    return Channel(own, loose=not known)


def _joined(value: object, place: Scope, path: Scope) -> Scope:
    """The place of a text in a delta as a client joins it: `content` is one text, as a string and as text parts."""
    steps = list(place)
    for number in range(4, len(path)):
        if path[number - 1] in _UNPLACED and index(at(value, *path[: number + 1]), -1) < 0:
            steps[number] = 0
            if path[3:number] == ("content",) and path[number + 1 :] in {(), ("text",)}:
                return place[:4]
    return place[:4] if path[3:] == ("content", "text") else tuple(steps)


def _calls(at: int, choice: object) -> list[tuple[Scope, int]]:
    """The tool calls that begin in a choice: those that have an identifier and the name of the tool."""
    delta = choice.get("delta") if isinstance(choice, dict) else None
    given = delta.get("tool_calls") if isinstance(delta, dict) else None
    return [
        (("choices", at, "message", "tool_calls", index(call, place)), hash(call["id"]))
        for place, call in enumerate(given if isinstance(given, list) else ())
        if isinstance(call, dict) and isinstance(call.get("id"), str) and call["id"] and _named(call)
    ]


def _named(call: Mapping[str, object]) -> bool:
    tools = (call.get(kind) for kind in _NAMED)
    return any(isinstance(tool, dict) and tool.get("name") for tool in tools)


def _grows(path: Scope) -> bool:
    if isinstance(path[-1], str) and KNOWN.get(path[-1]) == CARRIER:
        return False  # signatures, sealed reasoning, images and sounds come whole
    if path[-1] == "name" and len(path) > 1 and path[-2] in _NAMED:
        return False
    return all(name in _PIECED for name, at in pairwise(path) if isinstance(at, int))
