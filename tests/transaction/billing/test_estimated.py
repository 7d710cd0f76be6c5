"""Envoy gets the tokens that a request is expected to take with the answer to it, only if the policy asks for them."""

import json
from collections.abc import Mapping
from typing import Any, Final

import pytest

from extproc.policy import loads
from extproc.protocol.effects import OwnMetadata, Proceed
from extproc.protocol.modes import BodyMode
from extproc.testing.playbook import Playbook, request_body, request_headers
from extproc.transaction import Plan
from extproc.usage.budgets.estimate import expected

POLICY: Final = """\
version: 1
backends:
  - {name: one, url: "http://127.0.0.1:1/v1", api: openai}
  - {name: claude, url: "http://127.0.0.1:2/v1", api: anthropic}
models:
  - {name: chat, targets: [{backend: one, model: dear}]}
  - {name: opus, targets: [{backend: claude}]}
"""
NAMESPACE: Final = "io.envoy.ai_gateway"
MODES: Final = (BodyMode.BUFFERED, BodyMode.FULL_DUPLEX_STREAMED)


def plan(usage: str) -> Plan:
    return Plan.compile(loads(POLICY + f"usage: {usage}\n"), {})


def sent(
    plan: Plan, mode: BodyMode = BodyMode.BUFFERED, path: str = "/v1/chat/completions", **members: Any
) -> tuple[Mapping[str, Mapping[str, Any]], bytes, bool]:
    """Return the metadata of a request, its body, and true if the wire edge keeps the bytes of the metadata."""
    body = json.dumps({"model": "chat", "messages": [], **members}).encode()
    with Playbook(plan, configuration=plan.fingerprint, request=mode) as envoy:
        first = envoy.sends(request_headers(path, ("content-type", b"application/json"))).effects
        effects = (*first, *envoy.sends(request_body(body)).effects)
        found = [each.metadata for each in effects if isinstance(each, Proceed) and each.metadata is not None]
        envoy.leaves()
    return (found[0] if found else {}), body, not (found and isinstance(found[0], OwnMetadata))


@pytest.mark.parametrize("mode", MODES)
def test_the_estimate_is_the_input_and_the_stated_or_usual_limit_of_output(mode: BodyMode) -> None:
    with_estimate = plan("{metadata: {estimate: true, estimate_output_tokens: 7}}")
    cases: tuple[tuple[dict[str, Any], int], ...] = (({"max_tokens": 50}, 50), ({}, 7), ({"n": 3}, 21))
    for members, output in cases:
        metadata, body, kept = sent(with_estimate, mode, **members)
        assert metadata[NAMESPACE]["llm_estimated_token"] == expected(body, "openai.chat").input + output
        assert metadata[NAMESPACE]["model_name_override"] == "dear"
        assert metadata["extproc"]["model"] == "dear"
        assert not kept


@pytest.mark.parametrize("mode", MODES)
def test_nothing_is_told_unless_the_policy_asks_for_it(mode: BodyMode) -> None:
    for usage in ("{}", "{metadata: null}", "{metadata: {estimate: true, names: {llm_estimated_token: null}}}"):
        without = plan(usage)
        metadata, _, kept = sent(without, mode)
        assert without.estimates is None
        assert metadata[NAMESPACE] == {"model_name_override": "dear", "ai_service_backend_name": "one"}
        assert kept


def test_a_namespace_and_a_key_of_ones_own_hold_the_estimate() -> None:
    metadata, body, _ = sent(plan("{metadata: {estimate: true, namespace: mine, names: {llm_estimated_token: hits}}}"))
    assert metadata["mine"] == {"hits": expected(body, "openai.chat").input + 1024}


def test_a_request_that_a_policy_without_models_leaves_to_envoys_routes_has_an_estimate() -> None:
    text = POLICY[: POLICY.index("models:")] + "unknown_models: pass\nusage: {metadata: {estimate: true}}\n"
    metadata, body, _ = sent(Plan.compile(loads(text), {}), model="nobody's")
    assert metadata == {NAMESPACE: {"llm_estimated_token": expected(body, "openai.chat").input + 1024}}


def test_counting_tokens_has_no_estimate() -> None:
    metadata, _, _ = sent(plan("{metadata: {estimate: true}}"), path="/v1/messages/count_tokens", model="opus")
    assert "llm_estimated_token" not in metadata[NAMESPACE]
