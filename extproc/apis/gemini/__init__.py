"""Google's Gemini API."""

from typing import Final

from extproc.apis.api import Api, ApiEvents
from extproc.apis.gemini import asked, events, replies, roles, usage

GEMINI: Final = Api(
    name="gemini",
    events=ApiEvents(events.known, events.read, by_reason=True),
    usage=usage.usage,
    usage_marks=usage.MARKS,
    role_of=roles.role_of,
    asked=asked.read_asked,
    reply=replies.read_reply,
)
