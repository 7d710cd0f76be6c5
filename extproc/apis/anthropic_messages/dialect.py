"""Anthropic's dialects: messages, and counting their tokens."""

from typing import ClassVar

import msgspec
from msgspec import Struct

from extproc.apis import request
from extproc.apis.api import Api
from extproc.payload import sse
from extproc.protocol.errors import ClientError

_MISSING = "model: Field required"

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


class Anthropic(Struct, frozen=True):
    """An operation on Anthropic's messages."""

    name: str
    operation: str
    path: str
    api: ClassVar[Api] = "anthropic"

    def read(self, body: bytes) -> request.Request:
        """See `Dialect.read`."""
        return request.read(body, _MISSING)

    def error(self, error: ClientError) -> bytes:
        """See `Dialect.error`. Anthropic's errors have no place for `code` and `param`."""
        described = {"type": _type(error.status), "message": error.message}
        return msgspec.json.encode({"type": "error", "error": described})

    def error_event(self, error: ClientError, sequence: int = 0) -> bytes:  # noqa: ARG002  these events have no numbers
        """See `Dialect.error_event`."""
        return sse.frame(self.error(error), "error")


MESSAGES = Anthropic("anthropic.messages", "chat", "/v1/messages")
COUNT_TOKENS = Anthropic("anthropic.count_tokens", "count_tokens", "/v1/messages/count_tokens")


def _type(status: int) -> str:
    return _TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")
