"""OpenAI's responses API."""

from typing import Final

import msgspec

from extproc.apis import request
from extproc.apis.api import Api, ApiEvents, ApiRequestPath
from extproc.apis.openai_responses import events, roles, usage
from extproc.apis.openai_responses.writer import ResponseEvents
from extproc.apis.request import Request
from extproc.payload import sse
from extproc.protocol.errors import ClientError

_MISSING = "You must provide a model parameter, also with a prompt template: the gateway routes by it."


def _read_request(body: bytes, claimed: ApiRequestPath) -> Request:  # noqa: ARG001  the path tells nothing
    """OpenAI lets a prompt template bring the model, which only OpenAI knows then; such a request is refused."""
    return request.read(body, _MISSING)


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
    read_request=_read_request,
    events=ApiEvents(events.known, events.read, lenient=True, repeats=True),
    scribe=ResponseEvents,
    own_error_event=_error_event,
    usage=usage.usage,
    usage_marks=usage.MARKS,
    role_of=roles.role_of,
)
