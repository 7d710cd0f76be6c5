"""Cohere's chat API, both versions."""

from typing import Final

from extproc.apis.api import Api, ApiEvents
from extproc.apis.cohere import events, usage
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


COHERE: Final = Api(
    name="cohere",
    events=ApiEvents(events.known, events.read),
    usage=usage.usage,
    usage_marks=usage.MARKS,
    role_of=_role_of,
)
