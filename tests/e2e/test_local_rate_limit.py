"""Through the real Envoy: its local rate limit counts the tokens that requests are expected to take."""

import json
from functools import partial
from typing import Any, Final

import pytest

from extproc.gateway.bootstrap import Json, Profile
from extproc.usage.budgets.estimate import expected
from tests.e2e.bodies import said
from tests.e2e.gateway import PROFILES, Gateway, gateway, manager, post, site
from tests.e2e.test_usage_metadata import snippets

pytestmark = pytest.mark.envoy

POLICY: Final = """\
version: 1
backends:
  - {name: north, url: $north/v1, api: openai, models: [{name: m}, {name: other}]}
  - {name: claude, url: $claude/v1, api: anthropic}
models:
  - {name: chat, targets: [{backend: north, model: m}]}
  - {name: another, targets: [{backend: north, model: other}]}
  - {name: opus, targets: [{backend: claude}]}
"""
ESTIMATE: Final = "usage: {metadata: {estimate: true}}\n"
BODY: Final = said("one two", max_tokens=50)
TOKENS: Final = expected(BODY, "openai.chat").input + 50


def limited(whole: Json, tokens: int, requests: int = 1000) -> None:
    """Add the filter of the page, with the limits of the test."""
    (found,) = (each for each in snippets() if "local_ratelimit" in json.dumps(each))
    typed: dict[str, Any] = found["typed_config"]
    typed["token_bucket"]["max_tokens"] = requests
    typed["descriptors"][0]["token_bucket"] = {"max_tokens": tokens, "tokens_per_fill": 1, "fill_interval": "3600s"}
    filters = manager(whole)["http_filters"]
    filters.insert(len(filters) - 1, found)


def statuses(running: Gateway, *bodies: bytes) -> list[int]:
    return [running.send(post(body)).status for body in bodies]


@pytest.mark.parametrize("profile", PROFILES)
def test_requests_get_429_once_the_bucket_of_their_model_holds_fewer_tokens_than_they_are_expected_to_take(
    profile: Profile,
) -> None:
    with (
        site(POLICY + ESTIMATE, "h2") as before,
        gateway(before, profile, partial(limited, tokens=2 * TOKENS + 30)) as running,
    ):
        assert statuses(running, BODY, BODY, BODY) == [200, 200, 429]
        small, large = said("one two", max_tokens=1), said("one two", "another", max_tokens=10 * TOKENS)
        assert statuses(running, small, small) == [200, 429]
        assert statuses(running, large, said("one two", "another", max_tokens=50)) == [429, 200]


@pytest.mark.parametrize("profile", PROFILES)
def test_requests_without_the_estimate_take_one_of_the_bucket_of_requests(profile: Profile) -> None:
    with site(POLICY, "h2") as before, gateway(before, profile, partial(limited, tokens=TOKENS, requests=3)) as running:
        assert statuses(running, BODY, BODY, BODY, BODY) == [200, 200, 200, 429]


@pytest.mark.parametrize("profile", PROFILES)
def test_a_request_that_costs_no_tokens_takes_one_of_the_bucket_of_requests(profile: Profile) -> None:
    with (
        site(POLICY + ESTIMATE, "h2") as before,
        gateway(before, profile, partial(limited, tokens=100, requests=1)) as running,
    ):
        asked = post(said("one two", "opus"), target="/v1/messages/count_tokens")
        assert [running.send(asked).status for _ in range(2)] == [200, 429]
