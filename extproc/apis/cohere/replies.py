"""Replies of Cohere's chat of both versions, streamed or whole."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from extproc.apis.cohere.events import known
from extproc.apis.events.event import Scope
from extproc.apis.events.source import index
from extproc.apis.reply import ReplyPart, arguments, called, end, listed
from extproc.apis.roles import at


def read_reply(value: Mapping[str, Any]) -> Sequence[ReplyPart] | None:
    """Return the parts in an event, or in a whole body."""
    if known(value):
        return list(_second(value) if "type" in value else _first(value))
    message = value.get("message")
    if isinstance(message, dict) and "finish_reason" in value:
        return list(_whole(message, value["finish_reason"]))
    if isinstance(value.get("text"), str) and "generation_id" in value:
        calls = [part for at_, call in enumerate(listed(value.get("tool_calls"))) for part in _call(call, at_)]
        return [ReplyPart("text", 0, ("text",), value["text"], whole=True), *calls, end(0, value.get("finish_reason"))]
    return None


def _second(value: Mapping[str, Any]) -> Iterator[ReplyPart]:
    place, message = index(value, 0), at(value, "delta", "message")
    own: Scope = ("tool_calls", place)
    match value["type"]:
        case "content-start" | "content-delta":
            text = at(message, "content", "text")
            if isinstance(text, str) and text:
                yield ReplyPart("text", 0, ("content", place, "text"), text)
        case "tool-call-start" | "tool-call-delta":
            call = at(message, "tool_calls")
            yield from called(0, own, at(call, "function", "name"), at(call, "id"))
            given = at(call, "function", "arguments")
            yield from arguments(0, (*own, "function", "arguments"), own, given, whole=False)
        case "message-end":
            yield end(0, at(value, "delta", "finish_reason"))


def _first(value: Mapping[str, Any]) -> Iterator[ReplyPart]:
    match value["event_type"]:
        case "text-generation":
            text = value.get("text")
            if isinstance(text, str):
                yield ReplyPart("text", 0, ("text",), text)
        case "tool-calls-generation":
            for place, call in enumerate(listed(value.get("tool_calls"))):
                yield from _call(call, place)
        case "stream-end":
            yield end(0, value.get("finish_reason"))


def _call(call: object, place: int) -> Iterator[ReplyPart]:
    own: Scope = ("tool_calls", place)
    yield from called(0, own, at(call, "name"), "")
    yield from arguments(0, (*own, "parameters"), own, at(call, "parameters"), whole=True)


def _whole(message: Mapping[str, Any], reason: object) -> Iterator[ReplyPart]:
    for place, part in enumerate(listed(message.get("content"))):
        if at(part, "type") == "text" and isinstance(at(part, "text"), str):
            yield ReplyPart("text", 0, ("message", "content", place, "text"), part["text"], whole=True)
    for place, call in enumerate(listed(message.get("tool_calls"))):
        own: Scope = ("message", "tool_calls", place)
        yield from called(0, own, at(call, "function", "name"), at(call, "id"))
        given = at(call, "function", "arguments")
        yield from arguments(0, (*own, "function", "arguments"), own, given, whole=True)
    yield end(0, reason)
