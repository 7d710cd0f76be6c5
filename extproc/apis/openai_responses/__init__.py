"""OpenAI's responses API."""

from typing import Final

import msgspec

from extproc.apis.api import Api, ApiEvents
from extproc.apis.openai_responses import asked, events, replies, roles, sealed, usage
from extproc.apis.openai_responses.writer import ResponseEvents
from extproc.payload import sse
from extproc.protocol.errors import ClientError

# OpenAI lets a prompt template bring the model, which only OpenAI knows then; such a request is refused.
_MISSING: Final = "You must provide a model parameter, also with a prompt template: the gateway routes by it."


def _error_event(error: ClientError, sequence: int) -> bytes:
    """Events of this API are named and numbered, errors among them."""
    event = {
        "type": "error",
        "code": error.code,
        "message": error.message,
        "param": error.param,
        "sequence_number": sequence,
    }
    return sse.frame(msgspec.json.encode(event), "error")


RESPONSES: Final = Api(
    name="openai.responses",
    paths=("/v1/responses",),
    missing_model=_MISSING,
    events=ApiEvents(events.known, events.read, lenient=True, repeats=True, over=events.is_over, alive=sse.ALIVE),
    scribe=ResponseEvents,
    own_error_event=_error_event,
    usage=usage.usage,
    usage_marks=usage.MARKS,
    said=usage.SAID,
    said_whole=usage.SAID_WHOLE,
    role_of=roles.role_of,
    asked=asked.read_asked,
    reply=replies.read_reply,
    sealed=sealed.SEALED,
)
