"""Cohere's chat API, both versions."""

from typing import Final

from extproc.apis.api import Api, ApiEvents
from extproc.apis.cohere import events, roles, usage

COHERE: Final = Api(
    name="cohere",
    events=ApiEvents(events.known, events.read),
    usage=usage.usage,
    usage_marks=usage.MARKS,
    role_of=roles.role_of,
)
