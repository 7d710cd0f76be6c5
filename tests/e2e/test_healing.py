"""Through the real Envoy: errors by which clients shorten their requests reach them byte for byte, status and all."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest

from extproc.gateway.bootstrap import Profile
from tests.e2e.conftest import Shared
from tests.e2e.gateway import KEYS, post
from tests.transaction.test_healing import BODIES, CHANGED

pytestmark = [pytest.mark.envoy, pytest.mark.parametrize("transport", ["h2"])]

POLICY: Final = """\
version: 1
backends:
  - {{name: own, url: "http://127.0.0.1:{port}/v1", api: openai, credential: {{bearer: {{env: NORTH_KEY}}}}}}
  - {{name: other, url: "http://127.0.0.1:{port}/v1", api: openai, sealed_by: own}}
models:
  - {{name: m, targets: [{{backend: own}}], fallback: [{{backend: other}}]}}
health: {{failures: 10000}}
pipelines: [{{name: p, {steps}}}]
"""
STEPS: Final = {
    "masking": "response: [{use: pii, action: mask}, {use: secrets, action: mask}]",
    "numbers": r"response: [{use: pattern, name: numbers, regex: '\d{4,}', action: mask}]",
    "restoring": "request: [{use: pii, action: mask, restore: true}]",
    "schema": "response: [{use: json_schema, action: block}]",
    "judging": "response: [{use: injection, threshold: 0.99, action: block}]",
}


class Failing:
    """A backend that answers every request with 400 and one body."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.body = b""
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._server.close()

    def _serve(self) -> None:
        while True:
            try:
                link, _ = self._server.accept()
            except OSError:
                return
            with link, link.makefile("rb") as read:
                length = 0
                chunked = False
                while (line := read.readline().strip().lower()) != b"":
                    length = int(line.partition(b":")[2]) if line.startswith(b"content-length") else length
                    chunked = chunked or line.startswith(b"transfer-encoding")
                read.read(length)
                while chunked and (size := int(read.readline().strip() or b"0", 16)):
                    read.read(size + 2)
                head = b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close\r\n"
                link.sendall(head + b"content-length: %d\r\n\r\n" % len(self.body) + self.body)


@contextmanager
def failing() -> Iterator[Failing]:
    backend = Failing()
    try:
        yield backend
    finally:
        backend.close()


@pytest.fixture(scope="module")
def backend() -> Iterator[Failing]:
    with failing() as running:
        yield running


@pytest.mark.parametrize("steps", sorted(STEPS))
def test_a_context_error_reaches_the_client_as_it_came(
    steps: str, shared: Shared, profile: Profile, backend: Failing
) -> None:
    gateway = shared(POLICY.format(port=backend.port, steps=STEPS[steps]), profile)
    for stream in (False, True):
        asked = {"model": "m", "stream": stream, "messages": [{"role": "user", "content": "to a@b.de"}]}
        schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object", "required": ["a"]}}}
        for body in BODIES:
            backend.body = body
            answer = gateway.send(post(json.dumps({**asked, "response_format": schema}).encode()))
            assert (answer.status, answer.body) == (400, body)


def test_other_errors_are_judged_and_a_quoted_key_is_taken_out(
    shared: Shared, profile: Profile, backend: Failing
) -> None:
    gateway = shared(POLICY.format(port=backend.port, steps=STEPS["numbers"]), profile)
    asked = json.dumps({"model": "m", "messages": []}).encode()
    for body in CHANGED:
        backend.body = body
        assert gateway.send(post(asked)).body != body
    backend.body = json.dumps({"error": {"message": "prompt is too long", "code": KEYS["NORTH_KEY"]}}).encode()
    assert KEYS["NORTH_KEY"].encode() not in gateway.send(post(asked)).body
