"""Replies of OpenAI's chat completions and completions, streamed or whole, and of the many servers that speak them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from extproc.apis.events.event import Scope
from extproc.apis.events.source import index
from extproc.apis.reply import ReplyPart, arguments, called, end, listed
from extproc.apis.roles import at


def read_reply(value: Mapping[str, Any]) -> Sequence[ReplyPart] | None:
    """Return the parts in an event, or in a whole body."""
    choices = value.get("choices")
    if not isinstance(choices, list):
        return None
    return [part for place, choice in enumerate(choices) for part in _choice(choice, index(choice, place))]


def _choice(choice: object, number: int) -> Iterator[ReplyPart]:
    if not isinstance(choice, dict):
        return
    own: Scope = ("choices", number)
    text, delta, message = choice.get("text"), choice.get("delta"), choice.get("message")
    if isinstance(text, str):
        yield ReplyPart("text", number, (*own, "text"), text)
    if isinstance(delta, dict):
        yield from said(delta, number, (*own, "message"), whole=False)
    if isinstance(message, dict):
        yield from said(message, number, (*own, "message"), whole=True)
    reason = choice.get("finish_reason")
    if reason:
        yield end(number, reason)


def said(message: Mapping[str, Any], number: int, own: Scope, *, whole: bool) -> Iterator[ReplyPart]:
    """Yield the parts of a message, or of the delta of one."""
    content = message.get("content")
    if isinstance(content, str):
        yield ReplyPart("text", number, (*own, "content"), content, whole=whole)
    for place, part in enumerate(listed(content)):  # Mistral's
        if at(part, "type") == "text" and isinstance(at(part, "text"), str):
            joined = not whole and index(part, -1) < 0  # with strings and parts of other events
            path = () if joined else (index(part, place), "text")
            yield ReplyPart("text", number, (*own, "content", *path), part["text"], whole=whole)
    refusal = message.get("refusal")
    if isinstance(refusal, str):
        yield ReplyPart("refusal", number, (*own, "refusal"), refusal, whole=whole)
    for place, call in enumerate(listed(message.get("tool_calls"))):
        yield from _call(call, number, (*own, "tool_calls", index(call, place)), whole=whole)
    function = message.get("function_call")
    if isinstance(function, dict):
        call = (*own, "function_call")
        yield from called(number, call, function.get("name"), "")
        yield from arguments(number, (*call, "arguments"), call, function.get("arguments"), whole=whole)


def _call(call: object, number: int, own: Scope, *, whole: bool) -> Iterator[ReplyPart]:
    function, custom = at(call, "function"), at(call, "custom")
    yield from called(number, own, at(function, "name") or at(custom, "name"), at(call, "id"))
    yield from arguments(number, (*own, "function", "arguments"), own, at(function, "arguments"), whole=whole)
