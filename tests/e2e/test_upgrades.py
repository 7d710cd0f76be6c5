"""WebSockets: they pass where nobody claims the path and the operator lets them; on a claimed path they are refused."""

import socket
import threading
from collections.abc import Iterator

import pytest

from extproc.gateway.bootstrap import Json, Profile
from extproc.testing import eventually
from extproc.testing.clients.http1 import Http1
from tests.e2e.conftest import Pool
from tests.e2e.gateway import Gateway, manager

pytestmark = pytest.mark.envoy

WITHIN = 10.0
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
POLICY = """\
version: 1
backends: [{name: echo, url: "http://127.0.0.1:PORT/v1", api: openai, credential: {bearer: {env: NORTH_KEY}}}]
models: [{name: chat, targets: [{backend: echo}]}]
default_backend: echo
"""


def websockets(whole: Json) -> None:
    """A listener that lets connections be upgraded."""
    manager(whole)["upgrade_configs"] = [{"upgrade_type": "websocket"}]


class Echo:
    """A backend that switches protocols and then says back what it hears."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        self.gone = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            self.heads.append(until(connection, b"\r\n\r\n"))
            connection.sendall(SWITCHED)
            for data in iter(lambda: connection.recv(65536), b""):
                connection.sendall(data)
        self.gone += 1


def until(connection: socket.socket, end: bytes) -> bytes:
    """What is received up to and with `end`, or up to the connection's end."""
    data = b""
    while not data.endswith(end) and (more := connection.recv(65536)):
        data += more
    return data


def exactly(connection: socket.socket, size: int) -> bytes:
    """So many bytes, or fewer at the connection's end."""
    data = b""
    while len(data) < size and (more := connection.recv(size - len(data))):
        data += more
    return data


@pytest.fixture(scope="module")
def echo() -> Iterator[Echo]:
    running = Echo()
    yield running
    running.close()


@pytest.fixture
def upgrading(pool: Pool, echo: Echo, transport: str, profile: Profile) -> Iterator[Gateway]:
    gateway = pool.gateway(POLICY.replace("PORT", str(echo.port)), transport, profile, websockets)
    echo.heads.clear()
    yield gateway
    gateway.check()


def head(method: str, path: str) -> bytes:
    """A request for an upgrade."""
    line = f"{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
    line += "sec-websocket-protocol: realtime, openai-insecure-api-key.CLIENT\r\n"
    return f"{line}authorization: Bearer CLIENT\r\nx-extproc-cluster: other\r\n\r\n".encode()


def refused(gateway: Gateway, method: str, path: str) -> tuple[int, str]:
    """The status and the code of the answer to a request for an upgrade."""
    with Http1(gateway.port, within=WITHIN) as client:
        answer = client.raw(head(method, path))
        return answer.status, answer.json()["error"]["code"]


def test_an_upgraded_connection_carries_bytes_both_ways(upgrading: Gateway, echo: Echo) -> None:
    gone = echo.gone
    with socket.create_connection(("127.0.0.1", upgrading.port), WITHIN) as connection:
        connection.sendall(head("GET", "/v1/realtime?model=chat"))
        assert until(connection, b"\r\n\r\n").startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
        for said in (b"hello", bytes(range(256)) * 400, b"bye"):
            connection.sendall(said)
            assert exactly(connection, len(said)) == said
        assert upgrading.envoy.stats("http.extproc.downstream_cx_upgrades_active").popitem()[1] == 1
    (heard,) = echo.heads
    assert heard.startswith(b"GET /v1/realtime?model=chat HTTP/1.1\r\n")
    assert b"x-extproc" not in heard
    assert b"CLIENT" not in heard
    assert b"authorization: Bearer north-secret-1\r\n" in heard
    assert b"sec-websocket-protocol: realtime\r\n" in heard
    assert eventually(lambda: echo.gone == gone + 1), "the backend was left on the line"


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/v1/responses", "/v1/chat/completions", "/V1//responses/"])
def test_an_upgrade_on_a_claimed_path_is_refused(upgrading: Gateway, echo: Echo, path: str, method: str) -> None:
    assert refused(upgrading, method, path) == (400, "upgrade_not_supported")
    assert echo.heads == []


def test_without_the_operators_word_no_connection_is_upgraded(
    pool: Pool, echo: Echo, transport: str, profile: Profile
) -> None:
    gateway = pool.gateway(POLICY.replace("PORT", str(echo.port)), transport, profile)
    echo.heads.clear()
    assert refused(gateway, "GET", "/v1/realtime") == (403, "forbidden")
    assert echo.heads == []
    gateway.check()
