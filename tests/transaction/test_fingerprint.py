"""The fingerprint: the same for what Envoy need not know, another for all that it must be configured with."""

from textwrap import dedent

import pytest

from extproc.policy import loads
from extproc.transaction import Plan
from extproc.transaction.steering.fingerprint import MALFORMED, differences, read

POLICY = dedent("""
    version: 1
    backends:
      - {name: north, url: https://a.example.com/v1, api: openai, credential: {bearer: {env: NORTH_KEY}}, sealed_by: us}
      - {name: south, url: "http://127.0.0.1:9001/v1", api: openai, sealed_by: us}
    default_backend: north
    models:
      - {name: chat, targets: [{backend: north, weight: 80}]}
    pipelines:
      - {name: p, match: {headers: {x-team: pay}}, request: [{use: pii, kinds: [email], action: mask}]}
""")


def plan(text: str = POLICY, key: bytes = b"planted-key") -> Plan:
    return Plan.compile(loads(text, "policy.yaml"), {"north": key, "south": b"other"})


DEMANDED = {
    "a backend's url": ("127.0.0.1:9001", "127.0.0.1:9002", ("backends",)),
    "a backend's name": ("name: south", "name: west", ("backends",)),
    "tls": ("a.example.com/v1, api", "a.example.com/v1, tls: {sni: a.example}, api", ("backends",)),
    "a credential's header": (
        "{bearer: {env: NORTH_KEY}}",
        "{header: x-k, env: NORTH_KEY}",
        ("the credentials' header fields",),
    ),
    "steering": ("pipelines:", "steering: {cluster_header: x-to}\npipelines:", ("the steering headers",)),
    "a matched header": ("x-team", "x-group", ("the header fields that conditions read",)),
    "a route's name": ("match: {", "match: {route_name: r, ", ("the route's name",)),
    "responses": ("request: [", "response: [{use: pii, action: mask}], request: [", ("responses",)),
    "a credential": (
        ", credential: {bearer: {env: NORTH_KEY}}",
        "",
        ("the credentials' header fields", "responses"),
    ),
    "makers": (
        "sealed_by: us}\ndefault_backend: north",
        "sealed_by: them}\ndefault_backend: south",
        ("responses",),
    ),
    "trailers": ("pipelines:", "request_trailers: pass\npipelines:", ("trailers of requests",)),
}
OWN = {
    "the default backend": ("default_backend: north", "default_backend: south"),
    "a header's value": ("x-team: pay", "x-team: hr"),
    "a weight": ("weight: 80", "weight: 20"),
    "a model": ("name: chat", "name: talk"),
    "a kind": ("kinds: [email]", "kinds: [iban]"),
    "an action": ("action: mask", "action: block"),
    "a limit": ("pipelines:", "limits: {request_body: 1MiB}\npipelines:"),
    "where a key is from": ("NORTH_KEY", "OTHER_KEY"),
}


@pytest.mark.parametrize("change", DEMANDED)
def test_what_envoy_must_have_changes_the_fingerprint_and_is_named(change: str) -> None:
    before, after, named = DEMANDED[change]
    assert before in POLICY
    one, other = plan(), plan(POLICY.replace(before, after))
    assert one.fingerprint != other.fingerprint
    assert differences(one.demands, other.demands) == named


@pytest.mark.parametrize("change", OWN)
def test_what_is_the_processors_alone_does_not(change: str) -> None:
    before, after = OWN[change]
    assert before in POLICY
    assert plan().fingerprint == plan(POLICY.replace(before, after)).fingerprint


def test_no_credential_is_in_it() -> None:
    assert plan(key=b"one").fingerprint == plan(key=b"two").fingerprint
    assert "planted" not in str(plan().demands)


def test_a_value_that_is_no_fingerprint_reaches_no_log() -> None:
    assert read(None) == read(b"") == b""
    assert read(plan().fingerprint) == plan().fingerprint
    for value in (b"secret", b"1-0123456789abcdeg", b"1-0123456789abcdef0", b"12345-0123456789abcdef", b"1-\n"):
        assert read(value) == MALFORMED
