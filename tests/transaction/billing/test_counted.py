"""Usage that Envoy counted comes with trailers, takes the place of what the processor read, and is missed if whole."""

import json
from typing import Any, Final

import pytest
from msgspec.structs import replace

from extproc.protocol.effects import Chunk
from extproc.protocol.messages import Trailers
from extproc.protocol.modes import BodyMode
from extproc.protocol.record import Record, Usage
from extproc.testing.playbook import (
    Playbook,
    request_body,
    request_headers,
    response_body,
    response_headers,
    response_trailers,
)
from extproc.transaction import Plan, Shared
from tests.transaction.plans import plan

ENVOY: Final = "usage: {from: envoy}"
READING: Final = "pipelines: [{name: p, response: [{use: pii, action: mask}]}]\nusage: {from: envoy}"
COUNTED: Final = Usage(3, 4, source="envoy")


def counted(trailers: Trailers, usage: Usage | None = COUNTED) -> Trailers:
    return replace(trailers, usage=usage, model="theirs")


def exchanged(policy: Plan, trailers: Trailers | None, body: bytes | None = None, **more: Any) -> Record:
    status = more.pop("status", 200)
    with Playbook(policy, response=BodyMode.NONE if body is None else BodyMode.BUFFERED) as envoy:
        envoy.sends(request_headers("/v1/chat/completions", ("content-type", b"application/json")))
        envoy.sends(request_body(json.dumps({"model": "plain", "messages": [], **more}).encode()))
        envoy.sends(response_headers(status, ("content-type", b"application/json")))
        if body is not None:
            envoy.sends(response_body(body, end=trailers is None))
        if trailers is not None:
            envoy.sends(trailers)
        return envoy.leaves()


def test_what_envoy_counted_is_the_usage_of_the_exchange() -> None:
    policy = plan(ENVOY)
    assert policy.needs.counted
    assert policy.needs.response_headers
    assert policy.fingerprint != plan().fingerprint
    record = exchanged(policy, counted(response_trailers()))
    assert (record.input_tokens, record.output_tokens, record.usage_source) == (3, 4, "envoy")
    assert record.misconfigured is None


def test_it_takes_the_place_of_what_the_processor_read() -> None:
    body = json.dumps({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}).encode()
    record = exchanged(plan(READING), counted(response_trailers()), body)
    assert (record.input_tokens, record.usage_source) == (3, "envoy")


@pytest.mark.parametrize(
    ("more", "missed"),
    [({}, True), ({"stream": True}, False), ({"status": 500}, False)],
    ids=["whole", "stream", "error"],
)
def test_a_whole_response_without_counts_is_named_and_served(more: dict[str, Any], missed: bool) -> None:
    record = exchanged(plan(ENVOY), None, **more)
    assert record.misconfigured == ("token_usage" if missed else None)
    assert record.decision == "allowed"
    if missed:
        assert record.detail is not None
        assert "ai_protocol_manager" in record.detail


def test_trailers_behind_one_message_prove_that_envoy_took_an_override() -> None:
    shared = Shared()
    with Playbook(plan(READING), shared, response=BodyMode.BUFFERED) as envoy:
        envoy.sends(request_headers("/v1/chat/completions", ("content-type", b"application/json")))
        envoy.sends(request_body(b'{"model": "plain", "messages": [], "stream": true}'))
        envoy.sends(response_headers(200, ("content-type", b"text/event-stream")))
        effects = envoy.sends(response_body(b'data: {"choices":[]}\n\ndata: [DONE]\n\n', end=False)).effects
        assert any(isinstance(each, Chunk) and each.guard for each in effects)
        envoy.sends(counted(response_trailers()))
        record = envoy.leaves()
    assert (record.decision, record.misconfigured, record.input_tokens) == ("allowed", None, 3)
