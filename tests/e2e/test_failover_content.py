"""Errors about what a request says lead to another backend where the policy says so, and only there."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

import pytest

from extproc.gateway.bootstrap import Profile
from tests.e2e.bodies import said
from tests.e2e.gateway import KEYS, Gateway, gateway, post, site

pytestmark = pytest.mark.envoy

TOO_LONG: Final = json.dumps({"error": {"message": "too long", "code": "context_length_exceeded"}}).encode()
FILTERED: Final = json.dumps({"error": {"message": "no", "code": "content_filter"}}).encode()


class Refusing:
    """A provider that answers every request with one error, or with a stream. It remembers the requests' bodies."""

    def __init__(self) -> None:
        self.status, self.body, self.kind = 400, TOO_LONG, "application/json"
        self.bodies: list[bytes] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                outer.bodies.append(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(outer.status)
                self.send_header("content-type", outer.kind)
                self.send_header("content-length", str(len(outer.body)))
                self.end_headers()
                self.wfile.write(outer.body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]


@contextmanager
def refusing() -> Iterator[Refusing]:
    made = Refusing()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join(5)


def policy(port: int) -> str:
    south = "fallback: [{backend: south, model: small}]"
    return f"""\
version: 1
backends:
  - {{name: first, url: "http://127.0.0.1:{port}/v1", api: openai, credential: {{bearer: {{env: NORTH_KEY}}}}}}
  - {{name: again, url: "http://127.0.0.1:{port}/v1", api: openai, credential: {{bearer: {{env: CLAUDE_KEY}}}}}}
  - {{name: south, url: $south/v1, api: openai, credential: {{header: x-south-key, env: SOUTH_KEY}}}}
models:
  - {{name: plain, targets: [{{backend: first}}], {south}}}
  - {{name: long, targets: [{{backend: first}}], {south}, retry: {{on: [5xx, context_length]}}}}
  - name: thrice
    targets: [{{backend: first}}]
    fallback: [{{backend: again}}, {{backend: south, model: small}}]
    retry: {{on: [context_length, content_filter]}}
health: {{failures: 1, cooldown: 1h}}
"""


@pytest.fixture
def refused(transport: str, profile: Profile) -> Iterator[tuple[Gateway, Refusing]]:
    with refusing() as provider, site(policy(provider.port), transport) as before, gateway(before, profile) as own:
        yield own, provider
        before.expected = before.received
        own.check()


def test_an_error_about_the_request_is_retried_for_the_reasons_that_are_named(
    refused: tuple[Gateway, Refusing],
) -> None:
    own, provider = refused
    answer = own.send(post(said("x", "plain")))
    assert (answer.status, answer.body) == (400, TOO_LONG)
    answer = own.send(post(said("x", "long")))
    assert (answer.status, answer.header("x-extproc-backend")) == (200, "south")
    (seen,) = own.providers["south"].records
    assert (seen.body, seen.header("x-south-key")) == (said("x", "small"), KEYS["SOUTH_KEY"])
    assert KEYS["NORTH_KEY"] not in str(seen.headers)
    provider.body = FILTERED
    answer = own.send(post(said("x", "long")))
    assert (answer.status, answer.body) == (400, FILTERED)
    assert answer.header("x-extproc-retriable") is None
    before = len(provider.bodies)
    answer = own.send(post(said("x", "thrice")))
    assert (answer.status, answer.header("x-extproc-backend")) == (200, "south")
    assert len(provider.bodies) == before + 2, "the second backend's error is read, too"
    assert own.line(answer)["attempts"] == 3
    assert own.processor.status()["health"] == [], "the requests were at fault, and no backend"


def test_all_other_responses_of_such_a_model_pass_as_they_are(refused: tuple[Gateway, Refusing]) -> None:
    own, provider = refused
    for status, kind, body in (
        (200, "application/json", b'{"context_length_exceeded": "is a word here"}'),
        (200, "text/event-stream", b"data: {}\n\ndata: [DONE]\n\n"),
        (400, "application/json", b'{"error": {"code": "invalid_request"}}'),
        (401, "application/json", TOO_LONG),
    ):
        provider.status, provider.kind, provider.body = status, kind, body
        answer = own.send(post(said("x", "long")))
        assert (answer.status, answer.header("content-type"), answer.body) == (status, kind, body)
        assert answer.header("x-extproc-backend") == "first"
    assert own.providers["south"].records == ()
