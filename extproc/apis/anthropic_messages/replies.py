"""Replies of Anthropic's messages, streamed or whole. All text blocks are one text, as clients join them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from extproc.apis.events.event import Scope
from extproc.apis.events.source import index
from extproc.apis.reply import ReplyPart, arguments, called, end, listed
from extproc.apis.roles import at


def read_reply(value: Mapping[str, Any]) -> Sequence[ReplyPart] | None:
    """Return the parts in an event, or in a whole body."""
    match value.get("type"):
        case "content_block_delta":
            return list(_piece(value.get("delta"), index(value, 0)))
        case "content_block_start":
            return list(_block(value.get("content_block"), index(value, 0), whole=False))
        case "message_delta":
            reason = at(value, "delta", "stop_reason")
            return [] if reason is None else [end(0, reason)]
        case "message":
            return list(_message(value))
        case "message_start":
            message = value.get("message")
            return list(_message(message)) if isinstance(message, dict) else []
        case "content_block_stop" | "message_stop" | "ping" | "error":
            return []
    return None


def _message(message: Mapping[str, Any]) -> Iterator[ReplyPart]:
    for place, block in enumerate(listed(message.get("content"))):
        yield from _block(block, place, whole=True)
    if message.get("stop_reason") is not None:
        yield end(0, message["stop_reason"])


def _block(block: object, place: int, *, whole: bool) -> Iterator[ReplyPart]:
    own: Scope = ("content", place)
    match at(block, "type"):
        case "text":
            text = at(block, "text")
            if isinstance(text, str) and text:
                yield ReplyPart("text", 0, (*own, "text"), text, whole=whole)
        case "tool_use":
            yield from called(0, own, at(block, "name"), at(block, "id"))
            # What a stream begins with is empty, and its pieces are the text of another value.
            if whole or at(block, "input"):
                yield from arguments(0, (*own, "input"), own, at(block, "input"), whole=True)


def _piece(delta: object, place: int) -> Iterator[ReplyPart]:
    own: Scope = ("content", place)
    match at(delta, "type"):
        case "text_delta":
            text = at(delta, "text")
            if isinstance(text, str):
                yield ReplyPart("text", 0, (*own, "text"), text)
        case "input_json_delta":
            yield from arguments(0, (*own, "input"), own, at(delta, "partial_json"), whole=False)
