"""MCP: JSON-RPC messages on paths of the operator's own."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, ClassVar, Final, TypeAlias

import msgspec
from msgspec import Raw, Struct

from extproc.apis.outline import Number, Object, Outline, text_of, values
from extproc.protocol.errors import ClientError

BLOCKED = -32000
"""The first of the codes that JSON-RPC 2.0 leaves to servers."""

CODES: Final = {
    "invalid_json": -32700,
    "invalid_utf8": -32700,
    "empty_body": -32700,
    "nesting_too_deep": -32700,
    "too_many_members": -32600,
    "repeated_member": -32600,
    "invalid_request": -32600,
    "mcp_method_denied": -32601,
    "mcp_tool_denied": -32602,
    "mcp_tool_unpinned": -32602,
}
"""JSON-RPC's codes of the errors that it has words for; a tool that is not there is a wrong parameter in MCP."""

MAX_ID = 256
"""Bytes of an id that is given back in an error; ids are numbers and UUIDs."""

MAX_CALLS = 16
"""Different calls of one body that conditions are asked about, each by itself. A body makes one; batches, which MCP has
given up, make a few."""

CALL = "tools/call"

SESSION_GONE: Final = "mcp_session_not_found"
"""The error of a session that no server has."""

_NULL = b"null"

MethodCall: TypeAlias = tuple[str, str]
"""A method, and the tool that it calls or an empty text."""


class Rpc(Struct, frozen=True):
    """A JSON-RPC message: errors are told in JSON-RPC, to the request of that `id` (JSON)."""

    id: bytes
    name: ClassVar[str] = "mcp"

    def error(self, error: ClientError) -> bytes:
        """The body that tells of an error."""
        return msgspec.json.encode(_described(self.id, error))

    def __repr__(self) -> str:
        return "Rpc()"


class RpcCalls(Struct, frozen=True):
    """The requests of a body on an MCP path, by their ids (JSON): errors are told to each of them."""

    ids: tuple[bytes, ...]
    batch: bool = False
    name: ClassVar[str] = "mcp"

    def error(self, error: ClientError) -> bytes:
        """The body that tells of an error."""
        if not self.ids:
            return msgspec.json.encode(_described(_NULL, error))
        told = [_described(each, error) for each in self.ids]
        return msgspec.json.encode(told if self.batch else told[0])

    def status(self, error: ClientError) -> int:
        """Return the HTTP status of an error: 200 for one that answers requests, but for those of the gateway itself.

        Clients wait for ever for the answer to a request whose POST fails: the error has to come as that answer. A
        session that is gone is 404 to them, and no other error is.
        """
        answers = bool(self.ids) and error.status < 500 and error.code != SESSION_GONE
        return 200 if answers else error.status

    def __repr__(self) -> str:
        return f"RpcCalls({len(self.ids)})"


def _described(identity: bytes, error: ClientError) -> dict[str, Any]:
    described = {"code": CODES.get(error.code, BLOCKED), "message": error.message, "data": {"code": error.code}}
    return {"jsonrpc": "2.0", "id": Raw(identity), "error": described}


def suspected(body: bytes) -> bool:
    """True if a body may be JSON-RPC. Cheap: an escape in the member's name begins with a backslash and a `u`."""
    return b"jsonrpc" in body or b"\\u" in body


def message(found: Outline) -> Rpc | None:
    """The JSON-RPC message that a body is, or None. A batch, and a message with two ids, is answered without an id."""
    if all(next(values(each, "jsonrpc"), None) is None for each in found.objects):
        return None
    ids = list(islice((value for each in found.objects for value in values(each, "id")), 2))
    return Rpc(_identity(ids[0]) if len(ids) == 1 and not found.batch else _NULL)


def calls(found: Outline) -> tuple[MethodCall, ...] | None:
    """The different calls that a body makes, `jsonrpc` or not; None if there are more than `MAX_CALLS`.

    If a member is repeated, every reading is a call. A body without a method makes the call ("", "").
    """
    every = {call: None for each in found.objects for call in islice(_calls(each), MAX_CALLS + 1)}
    if len(every) > MAX_CALLS:
        return None
    return tuple(every) or (("", ""),)


def _calls(each: Object) -> Iterator[MethodCall]:
    methods = dict.fromkeys(text_of(value) for value in values(each, "method") if _is_text(value))
    for method in methods or ("",):
        if method == CALL:
            yield from ((method, tool) for tool in _tools(each))
        else:
            yield method, ""


def _tools(each: Object) -> dict[str, None]:
    params = [value for value in values(each, "params") if isinstance(value, tuple)]
    tools = dict.fromkeys(text_of(value) for members in params for value in values(members, "name") if _is_text(value))
    return tools or {"": None}


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not isinstance(value, Number)


def _identity(value: Any) -> bytes:
    if not isinstance(value, str):
        return _NULL
    try:
        encoded = value.encode() if isinstance(value, Number) else msgspec.json.encode(value)
    except UnicodeError:
        return _NULL
    # An id that is not finite could not be given back.
    return encoded if len(encoded) <= MAX_ID and not encoded.endswith((b"N", b"y")) else _NULL
