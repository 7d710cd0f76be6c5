"""A request on the path of MCP servers: what decides about it, and what its body asks for."""

import base64
import binascii
from typing import Final

from msgspec import Struct

from extproc.apis.mcp import message
from extproc.apis.mcp.message import RpcBody, RpcMessage
from extproc.apis.mcp.request import RpcCalls
from extproc.protocol.errors import ClientError
from extproc.routing.mcp import McpRoute, McpRules, McpSession, check_allowed

ENCODED: Final = (b"=?base64?", b"?=")
"""The text around the value of `mcp-name` if it is no plain ASCII."""


NOBODY: Final = RpcCalls(())
"""Stands for messages that were not read: errors answer none of them."""


class McpCalls(Struct, frozen=True):
    """The messages of a body, and those of them that wait for answers; or why they go nowhere."""

    rpc: RpcCalls
    messages: tuple[RpcMessage, ...] = ()
    refused: ClientError | None = None

    def __repr__(self) -> str:
        return f"McpCalls({self.rpc})"


class McpExchange(Struct, frozen=True):
    """The basis of deciding about one request: the servers behind its path, what its tenant may call, and its session.

    `posts`: it brings messages. `hints`: the values of `mcp-method` and `mcp-name`, by which something in front of the
    server may route: they decide nothing here, and have to say what the body says. `filters`: something of responses
    may have to go.
    """

    route: McpRoute
    rules: McpRules
    session: McpSession | None
    posts: bool
    hints: tuple[bytes | None, bytes | None] = (None, None)
    filters: bool = False

    def read(self, body: bytes) -> McpCalls:
        """Return what a body without encodings asks for. Changes nothing, so that any thread may do it."""
        if not self.posts:
            unwanted = ClientError(400, "invalid_request", "A request of this HTTP method has no body here.")
            return McpCalls(NOBODY, refused=unwanted if body else None)
        try:
            found = message.read(body)
            self._check_hints(found)
        except ClientError as error:
            return McpCalls(NOBODY, refused=error)
        rpc = RpcCalls(tuple(each.id for each in found.messages if each.method and each.id), found.batch)
        try:
            check_allowed(self.rules, found)
        except ClientError as error:
            return McpCalls(rpc, refused=error)
        return McpCalls(rpc, found.messages)

    def _check_hints(self, body: RpcBody) -> None:
        """Refuse a body that asks for something else than the request's header fields say. Raises ClientError."""
        method, name = self.hints
        if method is None and name is None:
            return
        for each in body.messages:
            if method is not None and method != each.method.encode():
                raise message.invalid("The mcp-method field is not the method of the body.")
            if name is not None and _decoded(name) != (each.name or "").encode("utf-8", "surrogatepass"):
                raise message.invalid("The mcp-name field is not the name in the body.")

    def __repr__(self) -> str:
        return f"McpExchange({self.route.path})"


def _decoded(name: bytes) -> bytes:
    before, behind = ENCODED
    if not (name.lower().startswith(before) and name.endswith(behind)):
        return name
    try:
        return base64.b64decode(name[len(before) : -len(behind)], validate=True)
    except binascii.Error:
        raise message.invalid("The mcp-name field is not encoded as it says.") from None
