"""Envoy gets the metadata with the last message of a response, in every body mode, and with responses of our own."""

import json
from collections.abc import Mapping
from typing import Any, Final

import pytest
from msgspec.structs import replace

from extproc.policy import loads
from extproc.protocol.effects import Chunk, Effect, OwnMetadata, Proceed, Reject
from extproc.protocol.messages import Side
from extproc.protocol.modes import BodyMode
from extproc.testing.playbook import (
    Playbook,
    request_body,
    request_headers,
    response_body,
    response_headers,
    response_trailers,
)
from extproc.transaction import Plan
from tests.gathered import gathered

BACKENDS: Final = """\
version: 1
backends:
  - name: one
    url: http://127.0.0.1:1/v1
    api: openai
    region: eu
    models: [{name: dear, input_usd_per_mtok: 100, output_usd_per_mtok: 1000}]
  - {name: two, url: "http://127.0.0.1:2/v1", api: openai}
models:
  - {name: chat, targets: [{backend: one, model: dear}], fallback: [{backend: two, model: spare}]}
tenants: {from: {header: x-tenant-id}}
"""
READING: Final = """\
pipelines:
  - name: p
    request: [{use: pattern, name: titan, regex: Titan, action: block}]
    response: [{use: pii, action: mask}]
"""
USAGE: Final = "usage: {metadata: {costs: [{name: llm_cost, expression: 'input_tokens + 10 * output_tokens'}]}}\n"
COUNTS: Final = {
    "prompt_tokens": 20,
    "completion_tokens": 30,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 5},
}
NAMESPACE: Final = "io.envoy.ai_gateway"
JSON: Final = ("content-type", b"application/json")


def plan(more: str = READING + USAGE) -> Plan:
    return Plan.compile(loads(BACKENDS + more), {})


def told(effects: tuple[Effect, ...]) -> list[Mapping[str, Any]]:
    """The usage that effects of the response carry."""
    found = list[Mapping[str, Any]]()
    for each in effects:
        if not isinstance(each, Proceed | Chunk | Reject) or each.metadata is None:
            continue
        if isinstance(each, Reject) or each.side is Side.RESPONSE:
            found.append(dict(each.metadata[NAMESPACE]))
    return found


def begun(envoy: Playbook, model: str = "chat", text: str = "hello", **more: Any) -> tuple[Effect, ...]:
    envoy.sends(request_headers("/v1/chat/completions", JSON, ("x-tenant-id", b"acme")))
    body = {"model": model, "messages": [{"role": "user", "content": text}], **more}
    return tuple(envoy.sends(request_body(json.dumps(body).encode())).effects)


def events(text: str) -> list[bytes]:
    chunks: list[Any] = [{"choices": [{"index": 0, "delta": {"content": each}}]} for each in text.split(" ")]
    chunks.append({"choices": [], "usage": COUNTS})
    return [*(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks), b"data: [DONE]\n\n"]


MODES: Final = pytest.mark.parametrize("mode", [BodyMode.BUFFERED, BodyMode.STREAMED, BodyMode.FULL_DUPLEX_STREAMED])
ACTIONS: Final = pytest.mark.parametrize("action", ["report", "mask"])
TRAILERS: Final = pytest.mark.parametrize("trailers", [False, True])


@ACTIONS
@TRAILERS
@pytest.mark.parametrize("mode", [BodyMode.BUFFERED, BodyMode.FULL_DUPLEX_STREAMED])
def test_a_whole_response_carries_it_at_its_end(mode: BodyMode, action: str, trailers: bool) -> None:
    policy = plan(READING.replace("mask", action) + USAGE)
    whole = json.dumps({"choices": [{"index": 0, "message": {"content": "hi"}}], "usage": COUNTS}).encode()
    with Playbook(policy, request=mode, response=mode) as envoy:
        begun(envoy)
        assert told(tuple(envoy.sends(response_headers(200, JSON)).effects)) == []
        effects = envoy.sends(response_body(whole, end=not trailers)).effects
        if trailers:
            effects = (*effects, *envoy.sends(response_trailers()).effects)
        record = envoy.leaves()
    (found,) = told(tuple(effects))
    assert {
        "llm_input_token": 20,
        "llm_output_token": 30,
        "llm_total_token": 50,
        "llm_cached_input_token": 4,
        "llm_reasoning_token": 5,
        "cost_usd": pytest.approx(0.032),
        "llm_cost": 320,
        "model_name_override": "dear",
        "ai_service_backend_name": "one",
        "region": "eu",
        "tenant": "acme",
        "pipeline": "p",
        "decision": "allowed",
        "policy": record.policy,
    }.items() <= found.items()


@ACTIONS
@TRAILERS
@pytest.mark.parametrize("mode", [BodyMode.BUFFERED, BodyMode.FULL_DUPLEX_STREAMED])
@pytest.mark.parametrize("text", ["harmless", "a@b.de and more"])
def test_a_stream_carries_it_at_its_end_and_nothing_with_its_events(
    mode: BodyMode, action: str, trailers: bool, text: str
) -> None:
    policy = plan(READING.replace("mask", action) + USAGE)
    with Playbook(policy, request=mode, response=mode) as envoy:
        begun(envoy, stream=True)
        effects = tuple(envoy.sends(response_headers(200, ("content-type", b"text/event-stream"))).effects)
        for event in events(text):
            effects += tuple(envoy.sends(response_body(event, end=False)).effects)
        assert told(effects) == []
        effects = tuple(envoy.sends(response_trailers() if trailers else response_body(b"")).effects)
        effects += tuple(envoy.waits(1).effects) if not told(effects) else ()
        record = envoy.leaves()
    (found,) = told(effects)
    assert (found["llm_input_token"], found["llm_total_token"]) == (20, 50)
    assert found["decision"] == record.decision
    assert found.get("findings") == ({"pii": 1} if "@" in text else None)
    assert found["token_latency_ttft"] >= 0
    assert found["token_latency_itl"] >= 0


def test_a_stream_that_is_cut_for_a_finding_carries_it_with_its_last_message() -> None:
    with Playbook(plan(READING.replace("action: mask", "action: block") + USAGE), response=BodyMode.BUFFERED) as envoy:
        begun(envoy, stream=True)
        effects = tuple(envoy.sends(response_headers(200, ("content-type", b"text/event-stream"))).effects)
        for event in events("write to a@b.de please, and more of it, so that it is seen"):
            effects += tuple(envoy.sends(response_body(event, end=False)).effects)
        envoy.leaves()
    (found,) = told(effects)
    assert (found["decision"], found["reason"], found["findings"]) == ("blocked", "answer_cut", {"pii": 1})


@MODES
def test_a_response_that_nobody_reads_carries_names_and_verdict_without_tokens(mode: BodyMode) -> None:
    with Playbook(plan(USAGE), response=mode) as envoy:
        begun(envoy)
        effects = tuple(envoy.sends(response_headers(200, ("content-type", b"image/png"))).effects)
        if mode is BodyMode.FULL_DUPLEX_STREAMED:
            assert told(effects) == []
            envoy.sends(response_body(b"x", end=False))
            effects = tuple(envoy.sends(response_body(b"")).effects)
        envoy.leaves()
    (found,) = told(effects)
    assert found["decision"] == "allowed"
    assert "llm_total_token" not in found
    assert "llm_cost" not in found


@gathered(
    ("model", "text", "decision"),
    [("chat", "Titan", "blocked"), ("nobody's", "hello", "rejected")],
)
def test_a_refusal_carries_no_tokens(model: str, text: str, decision: str) -> None:
    with Playbook(plan()) as envoy:
        (found,) = told(begun(envoy, model, text))
        record = envoy.leaves()
    assert (found["decision"], found["reason"]) == (record.decision, record.reason)
    assert found["decision"] == decision
    assert (found["llm_input_token"], found["llm_total_token"], found["cost_usd"], found["llm_cost"]) == (0, 0, 0, 0)


def test_the_list_of_models_carries_no_tokens_and_a_refused_response_those_that_were_spent() -> None:
    with Playbook(plan()) as envoy:
        (found,) = told(tuple(envoy.sends(request_headers("/v1/models", method="GET", end=True)).effects))
        envoy.leaves()
    assert found["llm_total_token"] == 0
    blocking = plan(READING.replace("action: mask", "action: block") + USAGE)
    whole = json.dumps({"choices": [{"index": 0, "message": {"content": "a@b.de"}}], "usage": COUNTS}).encode()
    with Playbook(blocking, response=BodyMode.BUFFERED) as envoy:
        begun(envoy)
        envoy.sends(response_headers(200, JSON))
        (found,) = told(tuple(envoy.sends(response_body(whole)).effects))
        envoy.leaves()
    assert (found["decision"], found["llm_total_token"]) == ("blocked", 50)


def test_after_a_failover_it_names_what_served() -> None:
    policy = plan(READING + USAGE)
    with Playbook(policy, configuration=policy.fingerprint, response=BodyMode.BUFFERED) as envoy:
        begun(envoy)
        headers = response_headers(200, JSON)
        more = {"upstream.request_attempt_count": "2", "xds.cluster_name": "two:retry"}
        envoy.sends(replace(headers, attributes={**headers.attributes, **more}))
        (found,) = told(tuple(envoy.sends(response_body(json.dumps({"usage": COUNTS}).encode())).effects))
        envoy.leaves()
    assert (found["ai_service_backend_name"], found["model_name_override"]) == ("two", "spare")
    assert found["decision"] == "rerouted"
    assert "cost_usd" not in found


@pytest.mark.parametrize("section", ["", "usage: {metadata: null}\n"])
def test_a_policy_without_it_adds_nothing(section: str) -> None:
    whole = json.dumps({"choices": [], "usage": COUNTS}).encode()
    policy = plan(READING + section)
    assert policy.told is None
    with Playbook(policy, response=BodyMode.BUFFERED) as envoy:
        begun(envoy)
        envoy.sends(response_headers(200, JSON))
        assert told(tuple(envoy.sends(response_body(whole)).effects)) == []
        envoy.leaves()


def test_names_and_namespace_are_the_policy_s_and_the_route_is_read_if_a_cost_is_about_it() -> None:
    section = """\
usage:
  metadata:
    namespace: mine
    names: {llm_total_token: tokens, decision: null}
    costs: [{name: c, expression: 'route_name == "llm" ? 1 : 0'}]
"""
    policy = plan(READING + section)
    assert policy.needs.route_told
    assert policy.fingerprint == plan(READING).fingerprint, "metadata is no reason to refuse an Envoy"
    with Playbook(policy, response=BodyMode.BUFFERED) as envoy:
        headers = request_headers("/v1/chat/completions", JSON)
        envoy.sends(replace(headers, attributes={"xds.route_name": "llm"}))
        envoy.sends(request_body(b'{"model": "chat", "messages": []}'))
        envoy.sends(response_headers(200, JSON))
        answer = envoy.sends(response_body(json.dumps({"usage": COUNTS}).encode())).gets_one(Proceed)
        envoy.leaves()
    assert isinstance(answer.metadata, OwnMetadata)
    found = answer.metadata["mine"]
    assert (found["tokens"], found["c"], found["route_name"]) == (50, 1, "llm")
    assert "decision" not in found
    assert "llm_total_token" not in found
