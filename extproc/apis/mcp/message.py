"""Strict reading of JSON-RPC messages: what two readers could take for two things is refused.

A server may be written in any language. Readers differ in which of two equal names counts, and Go's and Jackson's take
`Method` for `method`; so neither may stand in a message whose method or tool decides what is allowed.
"""

import re
from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

from extproc.apis.mcp.request import CALL, MAX_ID
from extproc.payload.json.members import Span, check_utf8, elements, members
from extproc.protocol.errors import ClientError

MAX_BATCH: Final = 64
"""Messages of a batch: clients that still send them, as the protocol's revision 2025-03-26 has them, put a few into
one. Each is judged between two messages of Envoy's, at 20 µs."""

MAX_METHOD: Final = 256
"""Characters of a method; the longest of the protocol has 36."""

MAX_NAME: Final = 1024
"""Characters of a tool's name. The protocol recommends 128 at the most."""


def spellings(*names: str) -> Mapping[str, str]:
    """Return names by what readers that ignore case take for them."""
    return {name.casefold(): name for name in names}


MESSAGE: Final = spellings("jsonrpc", "id", "method", "params", "result", "error")
"""Members of a message."""

_PARAMS: Final = spellings("name", "uri", "arguments", "cursor")
"""Members of `params` by which a message is told from others."""

_METHOD: Final = re.compile(rf"[A-Za-z0-9_$./-]{{1,{MAX_METHOD}}}", re.ASCII)
_NUMBER: Final = b"-0123456789"


class RpcMessage(Struct, frozen=True, gc=False):
    """One message of a client. `id`: as it came, in JSON, empty if it has none. `method`: empty for a response.

    `tool`: the tool that is called, None if the method calls none. `name`: what `params` says is asked for, a tool, a
    prompt or a resource.
    """

    id: bytes
    method: str
    tool: str | None = None
    name: str | None = None

    def __repr__(self) -> str:
        return "RpcMessage()"


class RpcBody(Struct, frozen=True, gc=False):
    """The messages of a body: one, or those of a batch."""

    messages: tuple[RpcMessage, ...]
    batch: bool = False

    def __repr__(self) -> str:
        return f"RpcBody({len(self.messages)} messages)"


def invalid(message: str) -> ClientError:
    """The refusal of what is JSON and no JSON-RPC, or not surely so."""
    return ClientError(400, "invalid_request", message)


def read(body: bytes) -> RpcBody:
    """Return the messages of a body. It costs 15 µs for a call of 300 bytes.

    Raises:
        ClientError: 400, `invalid_request` or an error of `payload.json.members`.
    """
    if not body:
        raise ClientError(400, "empty_body", "The request has no body; a JSON-RPC message is expected.")
    if not body.isascii():
        check_utf8(body)
    if body.lstrip(b" \t\r\n")[:1] != b"[":
        return RpcBody((_message(body),))
    spans = elements(body, MAX_BATCH)
    if spans is None:
        raise invalid(f"A batch of more than {MAX_BATCH} messages is not accepted.")
    if not spans:
        raise invalid("A batch has a message at least.")
    return RpcBody(tuple(_message(body[start:end]) for start, end in spans), batch=True)


def spelt(spans: Mapping[str, Span], known: Mapping[str, str]) -> None:
    """Refuse an object with a name that some reader takes for another one, of those that are `known`.

    Raises:
        ClientError: 400, `invalid_request`.
    """
    for name in spans:
        if known.get(name.casefold(), name) != name:
            raise invalid("A member's name differs from one of JSON-RPC or MCP by its case alone.")


def text(raw: bytes) -> str | None:
    """Return the string that a JSON value is; None if it is none."""
    if raw[:1] != b'"':
        return None
    decoded = msgspec.json.decode(raw)
    assert isinstance(decoded, str), "it begins with a quote"
    return decoded


def _message(raw: bytes) -> RpcMessage:
    spans = members(raw)
    spelt(spans, MESSAGE)
    values = {name: raw[start:end] for name, (start, end) in spans.items() if name in MESSAGE}
    if "jsonrpc" not in values or text(values["jsonrpc"]) != "2.0":
        raise invalid("The body is no JSON-RPC 2.0 message.")
    answers = sum(name in values for name in ("result", "error"))
    if answers + ("method" in values) != 1:
        raise invalid("A message has a method, a result or an error, and one of them alone.")
    identity = _id(values.get("id"))
    if answers:
        return RpcMessage(identity, "")
    method = text(values["method"])
    if method is None or _METHOD.fullmatch(method) is None:
        raise invalid(f"A method is a text of 1 to {MAX_METHOD} letters, digits and the signs _$./-.")
    if method != CALL and method.lower() == CALL:
        raise invalid("The method differs from tools/call by its case alone.")
    return _asked(identity, method, values.get("params"))


def _asked(identity: bytes, method: str, params: bytes | None) -> RpcMessage:
    """Return a request or a notification."""
    if params is None:
        if method == CALL:
            raise invalid("A call of a tool names the tool.")
        return RpcMessage(identity, method)
    if params[:1] != b"{":
        raise invalid("The parameters of a method are an object.")
    spans = members(params)
    spelt(spans, _PARAMS)
    named = {name: text(params[start:end]) for name, (start, end) in spans.items() if name in {"name", "uri"}}
    name = named.get("name", named.get("uri"))
    if method != CALL:
        return RpcMessage(identity, method, name=name)
    tool = named.get("name")
    if tool is None or not 1 <= len(tool) <= MAX_NAME:
        raise invalid(f"The name of a tool is a text of 1 to {MAX_NAME} characters.")
    return RpcMessage(identity, method, tool, tool)


def _id(raw: bytes | None) -> bytes:
    if raw is None:
        return b""
    raw = raw.rstrip(b" \t\r\n")
    if len(raw) > MAX_ID or not raw.startswith((b'"', *(b"%c" % each for each in _NUMBER))):
        raise invalid(f"The id of a message is a text or a number of at most {MAX_ID} bytes.")
    return raw
