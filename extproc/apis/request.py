"""The members of a request's body that routing needs, and the one edit that routing makes in it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from extproc.payload.json.members import COMMON, WHITE, Span, Splice, members
from extproc.protocol.errors import ClientError

if TYPE_CHECKING:
    from extproc.apis.api import ApiRequestPath

MAX_MODEL = 256
"""Characters of a model's name: it goes into headers, logs and metadata. The longest in use (Hugging Face paths, AWS
ARNs, fine-tuned models) stay under 150."""

_ROUTING = frozenset({"model", "stream"})
"""Names that decide where a request goes and how it is answered. Go's decoder takes `Model` for `model`, too, so that a
backend written in Go could serve another model than the one that was judged."""

_STREAMING = frozenset({"stream"})
"""The same where the model stands in the path."""

ODD = (-1, -1)
"""Stands for the span of a member under another spelling of its name: lenient servers take it, others do not."""

_STREAM = {b"true": True, b"false": False, b"null": False}
_OPTIONS = "stream_options"
_TEXT = msgspec.json.Decoder(str)


class Request(Struct, frozen=True, gc=False):
    """The model and the kind of response that are asked for.

    `model_span`: the bytes of the body in which the name's JSON string stands, quotes included; None if the
    model stands in the path. `options`: the value of `stream_options`; None if there is none, and `ODD` if the name is
    spelt in another way.
    """

    model: str
    model_span: Span | None
    stream: bool
    options: Span | None = None


def read_request(body: bytes, claimed: "ApiRequestPath") -> Request:
    """Read a body with `stream`, and with `model` unless the path has it.

    Cost: about 8 parses by `msgspec.json.Decoder(dict[str, Raw])` for a 300-byte chat body; for larger
    ones see `members`.

    Raises:
        ClientError: 400; its message quotes nothing of the body.
    """
    spans, odd = members(body), False
    name, at, flag = claimed.model, spans.get("model"), spans.get("stream")
    if name is None and at is None:
        raise ClientError(400, "missing_model", claimed.api.missing_model or claimed.api.family.missing_model, "model")
    if not spans.keys() <= COMMON:
        deciding = _ROUTING if name is None else _STREAMING
        if any(each.casefold() in deciding for each in spans.keys() - COMMON):
            raise _miswritten(deciding)
        odd = any(each.casefold() == _OPTIONS for each in spans.keys() - COMMON)
    span = None
    if name is None and at is not None:
        token = body[at[0] : at[1]].rstrip(WHITE)
        if token[0] != b'"'[0]:
            raise ClientError(400, "invalid_model", "The model must be a string.", "model")
        name, span = _TEXT.decode(token), (at[0], at[0] + len(token))
    # The name is written into headers and logs: a line break there would be the client's own header or log line.
    if not name or len(name) > MAX_MODEL or not name.isprintable():
        raise _unfit(name)
    stream = False if flag is None else _STREAM.get(body[flag[0] : flag[1]].rstrip(WHITE))
    if stream is None:
        raise ClientError(400, "invalid_stream", "The parameter stream must be true or false.", "stream")
    return Request(name, span, stream, ODD if odd else spans.get(_OPTIONS))


def spliced(asked: Request, splices: Sequence[Splice] | None, claimed: "ApiRequestPath") -> Request | None:
    """Return what a body asks for once `splices`, in their order, were made in it; None if it has to be read again.

    That is so if they change the model, if they may change the names of members (then they are None), or if nobody
    knows where the API found the model.
    """
    if splices is None or (asked.model_span is None and claimed.model is None):
        return None
    model, options = asked.model_span, asked.options
    if model is not None:
        model = _moved(model, splices)
        if model is None:
            return None
    if options is not None and options is not ODD:
        options = _moved(options, splices)
        if options is None:
            return None
    same = model == asked.model_span and options == asked.options
    return asked if same else Request(asked.model, model, asked.stream, options)


def _moved(span: Span, splices: Sequence[Splice]) -> Span | None:
    """Return the place of a value once the splices were made; None if they are in it."""
    moved = 0
    for start, end, length in splices:
        if start >= span[1]:
            break
        if end > span[0]:
            return None
        moved += length - (end - start)
    return (span[0] + moved, span[1] + moved)


def rename(body: bytes, span: Span, model: str) -> bytes:
    """The body with another model in place of the string at `span`; every other byte stays."""
    view = memoryview(body)
    return b"".join((view[: span[0]], msgspec.json.encode(model), view[span[1] :]))


def _unfit(name: str | None) -> ClientError:
    """The refusal of a model's name that is not fit for headers and logs."""
    if not name:
        what = "not be empty"
    elif len(name) > MAX_MODEL:
        what = f"not be longer than {MAX_MODEL} characters"
    else:
        what = "consist of printable characters"
    return ClientError(400, "invalid_model", f"The model must {what}.", "model")


def _miswritten(deciding: frozenset[str]) -> ClientError:
    what = "members model and stream" if len(deciding) > 1 else "member stream"
    return ClientError(400, "repeated_member", f"The {what} must be written in lower case.")
