"""A backend whose responses are full of sealed values, and which keeps what it was sent."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from tests.sealing import PATHS, SealingProvider

LARGE: Final = 3_000_000
"""Bytes of a response to a request that says "large": more than Envoy holds of one."""


class SealingBackend:
    """A provider that can be reached. `bodies` are those of the requests that it got; with `fails`, it answers 503."""

    def __init__(self, name: str) -> None:
        self.provider = SealingProvider(name)
        self.bodies: list[bytes] = []
        self.paths: list[str] = []
        self.fails = False
        self.port = 0

    def answer(self, path: str, body: bytes) -> tuple[int, str, list[bytes]]:
        """The status, the content-type and the pieces of a response."""
        if self.fails:
            return 503, "application/json", [b'{"error": {"message": "down", "type": "server_error"}}']
        self.paths.append(path)
        self.bodies.append(body)
        dialect = next((each for each, own in PATHS.items() if own == path), None)
        if dialect is None:
            return 200, "application/json", [json.dumps(self.provider.reply("responses")).encode()]
        reply = self.provider.reply(dialect, light=b"light" in body)
        if b"large" in body:
            reply["pad"] = "x" * LARGE
        if json.loads(body).get("stream"):
            return 200, "text/event-stream", self.provider.events(dialect, reply)
        return 200, "application/json", [json.dumps(reply).encode()]


@contextmanager
def sealing_backend(name: str) -> Iterator[SealingBackend]:
    """A running backend."""
    backend = SealingBackend(name)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers.get("content-length") or 0))
            if self.headers.get("transfer-encoding") == "chunked":
                sent = self._chunked()
            status, kind, pieces = backend.answer(self.path, sent)
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            for piece in pieces:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")

        do_GET = do_POST  # noqa: N815  - the library's name

        def _chunked(self) -> bytes:
            found = b""
            while size := int(self.rfile.readline(), 16):
                found += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return found

        def log_message(self, *_: object) -> None:
            """Nothing is logged."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        backend.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield backend
        server.shutdown()
        thread.join(5)
