"""OpenAI's dialects: chat completions, completions, embeddings, responses."""

from typing import ClassVar

import msgspec
from msgspec import Struct

from extproc.apis import request
from extproc.apis.api import Api
from extproc.payload import sse
from extproc.protocol.errors import ClientError

_MISSING = "You must provide a model parameter."
_MISSING_WITH_PROMPT = "You must provide a model parameter, also with a prompt template: the gateway routes by it."


class OpenAI(Struct, frozen=True):
    """An operation that tells of errors as most of OpenAI's do."""

    name: str
    operation: str
    path: str
    api: ClassVar[Api] = "openai"

    def read(self, body: bytes) -> request.Request:
        """See `Dialect.read`."""
        return request.read(body, _MISSING)

    def error(self, error: ClientError) -> bytes:
        """See `Dialect.error`."""
        return msgspec.json.encode({"error": _described(error)})

    def error_event(self, error: ClientError, sequence: int = 0) -> bytes:  # noqa: ARG002  these events have no numbers
        """See `Dialect.error_event`."""
        return sse.frame(self.error(error))


class Responses(OpenAI, frozen=True):
    """The responses API, whose events are named and numbered, errors among them."""

    def read(self, body: bytes) -> request.Request:
        """See `Dialect.read`.

        OpenAI lets a prompt template bring the model, which then is known to OpenAI alone; such a request is refused.
        """
        return request.read(body, _MISSING_WITH_PROMPT)

    def error_event(self, error: ClientError, sequence: int = 0) -> bytes:
        """See `Dialect.error_event`."""
        event = {
            "type": "error",
            "code": error.code,
            "message": error.message,
            "param": error.param,
            "sequence_number": sequence,
        }
        return sse.frame(msgspec.json.encode(event), "error")


CHAT = OpenAI("openai.chat", "chat", "/v1/chat/completions")
COMPLETIONS = OpenAI("openai.completions", "text_completion", "/v1/completions")
EMBEDDINGS = OpenAI("openai.embeddings", "embeddings", "/v1/embeddings")
RESPONSES = Responses("openai.responses", "chat", "/v1/responses")


def _described(error: ClientError) -> dict[str, str | None]:
    return {"message": error.message, "type": _type(error.status), "code": error.code, "param": error.param}


def _type(status: int) -> str:
    """The `type` that OpenAI's own answers have at a status.

    A wrong key, a model out of reach and a body too large are all invalid requests there; `code` tells them apart.
    """
    if status == 429:
        return "requests"
    return "server_error" if status >= 500 else "invalid_request_error"
