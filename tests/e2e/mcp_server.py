"""A small MCP server for tests: streamable HTTP with sessions, answers in JSON or events, a record of requests."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, NamedTuple

STREAMS: Final = "x-streams"
"""A header of requests that asks for events."""


class McpRequest(NamedTuple):
    """A request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


class McpStandIn:
    """`tools` are what it lists. Sessions have the server's name in their ids, and it knows its own alone."""

    def __init__(self, name: str, *tools: dict[str, Any]) -> None:
        self.name = name
        self.tools = list(tools)
        self.requests: list[McpRequest] = []
        self.sessions: set[str] = set()
        self.port = 0

    def answer(self, message: dict[str, Any]) -> dict[str, Any] | None:
        """Return the response to a message; None for what has none."""
        if "method" not in message or "id" not in message:
            return None
        match message["method"]:
            case "initialize":
                version = message["params"]["protocolVersion"]
                about = {"name": self.name, "version": "1"}
                result: dict[str, Any] = {
                    "protocolVersion": version,
                    "capabilities": {"tools": {"listChanged": True}},
                    "serverInfo": about,
                }
            case "tools/list":
                result = {"tools": self.tools}
            case "tools/call":
                told = f"{self.name} got {json.dumps(message['params'].get('arguments'))}"
                result = {"content": [{"type": "text", "text": told}], "structuredContent": {"told": told}}
            case "ping":
                result = {}
            case _:
                error = {"code": -32601, "message": "Method not found"}
                return {"jsonrpc": "2.0", "id": message["id"], "error": error}
        return {"jsonrpc": "2.0", "id": message["id"], "result": result}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stand_in: McpStandIn

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        raw = self.rfile.read(length) if length else self._chunks()
        body = json.loads(raw)
        self._recorded(body)
        messages = body if isinstance(body, list) else [body]
        session = self.headers.get("mcp-session-id")
        fields = {}
        if any(each.get("method") == "initialize" for each in messages):
            session = f"{self.stand_in.name}-{len(self.stand_in.sessions)}"
            self.stand_in.sessions.add(session)
            fields["mcp-session-id"] = session
        elif session is not None and session not in self.stand_in.sessions:
            self._says(404, b'{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session not found"}}')
            return
        answers = [each for each in map(self.stand_in.answer, messages) if each is not None]
        if not answers:
            self._says(202, b"")
        elif STREAMS in self.headers:
            progress = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "x"}}
            self._streams([progress, *answers], fields)
        else:
            self._says(200, json.dumps(answers if isinstance(body, list) else answers[0]).encode(), fields)

    def do_GET(self) -> None:
        self._recorded(None)
        changed = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
        pushed = {"jsonrpc": "2.0", "id": "pushed", "result": {"tools": self.stand_in.tools}}
        self._streams([changed, pushed], {})

    def do_DELETE(self) -> None:
        self._recorded(None)
        self.stand_in.sessions.discard(self.headers.get("mcp-session-id") or "")
        self._says(200, b"")

    def _recorded(self, body: Any) -> None:
        fields = {name.lower(): value for name, value in self.headers.items()}
        self.stand_in.requests.append(McpRequest(self.command, self.path, fields, body))

    def _chunks(self) -> bytes:
        found = b""
        while size := int(self.rfile.readline(), 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return found

    def _says(self, status: int, body: bytes, fields: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        if body:
            self.send_header("content-type", "application/json")
        for name, value in (fields or {}).items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _streams(self, messages: list[dict[str, Any]], fields: Mapping[str, str]) -> None:
        self.send_response(200)
        for name, value in {**fields, "content-type": "text/event-stream", "transfer-encoding": "chunked"}.items():
            self.send_header(name, value)
        self.end_headers()
        for at, each in enumerate(messages):
            event = b"event: message\nid: %d\ndata: %s\n\n" % (at, json.dumps(each).encode())
            for piece in (event[:40], event[40:]):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def mcp_server(name: str, *tools: dict[str, Any]) -> Iterator[McpStandIn]:
    """A running server."""
    stand_in = McpStandIn(name, *tools)
    handler = type("Handler", (_Handler,), {"stand_in": stand_in})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        stand_in.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield stand_in
        finally:
            server.shutdown()
            thread.join(5)
