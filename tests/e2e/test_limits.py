"""Bodies over the limit: 413 in the client's dialect, in both profiles, however the body is framed."""

import pytest

from extproc.testing.clients import ClientResponse
from extproc.testing.clients.http1 import Http1
from tests.e2e.bodies import chat, pieces
from tests.e2e.gateway import Gateway, Version, post

pytestmark = pytest.mark.envoy

LIMIT = 8 * 1024 * 1024
"""`limits.request_body` of the policy."""


def assert_too_large(answer: ClientResponse, path: str = "openai") -> None:
    document = answer.json()
    assert answer.status == 413
    assert answer.header("content-type") == "application/json"
    if path == "openai":
        assert (document["error"]["code"], document["error"]["type"]) == ("request_too_large", "invalid_request_error")
    else:
        assert (document["type"], document["error"]["type"]) == ("error", "request_too_large")


def framed(body: bytes, length: bool) -> bytes | list[bytes]:
    return body if length else pieces(body, 8)


@pytest.mark.parametrize("length", [True, False])
def test_a_body_of_the_limit_passes(direct: Gateway, version: Version, length: bool) -> None:
    body = chat(LIMIT)
    _, seen = direct.ask(framed(body, length), version, length=length)
    assert seen.body == body


@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize("over", [1, pytest.param(100_000, marks=pytest.mark.deep), 2_000_000])
def test_a_body_over_the_limit_is_refused(direct: Gateway, version: Version, over: int, length: bool) -> None:
    assert_too_large(direct.send(post(framed(chat(LIMIT + over), length), length=length), version))


@pytest.mark.parametrize("length", [True, False])
def test_anthropics_clients_are_told_in_their_words(direct: Gateway, version: Version, length: bool) -> None:
    for over in (1, 1_000_000):
        body = framed(chat(LIMIT + over), length)
        assert_too_large(direct.send(post(body, length=length, target="/v1/messages"), version), "anthropic")


@pytest.mark.parametrize("size", [LIMIT + 1, 10**12, 10**18])
def test_a_declared_length_over_the_limit_is_refused_before_the_body_is_sent(direct: Gateway, size: int) -> None:
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {size}\r\n\r\n"
    with Http1(direct.port) as client:
        assert_too_large(client.raw(head.encode() + b"{"))


def test_a_small_body_that_grows_over_the_limit_passes(direct: Gateway, version: Version) -> None:
    body = chat(LIMIT - 5, "grow")
    _, seen = direct.ask(body, version)
    assert len(seen.body) > LIMIT
    assert seen.body == body.replace(b'"grow"', b'"a-name-much-longer-than-grow"', 1)
