"""Google's Gemini API."""

from typing import Final

from extproc.apis.api import Api, ApiEvents
from extproc.apis.gemini import events

GEMINI: Final = Api(
    name="gemini",
    events=ApiEvents(events.known, events.read, by_reason=True),
)
