"""The members of a request's body that routing needs, and the one edit that routing makes in it."""

import msgspec
from msgspec import Struct

from extproc.payload.json.members import COMMON, WHITE, Span, members
from extproc.protocol.errors import ClientError

MAX_MODEL = 256
"""Characters of a model's name: it goes into headers, logs and metadata. The longest in use (Hugging Face paths, AWS
ARNs, fine-tuned models) stay under 150."""

_ROUTING = frozenset({"model", "stream"})
"""Names that decide where a request goes and how it is answered. Go's decoder takes `Model` for `model`, too, so that a
backend written in Go could serve another model than the one that was judged."""

_STREAM = {b"true": True, b"false": False, b"null": False}
_TEXT = msgspec.json.Decoder(str)


class Request(Struct, frozen=True, gc=False):
    """The model and the kind of response that are asked for.

    `model_span`: the bytes of the body in which the name's JSON string stands, quotes included; None if the
    model stands in the path.
    """

    model: str
    model_span: Span | None
    stream: bool


def read(body: bytes, missing: str) -> Request:
    """Read a request; `missing` is what to say when it names no model.

    Cost: about 8 parses by `msgspec.json.Decoder(dict[str, Raw])` for a 300-byte chat body; for larger
    ones see `members`.

    Raises:
        ClientError: 400; its message quotes nothing of the body.
    """
    spans = members(body)
    model = spans.get("model")
    if model is None:
        raise ClientError(400, "missing_model", missing, "model")
    if not spans.keys() <= COMMON and any(name.casefold() in _ROUTING for name in spans.keys() - COMMON):
        raise ClientError(400, "repeated_member", "The members model and stream must be written in lower case.")
    token = body[model[0] : model[1]].rstrip(WHITE)
    if token[0] != b'"'[0]:
        raise ClientError(400, "invalid_model", "The model must be a string.", "model")
    span = (model[0], model[0] + len(token))
    stream = spans.get("stream")
    return Request(checked(_TEXT.decode(token)), span, False if stream is None else _stream(body, stream))


def read_without_model(body: bytes, model: str) -> Request:
    """Read a request whose model stands in its path. Raises ClientError, 400, as `read` does."""
    spans = members(body)
    if not spans.keys() <= COMMON and any(name.casefold() == "stream" for name in spans.keys() - COMMON):
        raise ClientError(400, "repeated_member", "The member stream must be written in lower case.")
    stream = spans.get("stream")
    return Request(checked(model), None, False if stream is None else _stream(body, stream))


def rename(body: bytes, span: Span, model: str) -> bytes:
    """The body with another model in place of the string at `span`; every other byte stays."""
    view = memoryview(body)
    return b"".join((view[: span[0]], msgspec.json.encode(model), view[span[1] :]))


def checked(name: str) -> str:
    """Return the name of a model if it is fit for headers and logs. Raises ClientError, 400."""
    if not name:
        raise ClientError(400, "invalid_model", "The model must not be empty.", "model")
    if len(name) > MAX_MODEL:
        raise ClientError(400, "invalid_model", f"The model must not be longer than {MAX_MODEL} characters.", "model")
    # The name is written into headers and logs: a line break there would be the client's own header or log line.
    if not name.isprintable():
        raise ClientError(400, "invalid_model", "The model must consist of printable characters.", "model")
    return name


def _stream(body: bytes, span: Span) -> bool:
    stream = _STREAM.get(body[span[0] : span[1]].rstrip(WHITE))
    if stream is None:
        raise ClientError(400, "invalid_stream", "The parameter stream must be true or false.", "stream")
    return stream
