"""Exchanges on the paths of MCP servers, played through a transaction; work that is handed out is done at once."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from extproc.policy import loads
from extproc.protocol.effects import Chunk, Effect, Inspect, Proceed, Reject
from extproc.protocol.headers import Field
from extproc.protocol.messages import Inspected, Message, Side
from extproc.protocol.modes import BodyMode
from extproc.testing.playbook import Playbook, request_body, request_headers, response_body, response_headers
from extproc.transaction import Plan, Shared
from tests.records import logged

JSON: Final[Field] = ("content-type", b"application/json")
SSE: Final[Field] = ("content-type", b"text/event-stream")
BACKENDS: Final = """\
version: 1
backends:
  - {name: files, url: "http://files.example:9001/deep/mcp", api: mcp, credential: {bearer: {env: FILES}}}
  - {name: spare, url: "http://spare.example/mcp", api: mcp}
  - {name: search, url: "http://search.example", api: mcp}
"""
SECRETS: Final = {"files": b"planted-files-key"}
ONE: Final = "servers: [{name: files, backend: files}]"


def plan(mcp: str = ONE, more: str = "", secrets: Mapping[str, bytes] = SECRETS) -> Plan:
    """A plan whose section `mcp` has these fields."""
    return Plan.compile(loads(f"{BACKENDS}mcp: {{{mcp}}}\n{more}", "policy.yaml"), {**SECRETS, **secrets})


def message(method: str, identity: object = 1, **params: Any) -> dict[str, Any]:
    """A request, or a notification if `identity` is None."""
    told: dict[str, Any] = {"jsonrpc": "2.0", "id": identity, "method": method}
    if identity is None:
        del told["id"]
    return told | ({"params": params} if params else {})


def call(tool: str, identity: object = 1, **arguments: Any) -> dict[str, Any]:
    """A call of a tool."""
    return message("tools/call", identity, name=tool, arguments=arguments)


def result(identity: object = 1, **members: Any) -> dict[str, Any]:
    """A response."""
    return {"jsonrpc": "2.0", "id": identity, "result": members}


def dumped(value: object) -> bytes:
    """The bytes of a body: bytes themselves, or a value in JSON."""
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def events(*values: object) -> bytes:
    """A stream of these messages."""
    return b"".join(b"event: message\nid: %d\ndata: %s\n\n" % (at, dumped(each)) for at, each in enumerate(values))


class Played:
    """One exchange. `effects` are those of the last side that was played."""

    def __init__(self, own: Plan, mode: BodyMode = BodyMode.BUFFERED, shared: Shared | None = None) -> None:
        if shared is not None:
            shared.overridden.add(b"")
        self.book = Playbook(own, shared, request=mode)
        self.effects: list[Effect] = []

    def posts(self, body: object, *fields: Field, path: str = "/mcp", kind: Field | None = JSON) -> "Played":
        """A client posts."""
        self._sends(request_headers(path, *(() if kind is None else (kind,)), *fields))
        return self._sends(request_body(dumped(body)))

    def asks(self, method: str, *fields: Field, path: str = "/mcp") -> "Played":
        """A client sends a request without a body."""
        return self._sends(request_headers(path, *fields, method=method, end=True))

    def replies(self, body: bytes, kind: Field = JSON, *fields: Field, status: int = 200, cut: int = 0) -> "Played":
        """The server responds, in pieces of `cut` bytes."""
        self.effects.clear()
        self._sends(response_headers(status, kind, *fields))
        if self.refusal is not None:
            return self
        pieces = [body[at : at + cut] for at in range(0, len(body), cut)] if cut else [body]
        for piece in pieces[:-1]:
            self._sends(response_body(piece, end=False))
        return self._sends(response_body(pieces[-1]))

    def _sends(self, message: Message) -> "Played":
        if self.refusal is not None:
            return self
        for effect in self.book.sends(message).effects:
            if isinstance(effect, Inspect):
                self._sends(Inspected(effect.ticket, effect.work.run()))  # type: ignore[union-attr]
            else:
                self.effects.append(effect)
        return self

    @property
    def refusal(self) -> Reject | None:
        """What the client gets from the gateway alone."""
        return next((each for each in self.effects if isinstance(each, Reject)), None)

    @property
    def told(self) -> tuple[int, Any]:
        """The status and the body of the refusal."""
        assert self.refusal is not None, self.effects
        return self.refusal.status, json.loads(self.refusal.body)

    @property
    def error(self) -> tuple[int, object, int, str]:
        """The HTTP status of a refusal, the id that it answers, the code of JSON-RPC and the word for programs."""
        status, told = self.told
        assert told["jsonrpc"] == "2.0"
        return status, told["id"], told["error"]["code"], told["error"]["data"]["code"]

    @property
    def sets(self) -> dict[str, bytes]:
        """The header fields that were set."""
        mutations = [each.headers for each in self.effects if isinstance(each, Proceed) and each.headers]
        return {name: value for each in mutations for name, value in each.sets}

    @property
    def removes(self) -> set[str]:
        """The header fields that were removed."""
        mutations = [each.headers for each in self.effects if isinstance(each, Proceed) and each.headers]
        return {name for each in mutations for name in each.remove}

    def body(self, side: Side, sent: bytes) -> bytes:
        """The body that went on."""
        assert self.refusal is None, self.refusal.body
        of_side: Sequence[Any] = [
            each for each in self.effects if isinstance(each, Proceed | Chunk) and each.side is side
        ]
        pieces = [each.data if isinstance(each, Chunk) else each.body for each in of_side]
        known = [piece for piece in pieces if piece is not None]
        return b"".join(known) if known else sent

    def record(self) -> dict[str, Any]:
        """What the log says of the exchange."""
        return logged(self.book.leaves())


def listed(own: Plan, body: bytes, kind: Field = JSON, *, cut: int = 0, asked: object = None) -> bytes:
    """What a client gets of a response to `asked`, a list of tools unless told."""
    mode = BodyMode.FULL_DUPLEX_STREAMED if cut else BodyMode.BUFFERED
    played = Played(own, mode).posts(asked or message("tools/list")).replies(body, kind, cut=cut)
    return played.body(Side.RESPONSE, body)
