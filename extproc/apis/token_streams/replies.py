"""Replies of llama.cpp, Ollama, TGI and Anthropic's old completions, streamed or whole."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from extproc.apis.events.event import Scope
from extproc.apis.events.source import is_index
from extproc.apis.reply import ReplyPart, arguments, called, end, listed
from extproc.apis.roles import at
from extproc.apis.token_streams.events import known


def read_reply(value: Mapping[str, Any]) -> Sequence[ReplyPart] | None:
    """Return the parts in an event, or in a whole body."""
    if known(value) or isinstance(value.get("generated_text"), str):
        return list(_read(value))
    return None


def _read(value: Mapping[str, Any]) -> Iterator[ReplyPart]:
    given = None if "token" in value else value.get("index")
    number = given if is_index(given) else 0
    for path in (("content",), ("response",), ("completion",), ("message", "content"), ("token", "text")):
        text = at(value, *path)
        if isinstance(text, str) and text and at(value, "token", "special") is not True:
            yield ReplyPart("text", number, (number, *path), text)
    text = value.get("generated_text")
    if isinstance(text, str):
        yield ReplyPart("text", number, (number, "token", "text"), text, whole=True)
    for place, call in enumerate(listed(at(value, "message", "tool_calls"))):  # Ollama's
        own: Scope = (number, "message", "tool_calls", place)
        yield from called(number, own, at(call, "function", "name"), at(call, "id"))
        yield from arguments(number, (*own, "arguments"), own, at(call, "function", "arguments"), whole=True)
    yield from _end(value, number)


def _end(value: Mapping[str, Any], number: int) -> Iterator[ReplyPart]:
    reason = value.get("done_reason") or value.get("stop_type") or value.get("stop_reason")
    reason = reason or at(value, "details", "finish_reason")
    over = value.get("done") is True or value.get("stop") is True or isinstance(value.get("generated_text"), str)
    if over or (reason and value.get("type") == "completion"):
        cut = value.get("stopped_limit") is True or value.get("truncated") is True
        yield end(number, "length" if cut else reason or "stop")
