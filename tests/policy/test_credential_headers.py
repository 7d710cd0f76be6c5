"""The table of header fields that carry a client's credential."""

import pytest

from extproc.policy import PolicyError, loads
from extproc.policy.credential_headers import (
    CREDENTIAL_ENDINGS,
    CREDENTIALS,
    HARMLESS_ENDINGS,
    carries_credential,
    credentials_among,
)
from tests.gathered import gathered


def test_every_name_is_one_that_http_2_has_and_has_a_reason() -> None:
    assert all(name == name.lower() and reason for name, reason in CREDENTIALS.items())


@gathered(
    "name",
    [
        *("xi-api-key", "helicone-auth", "cf-access-client-id", "cf-access-client-secret", "cf-aig-authorization"),
        *("x-goog-iap-jwt-assertion", "x-goog-authenticated-user-email", "x-portkey-api-key", "x-portkey-virtual-key"),
        *("x-gladia-key", "x-mashape-key", "dd-application-key", "x-bf-vk", "x-apigateway-api-userinfo"),
        *("x-portkey-vertex-service-account-json", "x-ms-client-assertion", "x-rapidapi-host-key"),
        *("private-token", "proxy-authorization", "cookie", "x-amz-security-token", "x-any-api-key", "x-my-secret"),
    ],
)
def test_these_carry_credentials(name: str) -> None:
    assert carries_credential(name)


@pytest.mark.parametrize(
    "name",
    [
        *("idempotency-key", "x-idempotency-key", "sec-websocket-key", "x-prompt-cache-key", "x-partition-key"),
        *("x-author", "openai-organization", "mcp-session-id", "x-tokens", "x-keys", "monkey", "key"),
    ],
)
def test_these_do_not(name: str) -> None:
    assert not carries_credential(name)


def test_the_quick_look_misses_no_ending() -> None:
    names = [f"x-odd{ending}" for ending in CREDENTIAL_ENDINGS]
    assert all(credentials_among([":path", name, "x-other"]) == (name,) for name in names)


def test_names_that_only_end_so_are_not_removed() -> None:
    assert credentials_among([f"x-odd-{ending}" for ending in HARMLESS_ENDINGS]) == ()


def test_names_that_are_removed_in_any_case_are_not_listed_again() -> None:
    assert credentials_among(["authorization", "x-odd-token", "x-auth-token"]) == ("x-odd-token",)


def test_steering_cannot_be_named_as_a_credential() -> None:
    policy = "version: 1\nbackends: []\nsteering: {cluster_header: x-my-token}\n"
    with pytest.raises(PolicyError) as refused:
        loads(policy, "policy.yaml")
    assert any("carries credentials" in str(each) for each in refused.value.problems)
