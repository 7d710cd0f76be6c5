"""Anthropic's messages API."""

from typing import Final

from extproc.apis.anthropic_messages import asked, events, replies, usage
from extproc.apis.anthropic_messages.writer import MessageEvents
from extproc.apis.api import Api, ApiEvents
from extproc.apis.families import ANTHROPIC, anthropic, anthropic_sealed

_PING: Final = b'event: ping\ndata: {"type": "ping"}\n\n'
"""The sign of life of the API itself, which may stand anywhere in a stream."""

MESSAGES: Final = Api(
    name="anthropic.messages",
    family=ANTHROPIC,
    paths=("/v1/messages",),
    events=ApiEvents(events.known, events.read, lenient=True, over=events.is_over, alive=_PING),
    scribe=MessageEvents,
    usage=usage.usage,
    usage_marks=usage.MARKS,
    said=usage.SAID,
    role_of=anthropic.role_of,
    asked=asked.read_asked,
    reply=replies.read_reply,
    sealed=anthropic_sealed.SEALED,
)
