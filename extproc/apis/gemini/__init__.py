"""Google's Gemini API."""

from typing import Final

import msgspec

from extproc.apis.api import Api, ApiEvents
from extproc.apis.gemini import asked, events, replies, roles, usage
from extproc.payload import sse
from extproc.protocol.errors import ClientError

_STATES: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    504: "DEADLINE_EXCEEDED",
}
"""The words of Google's errors by their HTTP status (google.rpc.Code)."""


def _error_event(error: ClientError, sequence: int) -> bytes:  # noqa: ARG001  these events have no numbers
    """Google's SDKs read an error by its `code`, a number; the word for programs is the reason of an ErrorInfo."""
    reason = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": error.code, "domain": "extproc"}
    state = _STATES.get(error.status, "UNAVAILABLE" if error.status >= 500 else "FAILED_PRECONDITION")
    described = {"code": error.status, "message": error.message, "status": state, "details": [reason]}
    return sse.frame(msgspec.json.encode({"error": described}))


GEMINI: Final = Api(
    name="gemini",
    own_error_event=_error_event,
    events=ApiEvents(events.known, events.read, by_reason=True, over=events.is_over),
    usage=usage.usage,
    usage_marks=usage.MARKS,
    said=usage.SAID,
    role_of=roles.role_of,
    asked=asked.read_asked,
    reply=replies.read_reply,
)
