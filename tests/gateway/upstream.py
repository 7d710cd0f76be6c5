"""A backend that writes down what reached it, byte for byte as HTTP/1.1 framed it."""

import socketserver
import ssl
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

JSON_ANSWER = b'{"ok":true}'


@dataclass
class Request:
    """One request as it came."""

    line: str
    headers: list[tuple[str, str]]
    body: bytes = b""

    @property
    def path(self) -> str:
        return self.line.split(" ")[1]

    def get(self, name: str) -> str | None:
        return next((v for k, v in self.headers if k == name), None)


@dataclass
class Upstream:
    """A running backend on a port of its own."""

    answer_headers: dict[str, str] = field(default_factory=dict)
    context: ssl.SSLContext | None = None
    seen: list[Request] = field(default_factory=list)
    port: int = 0
    alpn: list[str | None] = field(default_factory=list)
    answer_body: bytes = JSON_ANSWER

    def __enter__(self) -> Self:
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                outer.serve(self)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, request: object, client_address: object) -> None:
                pass  # a client that goes away is part of the game

        self._server = Server(("127.0.0.1", 0), Handler)
        if self.context is not None:
            self._server.socket = self.context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def serve(self, handler: socketserver.StreamRequestHandler) -> None:
        if isinstance(handler.connection, ssl.SSLSocket):
            self.alpn.append(handler.connection.selected_alpn_protocol())
        while line := handler.rfile.readline():
            request = Request(line.decode().rstrip("\r\n"), [])
            while raw := handler.rfile.readline().rstrip(b"\r\n"):
                name, _, value = raw.decode("latin-1").partition(":")
                request.headers.append((name.lower(), value.strip()))
            request.body = _body(request, handler)
            self.seen.append(request)
            head = {
                "content-type": "application/json",
                **self.answer_headers,
                "content-length": str(len(self.answer_body)),
            }
            lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
            body = b"" if request.line.startswith("HEAD") else self.answer_body
            handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + lines.encode() + b"\r\n" + body)


def _body(request: Request, handler: socketserver.StreamRequestHandler) -> bytes:
    if request.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(handler.rfile.readline(), 16):
            body += handler.rfile.read(size)
            handler.rfile.readline()
        while handler.rfile.readline().rstrip(b"\r\n"):
            pass
        return body
    return handler.rfile.read(int(request.get("content-length") or 0))
