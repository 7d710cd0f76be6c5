"""Replies of OpenAI's responses API, streamed or whole. Each output item is a message of its own."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from extproc.apis.events.event import Scope
from extproc.apis.events.source import index
from extproc.apis.reply import ReplyPart, ReplyPartKind, arguments, called, end, listed
from extproc.apis.roles import at

_PIECES: Final[Mapping[object, tuple[ReplyPartKind, str]]] = {
    "response.output_text.delta": ("text", "text"),
    "response.refusal.delta": ("refusal", "refusal"),
}
_WHOLE: Final[Mapping[object, tuple[ReplyPartKind, str]]] = {
    "response.output_text.done": ("text", "text"),
    "response.refusal.done": ("refusal", "refusal"),
}
_OVER: Final = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled"})


def read_reply(value: Mapping[str, Any]) -> Sequence[ReplyPart] | None:
    """Return the parts in an event, or in a whole body."""
    kind = value.get("type")
    if isinstance(kind, str) and kind.startswith("response."):
        return list(_event(value, kind))
    if value.get("object") == "response" and isinstance(value.get("output"), list):
        return list(_response(value))
    return None


def _event(value: Mapping[str, Any], kind: str) -> Iterator[ReplyPart]:
    number = index(value, 0, "output_index")
    item: Scope = ("output", number)
    if kind in _PIECES or kind in _WHOLE:
        own, name = _PIECES.get(kind) or _WHOLE[kind]
        whole = kind in _WHOLE
        text = value.get(name if whole else "delta")
        if isinstance(text, str):
            path = (*item, "content", index(value, 0, "content_index"), name)
            yield ReplyPart(own, number, path, text, whole=whole)
    elif kind == "response.function_call_arguments.delta":
        yield from arguments(number, (*item, "arguments"), item, value.get("delta"), whole=False)
    elif kind == "response.function_call_arguments.done":
        yield from arguments(number, (*item, "arguments"), item, value.get("arguments"), whole=True)
    elif kind == "response.output_item.added":
        yield from _named(value.get("item"), number)
    elif kind == "response.output_item.done":
        yield from _item(value.get("item"), number)
    elif kind in _OVER:
        response = value.get("response")
        yield from _response(response if isinstance(response, dict) else {})


def _response(response: Mapping[str, Any]) -> Iterator[ReplyPart]:
    """Yield the items of a response as it is by then, and its end, which is that of all of them."""
    for number, item in enumerate(listed(response.get("output"))):
        yield from _item(item, number)
    reason = at(response, "incomplete_details", "reason") or response.get("status") or "completed"
    yield end(-1, reason)


def _named(item: object, number: int) -> list[ReplyPart]:
    if at(item, "type") not in {"function_call", "custom_tool_call"}:
        return []
    return called(number, ("output", number), at(item, "name"), at(item, "call_id"))


def _item(item: object, number: int) -> Iterator[ReplyPart]:
    own: Scope = ("output", number)
    yield from _named(item, number)
    if at(item, "type") == "function_call":
        yield from arguments(number, (*own, "arguments"), own, at(item, "arguments"), whole=True)
    if at(item, "type") != "message":
        return
    for place, part in enumerate(listed(at(item, "content"))):
        for kind, name in _WHOLE.values():
            text = at(part, name)
            if isinstance(text, str):
                yield ReplyPart(kind, number, (*own, "content", place, name), text, whole=True)
