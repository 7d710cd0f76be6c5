"""The section `telemetry`: collectors that can be named, and those that cannot."""

import pytest

from extproc.policy import PolicyError, loads
from extproc.policy.collector import collector_of
from extproc.policy.telemetry import OtlpAddress
from tests.gathered import gathered

BASE = """
version: 1
backends: [{name: a, url: "http://127.0.0.1:9/v1", api: openai}]
"""


@gathered(
    ("endpoint", "address"),
    [
        ("http://collector", OtlpAddress(grpc=False, secure=False, host="collector", port=4318, path="")),
        ("https://c.example:443/otlp/", OtlpAddress(grpc=False, secure=True, host="c.example", port=443, path="/otlp")),
        ("grpc://[::1]:4000", OtlpAddress(grpc=True, secure=False, host="::1", port=4000, path="")),
        ("grpcs://collector", OtlpAddress(grpc=True, secure=True, host="collector", port=4317, path="")),
    ],
)
def test_an_endpoint_is_taken_apart(endpoint: str, address: OtlpAddress) -> None:
    otlp = loads(f"{BASE}telemetry: {{otlp: {{endpoint: '{endpoint}'}}}}\n").telemetry.otlp
    assert otlp is not None
    assert otlp.address == address


@gathered(
    ("section", "word"),
    [
        ("{otlp: {endpoint: collector:4317}}", "not the endpoint"),
        ("{otlp: {endpoint: 'ftp://collector'}}", "not the endpoint"),
        ("{otlp: {endpoint: 'http://user:word@collector'}}", "not the endpoint"),
        ("{otlp: {endpoint: 'http://collector?x=1'}}", "not the endpoint"),
        ("{otlp: {endpoint: 'http://collector:99999'}}", "no host or port"),
        ("{otlp: {endpoint: 'grpc://collector/v1'}}", "has no path"),
        ("{otlp: {endpoint: 'http://c', ca: ca.pem}}", "TLS alone"),
        ("{otlp: {endpoint: 'http://c', credential: word}}", "never written into the policy"),
        ("{otlp: {endpoint: 'http://c', interval: 50ms}}", ""),
        ("{traces: {}}", "no collector is named"),
        ("{otlp: {endpoint: 'http://c'}, traces: {sample: 0%}}", "a share lies above 0%"),
        ("{metrics: {tenants: -1}}", ""),
        ("{metrics: {models: 10001}}", ""),
    ],
)
def test_what_cannot_be_is_refused(section: str, word: str) -> None:
    with pytest.raises(PolicyError) as refused:
        loads(f"{BASE}telemetry: {section}\n")
    assert word in str(refused.value.problems[0])
    assert "user:word" not in str(refused.value)


def test_the_credential_of_a_collector_goes_into_its_header_and_into_no_rendering() -> None:
    policy = loads(f"{BASE}telemetry: {{otlp: {{endpoint: 'http://c', credential: {{bearer: {{env: X}}}}}}}}\n")
    found = collector_of(policy, {"telemetry/otlp/credential": b"sesame"})
    assert found is not None
    assert found.fields == (("authorization", "Bearer sesame"),)
    assert "sesame" not in repr(found)


def test_a_policy_without_a_collector_has_none() -> None:
    assert collector_of(loads(BASE), {}) is None
