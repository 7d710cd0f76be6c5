"""OpenAI's family: its errors and its list of models, which many other servers have, too."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from extproc.apis.families.family import ApiFamily
from extproc.payload import sse
from extproc.protocol.errors import ClientError

OWNER: Final = "extproc"
"""`owned_by` of every model: clients need not know who serves a virtual model."""


def error_type(status: int) -> str:
    """Return the `type` of OpenAI's own errors at a status.

    A wrong key, a model out of reach and a body too large are all invalid requests there; `code` tells them apart.
    """
    if status == 429:
        return "requests"
    return "server_error" if status >= 500 else "invalid_request_error"


def error_body(error: ClientError) -> bytes:
    """Return the JSON body of an error."""
    described = {
        "message": error.message,
        "type": error_type(error.status),
        "code": error.code,
        "param": error.param,
    }
    return msgspec.json.encode({"error": described})


def _error_event(error: ClientError, sequence: int) -> bytes:  # noqa: ARG001  these events have no numbers
    return sse.frame(error_body(error))


def _card(name: str, created: int) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": created, "owned_by": OWNER}


def _model_list(names: Sequence[str], created: int) -> bytes:
    return msgspec.json.encode({"object": "list", "data": [_card(name, created) for name in names]})


def _model_card(name: str, created: int) -> bytes:
    return msgspec.json.encode(_card(name, created))


OPENAI: Final = ApiFamily(
    name="openai",
    error_type=error_type,
    error=error_body,
    error_event=_error_event,
    model_list=_model_list,
    model_card=_model_card,
    missing_model="You must provide a model parameter.",
    context_exceeded="This model's maximum context length is {limit} tokens, and this request needs {tokens} tokens.",
)
"""Also the family of a client that shows none."""
