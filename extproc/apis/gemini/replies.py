"""Replies of Gemini, streamed or whole, also as Cloud Code wraps them. The text parts of a candidate are one text."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from extproc.apis.events.event import Scope
from extproc.apis.events.source import index
from extproc.apis.gemini.events import response
from extproc.apis.reply import ReplyPart, arguments, called, end, listed
from extproc.apis.roles import at


def read_reply(value: Mapping[str, Any]) -> Sequence[ReplyPart] | None:
    """Return the parts in an event, or in a whole body."""
    answer = response(value)
    if answer is None:
        blocked = at(value, "promptFeedback", "blockReason")
        return None if blocked is None else [end(0, "safety")]
    parts: list[ReplyPart] = []
    for place, candidate in enumerate(listed(answer["candidates"])):
        parts += _candidate(candidate, index(candidate, place))
    return parts


def _candidate(candidate: object, number: int) -> Iterator[ReplyPart]:
    own: Scope = ("candidates", number)
    for place, part in enumerate(listed(at(candidate, "content", "parts"))):
        text, call = at(part, "text"), at(part, "functionCall")
        if isinstance(text, str) and text and at(part, "thought") is not True:
            yield ReplyPart("text", number, (*own, "text"), text)
        if isinstance(call, dict):
            # Every call comes whole, and several events may bring one in the same place.
            scope = (*own, "content", "parts", place)
            yield from called(number, scope, call.get("name"), call.get("id"))
            if "partialArgs" not in call:
                yield from arguments(number, (*scope, "functionCall", "args"), scope, call.get("args", {}), whole=True)
    reason = at(candidate, "finishReason")
    if isinstance(reason, str) and reason:
        yield end(number, reason)
