"""Through the real Envoy: what is found is masked or blocked on both sides, in whole bodies and in streams."""

import gzip
import json
from typing import Any, Final

import pytest

from extproc.gateway.bootstrap import Profile
from extproc.testing import eventually
from extproc.testing.clients import ClientResponse, Ending
from tests.e2e.bodies import said
from tests.e2e.conftest import Shared
from tests.e2e.gateway import Gateway, Version, post, tagged

pytestmark = pytest.mark.envoy

INSPECTING: Final = """\
version: 1
backends:
  - {name: north, url: $north/v1, api: openai}
  - {name: claude, url: $claude/v1, api: anthropic}
default_backend: north
models:
  - {name: chat, targets: [{backend: north, model: served}]}
  - {name: opus, targets: [{backend: claude}]}
pipelines:
  - name: tools
    match: {path: /mcp}
    request: [{use: pii, kinds: [email], action: mask}, {use: pattern, name: commands, regex: 'rm -rf', action: block}]
    response: [{use: pii, kinds: [email], action: mask}]
  - name: requests
    match: {path: /v1/embeddings}
    request: [{use: pii, kinds: [email], action: block}]
  - name: default
    request:
      - {use: secrets, action: block}
      - {use: pii, kinds: [email, credit_card], action: mask, restore: true}
    response:
      - {use: pii, kinds: [iban, ip_address], action: mask}
      - {use: pattern, name: codename, regex: 'Project (Titan|Orion)', action: block}
"""
EMAIL: Final = "jane.doe@example.com"
IBAN: Final = "GB82WEST12345698765432"
KEY: Final = "AKIAZ7XQ4HNRTW2LPYKM"


@pytest.fixture
def inspecting(shared: Shared, profile: Profile) -> Gateway:
    return shared(INSPECTING, profile)


def streamed(answer: ClientResponse) -> str:
    """The text of a streamed chat."""
    texts = []
    for line in answer.body.decode().splitlines():
        if line.startswith("data: {"):
            texts += [choice["delta"].get("content") or "" for choice in json.loads(line[6:]).get("choices", ())]
    return "".join(texts)


def test_a_value_is_masked_on_its_way_out_and_restored_on_its_way_back(inspecting: Gateway, version: Version) -> None:
    answer, record = inspecting.ask(said(f"write to {EMAIL}"), version)
    assert EMAIL not in record.body.decode()
    assert "[EMAIL_1]" in record.body.decode()
    assert EMAIL in answer.json()["choices"][0]["message"]["content"]
    line = inspecting.line(answer)
    assert (line["decision"], line["pipeline"], line["masked"]) == ("masked", "default", True)
    assert EMAIL not in json.dumps(line)


@pytest.mark.parametrize("split", [1, 3, 7, 64])
def test_a_stream_is_masked_and_restored_however_it_is_cut(inspecting: Gateway, version: Version, split: int) -> None:
    body = said(f"tell {EMAIL} that {IBAN} at 192.168.17.4 is right", stream=True)
    answer, record = inspecting.ask(body, version, do=f"split-{split}")
    assert EMAIL not in record.body.decode()
    assert IBAN in record.body.decode()
    text = streamed(answer)
    assert f"tell {EMAIL} that [IBAN_1] at [IP_ADDRESS_1] is right" in text
    assert IBAN.encode() not in answer.body
    assert answer.body.rstrip().endswith(b"data: [DONE]")


def test_a_secret_is_refused_and_reaches_nobody(inspecting: Gateway, version: Version) -> None:
    refused = inspecting.send(post(said(f"use {KEY}")), version)
    assert (refused.status, refused.json()["error"]["code"]) == (403, "content_filter")
    assert refused.header("x-extproc-decision") == "blocked"
    assert inspecting.site.received == 0


def test_an_answer_that_is_blocked_comes_as_an_error(inspecting: Gateway, version: Version) -> None:
    tag = tagged()
    refused = inspecting.send(post(said("all about Project Titan"), tag=tag), version)
    inspecting.forwarded(tag)
    assert (refused.status, refused.json()["error"]["code"]) == (403, "content_filter")
    assert b"Titan" not in refused.body


def test_a_stream_that_is_blocked_ends_cleanly_and_frees_the_provider(inspecting: Gateway, version: Version) -> None:
    tag = tagged()
    # All of it would take a quarter of an hour.
    body = said("first some words and then Project Titan and more " + "word " * 10_000, stream=True)
    answer = inspecting.send(post(body, tag=tag, do="gap-50ms"), version, within=10)
    inspecting.forwarded(tag)
    assert (answer.status, answer.ending) == (200, Ending.COMPLETE)
    assert b"Titan" not in answer.body
    assert b"content_filter" in answer.body
    assert "first some words" in streamed(answer)
    active = "cluster.north.upstream_rq_active"
    assert eventually(lambda: inspecting.envoy.stats(active)[active] == 0, 2)


def test_the_anthropic_dialect_streams_masked_and_blocked(inspecting: Gateway, version: Version) -> None:
    request: dict[str, Any] = {"model": "opus", "max_tokens": 100, "stream": True}
    request["messages"] = [{"role": "user", "content": f"say {EMAIL} and {IBAN} twice"}]
    target = "/v1/messages"
    answer, record = inspecting.ask(json.dumps(request).encode(), version, target=target, provider="claude")
    assert EMAIL not in record.body.decode()
    assert EMAIL.encode() in answer.body
    assert IBAN.encode() not in answer.body
    assert b"message_stop" in answer.body


def test_an_encoded_request_and_an_encoded_answer_are_read(inspecting: Gateway, version: Version) -> None:
    body = gzip.compress(said(f"write to {EMAIL} and {IBAN}"))
    answer, record = inspecting.ask(body, version, ("content-encoding", "gzip"), do="gzip")
    assert record.header("content-encoding") is None
    assert "[EMAIL_1]" in record.json()["messages"][0]["content"]
    assert answer.header("content-encoding") is None
    text = answer.json()["choices"][0]["message"]["content"]
    assert EMAIL in text
    assert "[IBAN_1]" in text


def test_a_pipeline_without_response_processors_leaves_answers_alone(inspecting: Gateway, version: Version) -> None:
    body = json.dumps({"model": "chat", "input": f"about {IBAN[:6]}"}).encode()
    answer, record = inspecting.ask(body, version, target="/v1/embeddings")
    assert answer.body == inspecting.straight(record, "north").body


def test_tool_calls_over_json_rpc_are_masked_and_refused(inspecting: Gateway, version: Version) -> None:
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "x", "arguments": {"to": EMAIL}}}
    tag = tagged()
    inspecting.send(post(json.dumps(call).encode(), tag=tag, target="/mcp"), version)
    assert "[EMAIL_1]" in inspecting.forwarded(tag, "north").body.decode()
    call["params"] = {"name": "shell", "arguments": {"command": "rm -rf /"}}
    refused = inspecting.send(post(json.dumps(call).encode(), target="/mcp"), version)
    assert refused.status == 403
    assert refused.json()["id"] == 1


def test_a_large_prompt_is_judged_beside_others(inspecting: Gateway, version: Version) -> None:
    body = said("word " * 100_000 + EMAIL)
    answer, record = inspecting.ask(body, version)
    assert record.json()["messages"][0]["content"].endswith("[EMAIL_1]")
    assert answer.json()["choices"][0]["message"]["content"].endswith(EMAIL)
