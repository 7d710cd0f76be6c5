"""A server that a test plays by hand, one connection long."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread


@contextmanager
def peer(play: Callable[[socket.socket], None]) -> Iterator[int]:
    """The port of a server that takes one connection, plays it and closes it; an error in the play fails the test."""
    errors: list[Exception] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)

        def run() -> None:
            try:
                connection, _ = server.accept()
                with connection:
                    connection.settimeout(5)
                    play(connection)
            except Exception as error:  # noqa: BLE001  - handed to the test's own thread
                errors.append(error)

        thread = Thread(target=run)
        thread.start()
        yield server.getsockname()[1]
        thread.join(10)
    assert errors == []


def read_until(connection: socket.socket, mark: bytes) -> bytes:
    """What comes, up to the mark or the peer's end."""
    seen = b""
    while mark not in seen and (data := connection.recv(65536)):
        seen += data
    return seen


def read_to_end(connection: socket.socket) -> None:
    """Wait until the peer goes, by whichever way."""
    try:
        while connection.recv(65536):
            pass
    except ConnectionResetError:
        pass
