"""Request lines: what `extproc explain` is asked about, a JSON object each."""

import json
import re
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Raw, Struct
from msgspec.structs import replace

from extproc.payload.json.members import members
from extproc.protocol.errors import ClientError

_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_LETTER: Final = rb"\\u0061"
"""Takes the place of one, and is as long."""


class SampleResponse(Struct, frozen=True, forbid_unknown_fields=True):
    """The answer to judge, in a request line."""

    status: int = 200
    headers: dict[str, str] = {}
    body: Raw = Raw()

    def __repr__(self) -> str:
        return f"SampleResponse({self.status})"


class SampleRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A request to explain.

    A body that is a JSON string stands for its own characters, so that bodies that are not JSON can be told; any other
    value stands for its very bytes. An answer without a content-type is JSON, or an event stream if it begins as one.
    `route_name` is that of Envoy's route, for policies that match it. `attributes` are further attributes of Envoy, and
    `metadata` what its filters wrote, by namespace, for policies that read tenants there. `time`: when it comes, with
    its zone; now if absent.
    """

    path: str
    method: str = "POST"
    headers: dict[str, str] = {}
    body: Raw = Raw()
    response: SampleResponse | None = None
    route_name: str = ""
    attributes: dict[str, str] = {}
    metadata: dict[str, dict[str, Any]] = {}
    time: Annotated[datetime, Meta(tz=True)] | None = None

    def __repr__(self) -> str:
        return f"SampleRequest(answered={self.response is not None})"


_decode: Final = msgspec.json.Decoder(SampleRequest).decode

_FIELDS: Final = (
    "a request line has a path, and may have method, headers, body, response, route_name, attributes, metadata and"
    " time; "
)

BARE_PATH: Final = "/v1/chat/completions"
"""The path that a bare body is sent to."""

_BARE: Final = frozenset({"model", "messages"})
"""Members that make an object without a `path` a bare body of that API."""


def read_line(text: bytes) -> SampleRequest:
    """Decodes a request line, or a bare body of the API. Raises ValueError with a sentence that quotes none of it."""
    try:
        try:
            return _decode(text)
        except msgspec.ValidationError:
            if _is_bare(text):
                return SampleRequest(BARE_PATH, body=Raw(text.strip()))
            raise
        except msgspec.DecodeError:
            if _SURROGATE.search(text) is None:
                raise
            return SampleRequest(BARE_PATH, body=Raw(text.strip())) if _is_bare(text) else _halved(text)
    except (msgspec.DecodeError, ClientError, RecursionError, UnicodeError) as error:
        raise ValueError(_plain(error)) from None


def spans(text: bytes) -> dict[str, tuple[int, int]]:
    """Return where each member's value stands in a line. Raises ValueError with a sentence that quotes none of it."""
    try:
        return members(_SURROGATE.sub(_LETTER, text)) if text.lstrip()[:1] == b"{" else {}
    except (ClientError, RecursionError, UnicodeError) as error:
        raise ValueError(_plain(error)) from None


def body_of(raw: Raw) -> bytes:
    """The bytes that a line's body stands for."""
    data = bytes(raw)
    if data[:1] != b'"':
        return b"" if data == b"null" else data
    try:
        said: str = msgspec.json.decode(data, type=str)
    except msgspec.DecodeError:
        said = json.loads(data)
    return said.encode("utf-8", "surrogatepass")


def _is_bare(text: bytes) -> bool:
    names = members(_SURROGATE.sub(_LETTER, text)).keys() if text.lstrip()[:1] == b"{" else set[str]()
    return "path" not in names and not _BARE.isdisjoint(names)


def _halved(text: bytes) -> SampleRequest:
    """A line with escapes of surrogates that have no other half: msgspec refuses them, clients do send them.

    Bodies are found in a copy that has letters in their place, and left out while the rest is decoded.
    """
    copy = _SURROGATE.sub(_LETTER, text)
    found = members(copy)
    spans = [found["body"]] if "body" in found else []
    body, answered = _cut(text, found.get("body")), Raw()
    if "response" in found:
        start, end = found["response"]
        inner = members(copy[start:end]).get("body") if copy[start : start + 1] == b"{" else None
        if inner is not None:
            spans.append((start + inner[0], start + inner[1]))
            answered = _cut(text, spans[-1])
    rest = text
    for start, end in sorted(spans, reverse=True):
        rest = rest[:start] + b"null" + rest[end:]
    line = _decode(rest)
    response = None if line.response is None else replace(line.response, body=answered)
    return replace(line, body=body, response=response)


def _cut(text: bytes, span: tuple[int, int] | None) -> Raw:
    return Raw() if span is None else Raw(text[span[0] : span[1]].strip())


def _plain(error: Exception) -> str:
    if isinstance(error, msgspec.ValidationError):
        return _FIELDS + str(error)
    return "this is not a JSON object"
