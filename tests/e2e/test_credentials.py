"""Whose word counts: a client's control headers and credentials end here, a backend's own go to it and to no other."""

import pytest

from extproc.testing.clients import ClientRequest
from extproc.testing.provider import RecordedRequest
from tests.e2e.gateway import KEYS, TAG, Gateway, Version, post, tagged

pytestmark = pytest.mark.envoy

ODD = (
    ("x-nobody-knows-api-key", "CLIENT-23"),
    ("x-serverless-authorization", "CLIENT-24"),
    ("x-gitlab-token", "CLIENT-25"),
    ("modal-secret", "CLIENT-26"),
)
"""Fields that are in no table, but end as credentials do."""
CLIENTS_OWN = (
    ("authorization", "Bearer CLIENT-1"),
    ("x-api-key", "CLIENT-2"),
    ("api-key", "CLIENT-3"),
    ("x-goog-api-key", "CLIENT-4"),
    ("cookie", "session=CLIENT-5"),
    ("proxy-authorization", "Basic CLIENT-6"),
    ("openai-api-key", "CLIENT-7"),
    ("anthropic-api-key", "CLIENT-8"),
    ("ocp-apim-subscription-key", "CLIENT-9"),
    ("x-auth-token", "CLIENT-10"),
    ("x-access-token", "CLIENT-11"),
    ("x-amz-security-token", "CLIENT-12"),
    ("xi-api-key", "CLIENT-13"),
    ("helicone-auth", "CLIENT-14"),
    ("cf-access-client-id", "CLIENT-15"),
    ("cf-access-client-secret", "CLIENT-16"),
    ("cf-aig-authorization", "CLIENT-17"),
    ("x-goog-iap-jwt-assertion", "CLIENT-18"),
    ("x-goog-authenticated-user-email", "CLIENT-19"),
    ("x-portkey-api-key", "CLIENT-20"),
    ("x-portkey-virtual-key", "CLIENT-21"),
    ("private-token", "CLIENT-22"),
    *ODD,
)
SPOOFED = (
    ("x-extproc-cluster", "south"),
    ("x-extproc-model", "stolen"),
    ("x-extproc-backend", "south"),
    ("x-extproc-decision", "allowed"),
    ("x-extproc-request-id", "mine"),
    ("x-extproc-version", "9"),
    ("x-extproc-anything", "1"),
)
BACKENDS = {
    "grow": ("north", "authorization", "Bearer " + KEYS["NORTH_KEY"]),
    "a-name-much-longer-than-its-target": ("south", "x-south-key", KEYS["SOUTH_KEY"]),
    "opus": ("claude", "x-api-key", KEYS["CLAUDE_KEY"]),
}


def text(record: RecordedRequest) -> str:
    return str(record.headers) + str(record.trailers)


def asked(gateway: Gateway, model: str, version: Version, *fields: tuple[str, str]) -> RecordedRequest:
    """What reaches the provider of a request for a model, with a client's credentials and `fields`."""
    target = "/v1/messages" if model == "opus" else "/v1/chat/completions"
    body = b'{"model":"%b","messages":[]}' % model.encode()
    return gateway.ask(body, version, *CLIENTS_OWN, *fields, provider=BACKENDS[model][0], target=target)[1]


@pytest.mark.parametrize("model", BACKENDS)
def test_a_backend_gets_its_own_credential_and_no_other(direct: Gateway, version: Version, model: str) -> None:
    _, name, value = BACKENDS[model]
    seen = asked(direct, model, version)
    assert seen.getall(name) == [value]
    assert "CLIENT" not in text(seen)
    assert not any(key in text(seen) for key in KEYS.values() if key not in value)


def test_a_clients_word_in_the_place_of_a_backends_credential_is_lost(direct: Gateway, version: Version) -> None:
    seen = asked(direct, "a-name-much-longer-than-its-target", version, ("x-south-key", "CLIENT-7"))
    assert seen.getall("x-south-key") == [KEYS["SOUTH_KEY"]]


def test_a_credential_that_is_given_twice_is_taken_out_twice(direct: Gateway, version: Version) -> None:
    seen = asked(direct, "grow", version, ("authorization", "Bearer CLIENT-8"), ("x-api-key", "CLIENT-9"))
    assert "CLIENT" not in text(seen)
    assert seen.getall("authorization") == ["Bearer " + KEYS["NORTH_KEY"]]


@pytest.mark.parametrize("name", ["Authorization", "X-API-Key", "COOKIE"])
def test_the_case_of_a_name_saves_no_credential(direct: Gateway, name: str) -> None:
    answer, seen = direct.ask(b'{"model":"grow"}', "http1", (name, "CLIENT"))
    assert "CLIENT" not in text(seen)
    assert answer.complete


@pytest.mark.parametrize("name", ["x_api_key", "x_extproc_cluster"])
def test_an_underscore_does_not_pass_for_a_dash(direct: Gateway, version: Version, name: str) -> None:
    _, seen = direct.ask(b'{"model":"grow"}', version, (name, "CLIENT"))
    assert "CLIENT" not in text(seen)


def test_a_backend_that_takes_the_clients_credential_gets_it(direct: Gateway, version: Version) -> None:
    _, seen = direct.ask(b'{"model":"mine"}', version, ("authorization", "Bearer CLIENT-1"), *ODD, provider="own")
    assert seen.getall("authorization") == ["Bearer CLIENT-1"]
    assert [(name, seen.header(name)) for name, _ in ODD] == list(ODD)
    assert not any(key in text(seen) for key in KEYS.values())


def test_a_client_cannot_choose_where_its_request_goes(direct: Gateway, version: Version) -> None:
    answer, seen = direct.ask(b'{"model":"grow"}', version, *SPOOFED)
    assert "x-extproc" not in text(seen)
    assert answer.header("x-extproc-backend") == "north"
    assert answer.header("x-extproc-model") == "a-name-much-longer-than-grow"


@pytest.mark.parametrize("path", ["/v1/files?key=CLIENT-8", "/anything?api_key=CLIENT-9&x=1", "/v1/models"])
def test_a_path_that_nobody_claims_takes_the_backends_credential_and_not_the_client_s(
    direct: Gateway, version: Version, path: str
) -> None:
    tag = tagged()
    answer = direct.send(ClientRequest("PUT", path, ((TAG, tag), *CLIENTS_OWN), b"x" * 100_000), version)
    seen = direct.forwarded(tag, "north")
    assert (answer.status, len(seen.body)) == (200, 100_000)
    assert "CLIENT" not in text(seen) + seen.target
    assert seen.getall("authorization") == ["Bearer " + KEYS["NORTH_KEY"]]


def test_the_client_s_key_in_the_query_of_a_claimed_path_is_taken_out(direct: Gateway, version: Version) -> None:
    _, seen = direct.ask(b'{"model":"grow"}', version, target="/v1/chat/completions?key=CLIENT-8&a=%2F")
    assert seen.target == "/openai/v1/chat/completions?a=%2F"


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
@pytest.mark.parametrize("path", ["/v1/files", "/anything", "/v1/chat/completions"])
def test_nor_on_a_path_that_nobody_claims(direct: Gateway, version: Version, path: str, method: str) -> None:
    if (method, path) == ("POST", "/v1/chat/completions"):
        path += "/nobody"
    tag = tagged()
    answer = direct.send(
        ClientRequest(method, path, ((TAG, tag), *SPOOFED), b"x" if method == "POST" else b""), version
    )
    assert "x-extproc" not in text(direct.forwarded(tag, "north"))
    assert answer.header("x-extproc-backend") is None


def test_a_spoofed_header_in_another_case_is_taken_out(direct: Gateway) -> None:
    _, seen = direct.ask(b'{"model":"grow"}', "http1", ("X-ExtProc-Cluster", "south"), ("X-EXTPROC-Other", "1"))
    assert "extproc" not in text(seen).lower()


@pytest.mark.parametrize("name", ["x-extproc-cluster", "x-extproc-model"])
def test_a_control_header_named_as_hop_by_hop_is_still_ours(direct: Gateway, name: str) -> None:
    """`connection: x-extproc-cluster` asks a proxy to take that header out on its way."""
    _, seen = direct.ask(b'{"model":"grow"}', "http1", ("connection", name))
    assert seen.json()["model"] == "a-name-much-longer-than-grow"


def test_no_x_envoy_header_reaches_a_backend(direct: Gateway, version: Version) -> None:
    fields = (("x-envoy-retry-on", "5xx"), ("x-envoy-max-retries", "5"), ("x-envoy-upstream-rq-timeout-ms", "1"))
    _, seen = direct.ask(b'{"model":"grow"}', version, *fields, do="slow-50ms")
    assert "x-envoy" not in text(seen)


def test_exactly_these_fields_reach_a_backend(direct: Gateway, version: Version) -> None:
    _, seen = direct.ask(b'{"model":"grow"}', version, *CLIENTS_OWN, *SPOOFED, ("user-agent", "me"))
    names = sorted(name for name, _ in seen.headers)
    ours = ["host", "content-length", "authorization", "x-forwarded-proto", "x-request-id"]
    assert names == sorted([*ours, "content-type", "x-tag", "user-agent"])


def test_a_refused_request_shows_no_credential(direct: Gateway, version: Version) -> None:
    answer = direct.send(post(b"{", *CLIENTS_OWN), version)
    shown = str(answer.headers) + answer.body.decode()
    assert answer.status == 400
    assert "CLIENT" not in shown
    assert not any(key in shown for key in KEYS.values())
