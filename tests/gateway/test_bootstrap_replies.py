import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from extproc.gateway.bootstrap import Json, Profile
from extproc.gateway.bootstrap.replies import FALLBACK, REPLIES
from extproc.policy import Policy
from extproc.transaction import Needs
from extproc.wire.pb.processor_pb2 import ProcessingRequest, ProcessingResponse
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


def faulty(made: Json) -> None:
    """A filter of Envoy's own before the processor, which refuses as a header says."""
    manager = made["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    config = {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault",
        "abort": {"header_abort": {}, "percentage": {"numerator": 100}},
    }
    manager["http_filters"].insert(0, {"name": "envoy.filters.http.fault", "typed_config": config})


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with a_rig(tmp_path_factory.mktemp("rig"), change=faulty) as running:
        yield running


@pytest.mark.parametrize(
    ("status", "openai_type", "anthropic_type"),
    [
        (401, "authentication_error", "authentication_error"),
        (402, "invalid_request_error", "billing_error"),
        (403, "invalid_request_error", "permission_error"),
        (404, "invalid_request_error", "not_found_error"),
        (405, "invalid_request_error", "invalid_request_error"),
        (415, "invalid_request_error", "invalid_request_error"),
        (422, "invalid_request_error", "invalid_request_error"),
        (429, "rate_limit_error", "rate_limit_error"),
        (451, "invalid_request_error", "invalid_request_error"),
        (499, "invalid_request_error", "invalid_request_error"),
        (500, "server_error", "api_error"),
        (503, "server_error", "overloaded_error"),
    ],
)
def test_a_refusal_of_another_filter_keeps_its_status_and_type(
    faults: Rig, status: int, openai_type: str, anthropic_type: str
) -> None:
    for path, kind in ((CHAT, openai_type), (MESSAGES, anthropic_type)):
        answer = faults.asks("POST", path, passing, headers={"x-envoy-fault-abort-request": str(status)}, content=b"{}")
        assert (answer.status_code, answer.json()["error"]["type"]) == (status, kind)
        assert answer.headers["content-type"] == "application/json"


def test_a_direct_response_without_an_error_is_left_as_it_is(tmp_path_factory: pytest.TempPathFactory) -> None:
    def direct(made: Json) -> None:
        manager = made["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
        hello = {"status": 200, "body": {"inline_string": "hello"}}
        manager["route_config"]["virtual_hosts"][0]["routes"].insert(
            0, {"match": {"path": "/hello"}, "direct_response": hello}
        )

    with a_rig(tmp_path_factory.mktemp("rig"), change=direct) as rig:
        assert rig.asks("GET", "/hello", passing).text == "hello"


@pytest.mark.parametrize("http2", [False, True])
def test_every_request_with_up_to_a_hundred_fields_is_served_and_with_more_it_is_the_client_s_fault(
    rig: Rig, http2: bool
) -> None:
    with rig.client(http2=http2) as client:
        own = len(client.headers) + 3  # host, content-length, and one to spare
    for fields in (88, 93, 100 - own, 110, 116, 120, 128, 140):
        more = {f"x-h{number}": "1" for number in range(fields)}
        steered = steering("south", fields={"x-south-key": "1"})
        try:
            answer = rig.asks("POST", MESSAGES, steered, http2=http2, headers=more, content=b"{}")
        except httpx.RemoteProtocolError:
            assert http2, "HTTP/2 streams with too many fields are reset"
            assert fields > 100
            continue
        assert answer.status_code == (200 if fields <= 100 else answer.status_code)
        if answer.status_code != 200:
            # Past Envoy's own bound it has not looked at the path, so that it cannot know the dialect.
            kinds = {"request_too_large"} if fields <= 120 else {"request_too_large", "invalid_request_error"}
            assert answer.status_code == 431
            assert answer.json()["error"]["type"] in kinds


@pytest.mark.parametrize("profile", ["buffered", "full-duplex"])
def test_a_hundred_fields_of_a_provider_s_are_passed_on(
    tmp_path_factory: pytest.TempPathFactory, profile: Profile
) -> None:
    fields = {f"x-p{number}": "1" for number in range(97)}
    needs = Needs(response_headers=True)
    with a_rig(tmp_path_factory.mktemp("rig"), profile=profile, needs=needs) as rig:
        rig.south.answer_headers = {**rig.south.answer_headers, **fields}
        answer = rig.asks("POST", MESSAGES, adding, content=b"{}")
        assert (answer.status_code, answer.headers["x-p96"]) == (200, "1")


def test_a_response_without_room_for_the_processor_s_changes_is_the_backend_s_fault(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    needs = Needs(response_headers=True)
    with a_rig(tmp_path_factory.mktemp("rig"), needs=needs, policy=with_a_dead_backend) as rig:
        rig.south.answer_headers = {**rig.south.answer_headers, **{f"x-p{number}": "1" for number in range(120)}}
        for path, kind in ((CHAT, "server_error"), (MESSAGES, "api_error")):
            answer = rig.asks("POST", path, adding, content=b"{}")
            assert (answer.status_code, answer.json()["error"]["type"]) == (502, kind)
            assert "too many header fields" in answer.json()["error"]["message"]


def adding(messages: Iterator[ProcessingRequest]) -> Iterator[ProcessingResponse]:
    """Steers to `south`, and sets five fields of the response."""
    for response in steering("south")(messages):
        if response.HasField("response_headers"):
            five = mutation({f"x-extproc-{number}": "1" for number in range(5)})
            response.response_headers.response.header_mutation.CopyFrom(five)
        yield response
