"""MCP: JSON-RPC messages on paths of the operator's own."""

from typing import ClassVar

import msgspec
from msgspec import Raw, Struct

from extproc.llm.dialect import Api
from extproc.protocol.errors import ClientError

BLOCKED = -32000
"""The first of the codes that JSON-RPC 2.0 leaves to servers."""

MAX_ID = 256
"""Bytes of an id that is given back in an error; ids are numbers and UUIDs."""

_NULL = b"null"


class _Params(Struct):
    name: str = ""


class _Message(Struct):
    jsonrpc: str
    method: str = ""
    id: Raw = Raw(_NULL)
    params: Raw = Raw(b"{}")


class Rpc(Struct, frozen=True):
    """One JSON-RPC message: whose errors are told in JSON-RPC, to the request of that `id` (JSON)."""

    method: str
    tool: str
    id: bytes
    name: ClassVar[str] = "mcp"
    api: ClassVar[Api] = "openai"

    def error(self, error: ClientError) -> bytes:
        """The body that tells of an error."""
        described = {"code": BLOCKED, "message": error.message, "data": {"code": error.code}}
        return msgspec.json.encode({"jsonrpc": "2.0", "id": Raw(self.id), "error": described})

    def __repr__(self) -> str:
        return "Rpc()"


def read(body: bytes) -> Rpc | None:
    """The JSON-RPC message that `body` is; None if it is none. Of a batch, nothing but that it is one is told."""
    if body[:1] == b"[" and b'"jsonrpc"' in body:
        return Rpc("", "", _NULL)
    if b'"jsonrpc"' not in body:
        return None
    try:
        message = _MESSAGE.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None
    identity = bytes(message.id)
    return Rpc(message.method, _tool(message), identity if len(identity) <= MAX_ID else _NULL)


def _tool(message: _Message) -> str:
    if message.method != "tools/call":
        return ""
    try:
        return _PARAMS.decode(message.params).name
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return ""


_MESSAGE = msgspec.json.Decoder(_Message)
_PARAMS = msgspec.json.Decoder(_Params)
