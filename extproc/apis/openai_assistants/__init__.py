"""OpenAI's assistants: runs on threads."""

from collections.abc import Mapping
from typing import Final

from extproc.apis.api import Api, ApiEvents
from extproc.apis.families import openai_usage
from extproc.apis.openai_assistants import events
from extproc.apis.roles import KeyPath, PassageRole, at, in_message
from extproc.apis.usage import ReportedUsage


def _usage(value: Mapping[str, object]) -> ReportedUsage | None:
    """A run reports its usage, and each of its steps a share of it."""
    return openai_usage.usage(value) if value.get("object") == "thread.run" else None


def _role_of(keys: KeyPath, value: object) -> PassageRole:
    """Return the role of the text at a place in a body for this API."""
    match keys:
        case ["instructions" | "additional_instructions", *_]:
            return "system"
        case ["tools", *_]:
            return "tool_definition"
        case ["tool_outputs", *_]:
            return "tool_result"
        case ["content", *_]:  # a message that is added to a thread
            return in_message(value, keys)
        case ["messages" | "additional_messages" as name, int(place), *rest]:
            return in_message(at(value, name, place), rest)
        case ["thread", "messages", int(place), *rest]:
            return in_message(at(value, "thread", "messages", place), rest)
    return "other"


THREADS: Final = Api(
    name="threads",
    events=ApiEvents(events.known, events.read, lenient=True),
    usage=_usage,
    usage_marks=openai_usage.MARKS,
    role_of=_role_of,
)
