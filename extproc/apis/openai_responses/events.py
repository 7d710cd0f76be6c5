"""Events of OpenAI's responses API."""

from collections.abc import Mapping

from extproc.apis.events import documents
from extproc.apis.events.event import Channel, Kind, Scope, StreamEvent
from extproc.apis.events.source import EventReading, EventSource, PathPattern, Use, Uses, index, sort


def _item(*at: str) -> dict[PathPattern, Use]:
    """The uses in an output item that stands there."""
    part = (*at, "content", "*")
    return {
        (*at, "id"): "fixed",
        (*at, "type"): "fixed",
        (*at, "status"): "fixed",
        (*at, "role"): "fixed",
        (*at, "phase"): "fixed",
        (*at, "call_id"): "fixed",
        (*at, "action", "type"): "fixed",
        (*at, "summary", "*", "type"): "fixed",
        (*part, "type"): "fixed",
        (*part, "annotations", "*", "type"): "fixed",
        (*part, "annotations", "*", "file_id"): "fixed",
    }


USES: Uses = {
    ("type",): "fixed",
    ("id",): "fixed",
    ("speaker",): "fixed",
    ("item_id",): "fixed",
    ("response_id",): "fixed",
    ("obfuscation",): "padding",
    ("error", "type"): "fixed",
    ("error", "code"): "fixed",
    ("annotation", "type"): "fixed",
    ("annotation", "file_id"): "fixed",
    ("part", "type"): "fixed",
    ("part", "annotations", "*", "type"): "fixed",
    ("part", "annotations", "*", "file_id"): "fixed",
    ("response", "id"): "fixed",
    ("response", "object"): "fixed",
    ("response", "status"): "fixed",
    ("response", "model"): "fixed",
    ("response", "provider"): "fixed",
    ("response", "service_tier"): "fixed",
    ("response", "truncation"): "fixed",
    ("response", "previous_response_id"): "fixed",
    ("response", "tool_choice"): "fixed",
    ("response", "prompt_cache_retention"): "fixed",
    ("response", "text", "format", "type"): "fixed",
    ("response", "text", "verbosity"): "fixed",
    ("response", "reasoning", "effort"): "fixed",
    ("response", "reasoning", "summary"): "fixed",
    ("response", "incomplete_details", "reason"): "fixed",
    ("response", "error", "code"): "fixed",
    ("response", "tools", "*", "type"): "fixed",
    **_item("item"),
    **_item("response", "output", "*"),
}

_USES_OF: Mapping[str, Uses] = {
    "error": {**USES, ("code",): "fixed"},
    "response.audio.delta": {**USES, ("delta",): "audio"},
}
"""Of events in which a member means something else than in all others."""

_WHERE: Mapping[str, PathPattern] = {
    "response.output_text": ("content", "text"),
    "response.refusal": ("content", "refusal"),
    "response.reasoning_text": ("content", "text"),
    "response.reasoning_summary_text": ("summary", "text"),
    "response.function_call_arguments": ("arguments",),
    "response.mcp_call_arguments": ("arguments",),
    "response.custom_tool_call_input": ("input",),
    "response.code_interpreter_call_code": ("code",),
}
"""The place of an event's text in its output item. Parts in `content` and `summary` are numbered."""

_MEMBERS = frozenset({"text", "refusal", "arguments", "input", "code", "transcript"})
"""Names of the text's member in the event that repeats the text whole."""

_GROWN = frozenset({"arguments", "input", "code"})
"""Members of an item that deltas add to."""

_SPOKEN = frozenset({"response.audio_transcript", "response.output_audio_transcript", "transcript.text"})
"""Stems of events whose text lies in no output item."""

_STEMS = _WHERE.keys() | _SPOKEN
"""Stems of the events that bring a text in deltas and repeat it whole when it is done."""

_TERMINAL = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled"})
_STATES = _TERMINAL | {"response.created", "response.queued", "response.in_progress"}
"""Events that bring the response as it is by then."""

_PARTS = frozenset({"response.output_item", "response.content_part", "response.reasoning_summary_part"})
"""Stems of the events that bring an item or a part as it is by then."""


_TRANSCRIPT = "transcript.text."
_TRANSCRIBED = b'"transcript.text.done"'


def known(value: Mapping[str, object]) -> bool:
    """True for an event of this API, or of OpenAI's transcription, whose events are alike."""
    kind = value.get("type")
    return isinstance(kind, str) and kind.startswith(("response.", _TRANSCRIPT))


def is_over(event: StreamEvent) -> bool:
    """True for an event that brings the response in its last state, and for the end of a transcript."""
    return event.kind == "done" or _TRANSCRIBED in event.raw


def read(source: EventSource) -> EventReading:
    """An event of this API; `source.value` is an object. An event without a type is read as any document is."""
    value = source.value
    assert isinstance(value, dict)
    kind = value.get("type")
    if not isinstance(kind, str):
        return documents.read(source, {})
    found = sort(source, _USES_OF.get(kind, USES), lambda path: _channel(value, kind, path))
    texts = found.texts
    if kind.endswith(".added"):
        # Nothing is said yet by a text that is empty, and its pieces are those of the deltas that follow.
        texts = [text for text in texts if text.text or text.channel.whole]
    return EventReading(
        _kind(kind),
        texts,
        ends=_ends(value, kind),
        opens=(("response",),) if kind in {"response.created", "response.in_progress"} else (),
        # Numbered events leave even when they have become empty: the numbers go on without a gap.
        keeps=True,
        number=source.leaves.counts.get(("sequence_number",)),
        unread=tuple(found.unread),
        varying=found.varying(source.leaves),
        quiet=tuple(found.quiet),
    )


def _kind(kind: str) -> Kind:
    if kind in _TERMINAL:
        return "done"
    if kind.endswith(".delta"):
        return "delta"
    if kind.endswith(".done"):
        return "finish"
    return "error" if kind == "error" else "other"


def _ends(value: Mapping[str, object], kind: str) -> tuple[Scope, ...]:
    if kind in _TERMINAL or kind == "error":
        return ((),)
    item = ("output", index(value, 0, "output_index"))
    match kind:
        case "response.output_item.done":
            return (item,)
        case "response.content_part.done":
            return ((*item, "content", index(value, 0, "content_index")),)
        case "response.reasoning_summary_part.done":
            return ((*item, "summary", index(value, 0, "summary_index")),)
    return (_text(value, kind.removesuffix(".done")),) if kind.endswith(".done") else ()


def _text(value: Mapping[str, object], stem: str) -> Scope:
    """The place of the text that events of this stem bring."""
    at = _WHERE.get(stem, (stem,))
    item: Scope = ("output", index(value, 0, "output_index"))
    if at[0] == "content":
        return (*item, "content", index(value, 0, "content_index"), *at[1:])
    if at[0] == "summary":
        return (*item, "summary", index(value, 0, "summary_index"), *at[1:])
    if stem not in _WHERE and "content_index" in value:
        return (*item, *at, index(value, 0, "content_index"))
    return (*item, *at)


def _begun(value: Mapping[str, object], path: Scope) -> Scope:
    """The place of a text that an item or part brings with it, and that deltas then add to; or none."""
    item: Scope = ("output", index(value, 0, "output_index"))
    if path[0] == "item":
        if path[1:] in {(name,) for name in _GROWN}:
            return (*item, *path[1:])
        parts = len(path) == 4 and path[1] in {"content", "summary"}
        return (*item, *path[1:]) if parts and path[3] in {"text", "refusal"} else ()
    if path[0] == "part" and path[1:] in {("text",), ("refusal",)}:
        name = "summary" if "summary_index" in value else "content"
        return (*item, name, index(value, 0, f"{name}_index"), *path[1:])
    return ()


def _channel(value: Mapping[str, object], kind: str, path: Scope) -> tuple[Channel, bool]:
    """The channel of the string there, and whether it repeats what was streamed."""
    item: Scope = ("output", index(value, 0, "output_index"))
    if kind.endswith(".delta") and path[0] == "delta":
        stem = kind.removesuffix(".delta")
        return Channel((*_text(value, stem), *path[1:]), loose=len(path) > 1), False
    stem, _, end = kind.rpartition(".")
    if end == "done" and len(path) == 1 and path[0] in _MEMBERS:
        return Channel(_text(value, stem), whole=True, recurs=stem not in _STEMS), True
    if end == "done" and stem in _STEMS and path == ("name",):
        return Channel((*item, "name"), whole=True), True
    if kind in _STATES and path[0] == "response" and len(path) > 1:
        return Channel(path[1:], whole=True), path[1] == "output"
    if kind.endswith(".added") and (begun := _begun(value, path)):
        return Channel(begun), False
    if stem not in _PARTS:
        known = kind == "error" or kind in _STATES
        return Channel(path, whole=True) if known else Channel.recurring(path), False
    if path[0] == "item":
        return Channel((*item, *path[1:]), whole=True), kind.endswith(".done")
    if path[0] == "part":
        name = "summary" if "summary_index" in value else "content"
        place = index(value, 0, f"{name}_index")
        return Channel((*item, name, place, *path[1:]), whole=True), kind.endswith(".done")
    return Channel(path, whole=True), False
