"""OpenAI's assistants: runs on threads."""

from collections.abc import Mapping
from typing import Final

from extproc.apis.api import Api, ApiEvents
from extproc.apis.families import openai_usage
from extproc.apis.openai_assistants import events, roles
from extproc.apis.usage import Usage


def _usage(value: Mapping[str, object]) -> Usage | None:
    """A run reports its usage, and each of its steps a share of it."""
    return openai_usage.usage(value) if value.get("object") == "thread.run" else None


THREADS: Final = Api(
    name="threads",
    events=ApiEvents(events.known, events.read, lenient=True),
    usage=_usage,
    usage_marks=openai_usage.MARKS,
    role_of=roles.role_of,
)
