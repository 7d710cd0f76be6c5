import json
from collections.abc import Iterator
from typing import Any

import pytest

from extproc.gateway.bootstrap.replies import FALLBACK, REPLIES
from extproc.policy import Policy
from tests.gateway.rig import Rig, a_policy, a_rig
from tests.gateway.scripted import failing, mutation, passing, refusing, steering
from tests.gateway.upstream import Upstream

pytestmark = pytest.mark.envoy

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"


def with_a_dead_backend(north: Upstream, south: Upstream) -> Policy:
    policy = a_policy(north, south).model_dump(exclude_unset=True)
    gone = {"name": "gone", "url": "http://127.0.0.1:1/claude/v1", "api": "anthropic"}
    return Policy.model_validate({**policy, "backends": [*policy["backends"], gone], "limits": {"request_body": 1000}})


@pytest.fixture(scope="module", params=["buffered", "full-duplex"])
def rig(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with a_rig(tmp_path_factory.mktemp("rig"), profile=request.param, policy=with_a_dead_backend) as running:
        yield running


def openai(code: str) -> dict[str, Any]:
    reply = next(reply for reply in (*REPLIES, FALLBACK) if reply.code == code)
    return {"error": {"message": reply.message, "type": reply.openai, "param": None, "code": code}}


def anthropic(code: str) -> dict[str, Any]:
    reply = next(reply for reply in (*REPLIES, FALLBACK) if reply.code == code)
    return {"type": "error", "error": {"type": reply.anthropic, "message": reply.message}}


@pytest.mark.parametrize("reply", [*REPLIES, FALLBACK], ids=lambda reply: reply.code)
def test_no_text_holds_what_envoy_would_replace(reply: Any) -> None:
    assert "%" not in json.dumps(openai(reply.code)) + json.dumps(anthropic(reply.code))


@pytest.mark.parametrize("http2", [False, True])
@pytest.mark.parametrize(
    ("path", "body"), [(CHAT, openai), (MESSAGES, anthropic), (f"{MESSAGES}?beta=true", anthropic)]
)
def test_a_processor_that_fails_is_503_in_the_dialect_of_the_client(
    rig: Rig, path: str, body: Any, http2: bool
) -> None:
    answer = rig.asks("POST", path, failing, http2=http2, content=b"{}")
    assert (answer.status_code, answer.json()) == (503, body("unavailable"))
    assert answer.headers["content-type"] == "application/json"
    assert "x-extproc-decision" not in answer.headers


@pytest.mark.parametrize(("path", "body"), [(CHAT, openai), ("/claude/v1/messages", anthropic)])
def test_a_backend_that_is_down_is_503_also_below_the_prefix_of_an_anthropic_backend(
    rig: Rig, path: str, body: Any
) -> None:
    answer = rig.asks("POST", CHAT, steering("gone", fields={":path": path}), content=b"{}")
    assert (answer.status_code, answer.json()) == (503, body("unavailable"))
    assert answer.headers["x-extproc-decision"] == "allowed"


def test_messages_of_an_openai_thread_are_not_taken_for_anthropic(rig: Rig) -> None:
    assert rig.asks("GET", "/v1/threads/t1/messages", failing).json() == openai("unavailable")


def test_a_cluster_that_does_not_exist_is_503(rig: Rig) -> None:
    answer = rig.asks("POST", CHAT, steering("nowhere"), content=b"{}")
    assert (answer.status_code, answer.json()) == (503, openai("unavailable"))


@pytest.mark.parametrize("http2", [False, True])
def test_a_head_request_gets_the_status_and_no_body(rig: Rig, http2: bool) -> None:
    answer = rig.asks("HEAD", CHAT, failing, http2=http2)
    assert (answer.status_code, answer.content) == (503, b"")


def test_a_body_above_the_buffer_is_413_in_the_buffered_profile(tmp_path_factory: pytest.TempPathFactory) -> None:
    with a_rig(tmp_path_factory.mktemp("rig"), policy=with_a_dead_backend) as rig:
        for path, body in ((CHAT, openai), (MESSAGES, anthropic)):
            answer = rig.asks("POST", path, passing, content=b"x" * 200_000)
            assert (answer.status_code, answer.json()) == (413, body("request_too_large"))


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (b"GARBAGE\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "bad_request"),
        (b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.0\r\n\r\n", 426, "upgrade_required"),
        (b"GET / HTTP/1.1\r\nhost: a\r\nx: " + b"x" * 70_000 + b"\r\n\r\n", 431, "headers_too_large"),
    ],
    ids=["no http", "no host", "two lengths", "http/1.0", "headers too large"],
)
def test_what_is_not_http_gets_json_too(rig: Rig, raw: bytes, status: int, code: str) -> None:
    answered, kind, body = rig.sends(raw)
    assert (answered, kind) == (status, "application/json")
    assert json.loads(body) == openai(code)


@pytest.mark.parametrize("http2", [False, True])
@pytest.mark.parametrize("status", [200, 403, 413, 429, 503])
def test_an_answer_of_the_processor_is_left_as_it_is(rig: Rig, status: int, http2: bool) -> None:
    sent = b'{"mine": "%RESPONSE_CODE% \\u00e9"}'
    script = refusing(
        status, body=sent, headers=mutation({"content-type": "application/problem+json", "retry-after": "7"})
    )
    answer = rig.asks("POST", MESSAGES, script, http2=http2, content=b"{}")
    assert (answer.status_code, answer.content) == (status, sent)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "7"
    assert answer.headers["x-extproc-decision"] == "rejected"


def test_an_answer_of_the_processor_may_be_empty(rig: Rig) -> None:
    answer = rig.asks("GET", CHAT, refusing(403))
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (403, b"", "0")


def test_an_answer_of_the_processor_to_a_head_request_has_no_body(rig: Rig) -> None:
    answer = rig.asks("HEAD", CHAT, refusing(403, body=b"{}"))
    assert (answer.status_code, answer.content) == (403, b"")
