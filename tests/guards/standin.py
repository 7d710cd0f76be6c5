"""A stand-in for a guard's service: it records what it is asked, and answers as a test says, wrongly as well."""

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

JSON: Final = "application/json"


@dataclass
class Asked:
    """One request that came."""

    path: str
    fields: dict[str, str]
    body: bytes
    connection: int

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


@dataclass
class Reply:
    """What is answered."""

    body: bytes = b"{}"
    status: int = 200
    kind: str = JSON
    fields: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    hangs_up: bool = False
    """The connection is closed instead."""

    @classmethod
    def json(cls, value: Any, **more: Any) -> "Reply":
        """JSON."""
        return cls(json.dumps(value).encode(), **more)


PASS: Final = Reply.json({"action": {"reason": "fine"}})
REJECT: Final = Reply.json({"action": {"body": "no", "status_code": 403, "reason": "bad"}})

Answering = Callable[[Asked], Reply]


class Standin:
    """A running service. `answers` may be changed at any time."""

    def __init__(self, port: int, secure: bool) -> None:
        self.port = port
        self.url = f"{'https' if secure else 'http'}://{'localhost' if secure else '127.0.0.1'}:{port}"
        self.answers: Answering = lambda _: PASS
        self.asked: list[Asked] = []
        self.now = self.most = 0
        """Requests that are being answered, and the most of them at once."""
        self.lock = threading.Lock()

    @property
    def connections(self) -> int:
        """How many connections brought requests."""
        return len({each.connection for each in self.asked})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    standin: Standin

    def do_POST(self) -> None:  # the library calls it so
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        fields = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.path, fields, body, id(self.connection))
        standin = self.standin
        with standin.lock:
            standin.asked.append(asked)
            standin.now += 1
            standin.most = max(standin.most, standin.now)
        try:
            self._answer(standin.answers(asked))
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self.close_connection = True
        finally:
            with standin.lock:
                standin.now -= 1

    def _answer(self, reply: Reply) -> None:
        time.sleep(reply.delay)
        if reply.hangs_up:
            self.close_connection = True
            return
        self.send_response(reply.status)
        if reply.kind:
            self.send_header("content-type", reply.kind)
        self.send_header("content-length", str(len(reply.body)))
        for name, value in reply.fields.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: Any) -> None:
        """A client that leaves in the middle of a handshake is no news."""


@contextmanager
def standin(tls: ssl.SSLContext | None = None) -> Iterator[Standin]:
    """A running service on loopback; over TLS with a context."""
    handler = type("_Bound", (_Handler,), {})
    with _Server(("127.0.0.1", 0), handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        found = handler.standin = Standin(server.server_address[1], tls is not None)  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield found
        server.shutdown()
        thread.join(5)
