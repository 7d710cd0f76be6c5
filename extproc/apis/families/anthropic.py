"""Anthropic's family: its errors, its list of models, and the roles in its messages."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from extproc.apis.families.family import ApiFamily
from extproc.apis.roles import KeyPath, PassageRole, at, in_message
from extproc.payload import sse
from extproc.protocol.errors import ClientError

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""Error types by status, as Anthropic's API documentation lists them; 503 is ours, Anthropic says 529 for it."""


def error_type(status: int) -> str:
    """Return the `type` of an error of that status."""
    return _TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")


def error_body(error: ClientError) -> bytes:
    """Return the JSON body of an error. Anthropic's errors have no place for `code` and `param`."""
    described = {"type": error_type(error.status), "message": error.message}
    return msgspec.json.encode({"type": "error", "error": described})


def _error_event(error: ClientError, sequence: int) -> bytes:  # noqa: ARG001  these events have no numbers
    return sse.frame(error_body(error), "error")


def _card(name: str, created: int) -> dict[str, Any]:
    made = datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"type": "model", "id": name, "display_name": name, "created_at": made}


def _model_list(names: Sequence[str], created: int) -> bytes:
    ends = {"first_id": names[0] if names else None, "last_id": names[-1] if names else None}
    return msgspec.json.encode({"data": [_card(name, created) for name in names], "has_more": False, **ends})


def _model_card(name: str, created: int) -> bytes:
    return msgspec.json.encode(_card(name, created))


def role_of(keys: KeyPath, value: object) -> PassageRole:
    """Return the role of the text at a place in the body of a message.

    Results of tools and documents stand in messages of the user, as parts of their own; what a server tool brought
    stands in the assistant's.
    """
    match keys[:2]:
        case ["system", *_]:
            return "system"
        case ["tools", *_]:
            return "tool_definition"
        case ["messages", int(place)]:
            return in_message(at(value, "messages", place), keys[2:])
    return "other"


ANTHROPIC: Final = ApiFamily(
    name="anthropic",
    error_type=error_type,
    error=error_body,
    error_event=_error_event,
    model_list=_model_list,
    model_card=_model_card,
    missing_model="model: Field required",
    headers=("anthropic-version",),
    context_exceeded="prompt is too long: {tokens} tokens > {limit} maximum",
)
