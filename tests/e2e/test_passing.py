"""What is not a question to a model: listings are answered by the processor, everything else passes as it came."""

import pytest

from extproc.testing.clients import ClientRequest
from tests.e2e.gateway import TAG, Gateway, Version, post, tagged

pytestmark = pytest.mark.envoy

NAMES = ["chat", "grow", "a-name-much-longer-than-its-target", "opus", "mine"]
ALL_BYTES = bytes(range(256)) * 300


def test_the_models_are_those_of_the_policy(direct: Gateway, version: Version) -> None:
    answer = direct.send(ClientRequest("GET", "/v1/models"), version)
    assert (answer.status, answer.complete, answer.header("content-type")) == (200, True, "application/json")
    assert [card["id"] for card in answer.json()["data"]] == NAMES
    assert answer.header("content-length") == str(len(answer.body))


def test_anthropics_clients_get_the_models_in_their_form(direct: Gateway, version: Version) -> None:
    answer = direct.send(ClientRequest("GET", "/v1/models?limit=20", (("anthropic-version", "2023-06-01"),)), version)
    assert (answer.status, answer.json()["first_id"], answer.json()["has_more"]) == (200, "chat", False)


def test_a_single_model_is_told_of(direct: Gateway, version: Version) -> None:
    answer = direct.send(ClientRequest("GET", "/v1/models/grow"), version)
    assert (answer.status, answer.json()["id"]) == (200, "grow")


def test_a_model_that_is_not_there_is_404(direct: Gateway, version: Version) -> None:
    answer = direct.send(ClientRequest("GET", "/v1/models/other"), version)
    assert (answer.status, answer.json()["error"]["code"]) == (404, "model_not_found")


def test_a_head_of_the_models_has_no_body(direct: Gateway, version: Version) -> None:
    with direct.client(version) as client:
        for _ in range(2):  # the second shows that the first left nothing behind on the connection
            answer = client.request(ClientRequest("HEAD", "/v1/models"))
            assert (answer.status, answer.body, answer.complete) == (200, b"", True)


@pytest.mark.parametrize("body", [b"", b"{not json", ALL_BYTES], ids=["empty", "text", "binary"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_request_that_nobody_claims_passes_untouched(
    direct: Gateway, version: Version, method: str, body: bytes
) -> None:
    tag = tagged()
    fields = (("x-own", "a, b"), ("x-own", "c"), ("content-type", "text/x"), ("accept-encoding", "gzip"), (TAG, tag))
    answer = direct.send(ClientRequest(method, "/other/%20x?q=%2F..&model=grow", fields, body), version)
    seen = direct.forwarded(tag, "north")
    assert (answer.status, answer.complete, answer.header("x-extproc-decision")) == (200, True, None)
    assert (seen.method, seen.target, seen.body) == (method, "/other/%20x?q=%2F..&model=grow", body)
    ours = {"host", "x-forwarded-proto", "x-request-id", "content-length", "authorization"}
    assert sorted(field for field in seen.headers if field[0] not in ours) == sorted(fields)
    assert answer.body == direct.straight(seen, "north").body


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE"])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/files/file-1?after=x"])
def test_methods_without_a_body_pass(direct: Gateway, version: Version, method: str, path: str) -> None:
    tag = tagged()
    answer = direct.send(ClientRequest(method, path, ((TAG, tag),)), version)
    seen = direct.forwarded(tag, "north")
    assert answer.complete
    assert (seen.method, seen.target, seen.body) == (method, f"/openai{path}", b"")
    assert answer.status == direct.straight(seen, "north").status


def test_the_default_backend_hears_its_own_name(direct: Gateway) -> None:
    tag = tagged()
    direct.send(ClientRequest("GET", "/other", (("host", "gateway.example"), (TAG, tag))))
    assert direct.forwarded(tag, "north").header("host") == direct.providers["north"].url.removeprefix("http://")


@pytest.mark.parametrize(
    "path",
    ["/v1/chat/completions", "/v1//chat/completions", "/V1/Chat/Completions", "/v1/./chat/x/../completions/"],
)
def test_a_claimed_path_is_one_path_however_it_is_spelt(direct: Gateway, version: Version, path: str) -> None:
    answer, seen = direct.ask(b'{"model":"grow"}', version, target=path)
    assert seen.target == "/openai/v1/chat/completions"
    assert seen.body == b'{"model":"a-name-much-longer-than-grow"}'
    assert answer.header("x-extproc-backend") == "north"


def test_the_query_of_a_claimed_path_goes_with_it(direct: Gateway, version: Version) -> None:
    _, seen = direct.ask(b'{"model":"grow"}', version, target="/v1/chat/completions?api-version=1&x=%20")
    assert seen.target == "/openai/v1/chat/completions?api-version=1&x=%20"


def test_every_dialect_reaches_its_backend(direct: Gateway, version: Version) -> None:
    for path in ("completions", "embeddings", "responses"):
        _, seen = direct.ask(b'{"model":"grow","input":"x","prompt":"x"}', version, target=f"/v1/{path}")
        assert (seen.target, seen.json()["model"]) == (f"/openai/v1/{path}", "a-name-much-longer-than-grow")
    body = b'{"model":"opus","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}'
    answer, seen = direct.ask(body, version, provider="claude", target="/v1/messages")
    assert (seen.target, seen.json()["model"]) == ("/v1/messages", "claude-opus")
    assert answer.json()["type"] == "message"
    assert answer.body == direct.straight(seen, "claude").body


def test_a_post_to_the_models_passes(direct: Gateway) -> None:
    tag = tagged()
    answer = direct.send(post(b"x", target="/v1/models", tag=tag))
    assert (answer.status, direct.forwarded(tag, "north").body) == (200, b"x")
