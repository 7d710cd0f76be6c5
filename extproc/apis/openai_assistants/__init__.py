"""OpenAI's assistants: runs on threads."""

from typing import Final

from extproc.apis.api import Api, ApiEvents
from extproc.apis.openai_assistants import events

THREADS: Final = Api(
    name="threads",
    events=ApiEvents(events.known, events.read, lenient=True),
)
