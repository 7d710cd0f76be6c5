"""Cohere's chat API, both versions."""

from collections.abc import Mapping
from typing import Any, Final

from extproc.apis.api import Api, ApiEvents
from extproc.apis.asked import Asked
from extproc.apis.cohere import events, replies, usage
from extproc.apis.families import openai_asked
from extproc.apis.roles import KeyPath, PassageRole, at, in_message


def _role_of(keys: KeyPath, value: object) -> PassageRole:
    """Return the role of the text at a place in a body for this API."""
    match keys[:2]:
        case ["messages" | "chat_history" as name, int(place)]:
            return in_message(at(value, name, place), keys[2:])
        case ["message", *_]:
            return "user"
        case ["preamble", *_]:
            return "system"
        case ["documents", *_]:
            return "file"
        case ["tools", *_]:
            return "tool_definition"
        case ["tool_results", *_]:
            return "tool_result"
    return "other"


_OWN: Final = frozenset({"message", "chat_history", "preamble", "documents", "citation_options", "citation_quality"})
"""Members of requests that no other API of chats has."""


def _asked(value: Mapping[str, Any]) -> Asked | None:
    """Read a request; None without a member that is Cohere's own."""
    return None if _OWN.isdisjoint(value) else openai_asked.read_asked(value)


COHERE: Final = Api(
    name="cohere",
    events=ApiEvents(events.known, events.read),
    usage=usage.usage,
    usage_marks=usage.MARKS,
    said=usage.SAID,
    role_of=_role_of,
    asked=_asked,
    reply=replies.read_reply,
)
