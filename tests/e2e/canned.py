"""A backend that answers every request with one response, of which each piece is written by itself."""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


@contextmanager
def canned() -> Iterator["Canned"]:
    """A running backend; what it answers may be changed at any time."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        backend = Canned(server)
        thread = threading.Thread(target=backend.serve, daemon=True)
        thread.start()
        yield backend
        backend.over = True
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


class Canned:
    """What is answered: pieces of a body under a content-type."""

    def __init__(self, server: socket.socket) -> None:
        self._server = server
        self.port: int = server.getsockname()[1]
        self.content_type = "text/event-stream"
        self.pieces: Sequence[bytes] = ()
        self.over = False

    def serve(self) -> None:
        """Answers one connection after the other, each closed behind its response."""
        while True:
            try:
                link, _ = self._server.accept()
            except OSError:
                return
            with link:
                self._answer(link)

    def _answer(self, link: socket.socket) -> None:
        asked = b""
        while b"\r\n\r\n" not in asked:
            asked += link.recv(65536)
        kind = f"content-type: {self.content_type}\r\n" if self.content_type else ""
        head = f"HTTP/1.1 200 OK\r\n{kind}connection: close\r\ntransfer-encoding: chunked\r\n\r\n"
        parts = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in self.pieces if piece]
        try:
            for part in (head.encode(), *parts, b"0\r\n\r\n"):
                link.sendall(part)
            link.shutdown(socket.SHUT_WR)
            while link.recv(65536):
                pass
        except OSError:
            return  # whoever has been blocked is gone
