"""Paths that no API claims: bodies of any length stream to the default backend, and its errors are read."""

import json
import socket
import threading
from collections.abc import Iterator

import pytest

from extproc.gateway.bootstrap import Profile
from extproc.testing import eventually
from extproc.testing.clients import ClientRequest
from tests.e2e.conftest import Pool
from tests.e2e.gateway import KEYS, Gateway, Version, post

pytestmark = pytest.mark.envoy

KEY = KEYS["NORTH_KEY"]
WITHIN = 20.0
POLICY = """\
version: 1
backends: [{name: odd, url: "http://127.0.0.1:PORT/a%20b/v%2F1", api: openai, credential: {bearer: {env: NORTH_KEY}}}]
models: [{name: chat, targets: [{backend: odd}]}]
default_backend: odd
limits: {request_body: 1MiB}
"""
QUOTED = json.dumps({"error": {"message": f"Incorrect API key provided: {KEY}."}}).encode()
HEAD = b"HTTP/1.1 401 Unauthorized\r\ncontent-type: %s\r\n%s\r\n"
CROWD = b"".join(b"x-p%d: 1\r\n" % number for number in range(126))
RESPONSES = {
    "length": HEAD % (b"application/json", b"content-length: %d\r\n" % len(QUOTED)) + QUOTED,
    "chunks": HEAD % (b"application/json", b"transfer-encoding: chunked\r\n")
    + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (QUOTED[:60], QUOTED[60:], b"")),
    "text": HEAD % (b"text/plain", b"content-length: %d\r\n" % len(KEY)) + KEY.encode(),
    "header": HEAD % (b"text/plain", b'www-authenticate: Bearer error="%b"\r\ncontent-length: 0\r\n' % KEY.encode()),
    "other header": b"HTTP/1.1 200 OK\r\nx-seen: %b\r\ncontent-length: 0\r\n\r\n" % KEY.encode(),
    "echoed": b"HTTP/1.1 200 OK\r\nauthorization: Bearer %b\r\ncontent-length: 0\r\n\r\n" % KEY.encode(),
    "crowded": HEAD % (b"text/plain", b"content-length: %d\r\n" % len(KEY) + CROWD) + KEY.encode(),
    "fine": b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno",
}


class Odd:
    """A backend that answers what the path's last segment names, once it has `enough` of a request."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        self.received = 0
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
            connection.settimeout(WITHIN)
            data = b""
            while b"\r\n\r\n" not in data:
                more = connection.recv(65536)
                if not more:
                    return
                data += more
            head, _, body = data.partition(b"\r\n\r\n")
            self.heads.append(head)
            self.received = len(body)
            line, _, fields = head.partition(b"\r\n")
            length = next((int(f[15:]) for f in fields.split(b"\r\n") if f.startswith(b"content-length:")), 0)
            while self.received < length:
                self.received += len(connection.recv(1 << 20)) or length
            last = line.split(b" ")[1].partition(b"?")[0].rpartition(b"/")[2].decode().replace("%20", " ")
            connection.sendall(RESPONSES.get(last, RESPONSES["length"]))


@pytest.fixture(scope="module")
def odd() -> Iterator[Odd]:
    running = Odd()
    yield running
    running.close()


@pytest.fixture
def gateway(pool: Pool, odd: Odd, transport: str, profile: Profile) -> Iterator[Gateway]:
    started = pool.gateway(POLICY.replace("PORT", str(odd.port)), transport, profile)
    odd.heads.clear()
    yield started
    started.check()


@pytest.mark.parametrize("said", ["length", "chunks", "text", "header", "other%20header", "echoed", "fine"])
def test_a_credential_that_a_backend_quotes_does_not_reach_the_client(
    gateway: Gateway, version: Version, said: str
) -> None:
    answer = gateway.send(ClientRequest("GET", f"/elsewhere/{said}"), version)
    assert KEY not in str(answer.headers) + answer.body.decode()
    name = said.replace("%20", " ")
    status = {"fine": 404, "echoed": 200, "other header": 502}.get(name, 401)
    assert (answer.status, answer.complete) == (status, True)
    if name in {"length", "chunks"}:
        assert answer.json() == {"error": {"message": "Incorrect API key provided: [redacted]."}}
    assert answer.body == {"fine": b"no", "text": b"[redacted]"}.get(name, answer.body)


def test_an_error_on_a_claimed_path_is_read_too_and_a_percent_encoded_prefix_stays_as_it_is(
    gateway: Gateway, odd: Odd, version: Version
) -> None:
    answer = gateway.send(post(b'{"model":"chat"}'), version)
    assert (answer.status, answer.json()["error"]["message"]) == (401, "Incorrect API key provided: [redacted].")
    assert odd.heads[0].startswith(b"POST /a%20b/v%2F1/chat/completions HTTP/1.1\r\n")
    assert gateway.send(ClientRequest("GET", "/v1/files/fine?a=%2f"), version).status == 404
    assert odd.heads[1].startswith(b"GET /a%20b/v%2F1/files/fine?a=%2f HTTP/1.1\r\n")


def test_a_body_beyond_every_limit_streams_on_a_path_that_nobody_claims(gateway: Gateway, odd: Odd) -> None:
    """What a client sends before Envoy knows that it need not hold the body still has to fit the limit."""
    size, first = 6 << 20, 1000
    odd.received = 0
    with socket.create_connection(("127.0.0.1", gateway.port), WITHIN) as client:
        client.sendall(b"PUT /v1/files/fine HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % size + b"x" * first)
        assert eventually(lambda: odd.received >= first, WITHIN)
        client.sendall(b"x" * (size - first))
        assert client.recv(65536).startswith(b"HTTP/1.1 404 ")
    assert odd.received == size


def test_the_first_piece_of_a_body_reaches_the_backend_while_the_client_is_still_sending(
    gateway: Gateway, odd: Odd
) -> None:
    odd.received = 0
    with socket.create_connection(("127.0.0.1", gateway.port), WITHIN) as client:
        client.sendall(b"POST /v1/files/fine HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhello")
        assert eventually(lambda: odd.received == 5, WITHIN)
        client.sendall(b"there")
        assert client.recv(65536).startswith(b"HTTP/1.1 404 ")


def test_without_a_default_backend_it_is_404_in_the_client_s_dialect_and_no_backend_is_asked(
    pool: Pool, odd: Odd, transport: str, profile: Profile, version: Version
) -> None:
    policy = POLICY.replace("PORT", str(odd.port)).replace("default_backend: odd\n", "")
    gateway = pool.gateway(policy, transport, profile)
    odd.heads.clear()
    for path, fields, kind in (
        ("/v1/files", (), "invalid_request_error"),
        ("/v1/chat/completions", (), "invalid_request_error"),
        ("/v1/files", (("anthropic-version", "2023-06-01"),), "not_found_error"),
    ):
        answer = gateway.send(ClientRequest("GET", path, fields), version)
        assert (answer.status, answer.json()["error"]["type"]) == (404, kind)
    assert odd.heads == []
    gateway.check()


def test_too_many_header_fields_of_a_backend_s_are_502(gateway: Gateway, version: Version) -> None:
    """The response needs a change, for it quotes the key, and 128 fields are the most that Envoy has."""
    answer = gateway.send(ClientRequest("GET", "/elsewhere/crowded"), version)
    assert (answer.status, answer.json()["error"]["code"]) == (502, "bad_upstream")
    assert "too many header fields" in answer.json()["error"]["message"]


def test_too_many_header_fields_of_a_client_s_are_431_and_recorded_so(
    gateway: Gateway, odd: Odd, version: Version
) -> None:
    for number in (100, 113, 114, 115, 116):
        fields = tuple((f"h-{each}", "1") for each in range(number))
        odd.heads.clear()
        for request in (ClientRequest("GET", "/elsewhere/fine", fields), post(b'{"model":"chat"}', *fields)):
            answer = gateway.send(request, version)
            line = gateway.line(answer)
            if odd.heads:
                assert number < 114
                assert (line["decision"], answer.status) in {("passed", 404), ("allowed", 401)}
            else:
                assert number > 100
                assert (answer.status, answer.json()["error"]["code"]) == (431, "too_many_headers")
                assert (line["decision"], line["reason"], line["status"]) == ("rejected", "too_many_headers", 431)
            odd.heads.clear()
