"""Streams of any API through a transaction: `explain`, and both of Envoy's profiles, say the same of them."""

import json
from functools import cache
from typing import Any

import pytest

from extproc.explain.explanation import explain
from extproc.explain.lines import read_line
from extproc.policy import loads
from extproc.protocol.effects import Chunk, Proceed, Reject
from extproc.protocol.messages import Side
from extproc.protocol.modes import BodyMode
from extproc.testing.playbook import Playbook, request_body, request_headers, response_body, response_headers
from extproc.transaction import Plan, Shared
from tests.apis.events.apis import APIS, events
from tests.gathered import gathered
from tests.records import logged

POLICY = """
version: 1
backends: [{name: local, url: "http://127.0.0.1:9001/v1", api: openai}]
default_backend: local
models: [{name: chat, targets: [{backend: local, model: llama}]}]
pipelines:
  - name: p
    response: [{use: pii, action: mask}]
    content_types: [text/plain, application/x-ndjson]
"""


@cache
def plan() -> Plan:
    return Plan.compile(loads(POLICY, "policy.yaml"), {"local": b"-"})


PIECES = ("Write to maria.gon", "zalez", "@example-mail.org soon. ")
ASKED = b'{"model": "chat", "stream": true, "messages": []}'


def through_envoy(mode: BodyMode, path: str, kind: str, body: bytes) -> tuple[bytes, Any]:
    """What the client gets, and the record."""
    with Playbook(plan(), request=mode, response=mode) as envoy:
        envoy.sends(request_headers(path, ("content-type", b"application/json")))
        effects = list(envoy.sends(request_body(ASKED)).effects)
        effects += envoy.sends(response_headers(200, ("content-type", kind.encode()))).effects
        effects += envoy.sends(response_body(body)).effects
        record = logged(envoy.leaves())
    refused = [each.body for each in effects if isinstance(each, Reject)]
    if refused:
        return refused[0], record
    side = [each for each in effects if isinstance(each, Chunk | Proceed) and each.side is Side.RESPONSE]
    parts = [each.data if isinstance(each, Chunk) else each.body or b"" for each in side]
    return b"".join(parts) or body, record


def explained(path: str, kind: str, body: bytes) -> Any:
    answer = {"headers": {"content-type": kind}, "body": body.decode()}
    line = {"path": path, "method": "POST", "body": json.loads(ASKED), "response": answer}
    return explain(plan(), Shared(detailed=True), read_line(json.dumps(line).encode()))


CASES = {
    **{name: ("/x", "text/event-stream", b"".join(events(name, PIECES)), "mask") for name in APIS},
    "azure": ("/openai/deployments/m/chat/completions", "text/event-stream", b"".join(events("chat", PIECES)), "mask"),
    "anthropic as chat": ("/v1/chat/completions", "text/event-stream", b"".join(events("messages", PIECES)), "mask"),
    "array": ("/x", "application/json", json.dumps(APIS["gemini"](PIECES)).encode(), "mask"),
    "lines": ("/x", "application/x-ndjson", "\n".join(map(json.dumps, APIS["ollama"](PIECES))).encode(), "mask"),
    "events as text": ("/v1/chat/completions", "text/plain", b"".join(events("chat", PIECES)), "mask"),
    "events as JSON": ("/v1/chat/completions", "application/json", b"".join(events("chat", PIECES)), "mask"),
    "a comma": ("/v1/chat/completions", "text/event-stream", b'data: {"choices": [],}\n\n', "block"),
    "unknown": ("/x", "text/event-stream", b'data: {"note": "maria.gon"}\n\n', "block"),
}


@gathered("name", CASES)
def test_explain_and_both_profiles_agree_about_a_stream(name: str) -> None:
    path, kind, body, action = CASES[name]
    shown = explained(path, kind, body)
    assert shown.action == action
    for mode in (BodyMode.BUFFERED, BodyMode.FULL_DUPLEX_STREAMED):
        out, record = through_envoy(mode, path, kind, body)
        assert record["decision"] == {"mask": "masked", "block": "blocked"}[action]
        assert b"zalez" not in out
        assert b"maria" not in out
        if action == "mask":
            assert b"[EMAIL_1]" in out
            assert out.decode() == (shown.body if isinstance(shown.body, str) else bytes(shown.body).decode())


@pytest.mark.parametrize("charset", ["utf-7", "utf-16", "ibm037"])
def test_events_that_are_declared_in_another_charset_are_uninspected(charset: str) -> None:
    with Playbook(plan(), Shared(), request=BodyMode.BUFFERED, response=BodyMode.BUFFERED) as envoy:
        envoy.sends(request_headers("/v1/chat/completions", ("content-type", b"application/json")))
        envoy.sends(request_body(ASKED))
        kind = f"text/event-stream; charset={charset}".encode()
        envoy.sends(response_headers(200, ("content-type", kind))).gets_one(Reject)
        assert logged(envoy.leaves())["uninspected"] == [{"reason": "charset", "count": 1}]


@pytest.mark.parametrize(
    "kind", ["", "application/octet-stream", "application/vnd.amazon.eventstream", "application/json-seq"]
)
def test_a_stream_under_a_type_that_is_not_read_is_uninspected(kind: str) -> None:
    for mode in (BodyMode.BUFFERED, BodyMode.FULL_DUPLEX_STREAMED):
        with Playbook(plan(), request=mode, response=mode) as envoy:
            envoy.sends(request_headers("/v1/chat/completions", ("content-type", b"application/json")))
            envoy.sends(request_body(ASKED))
            fields = (("content-type", kind.encode()),) if kind else ()
            effects = envoy.sends(response_headers(200, *fields)).effects
            if not kind:  # it may be empty, which is seen with its first byte
                effects = envoy.sends(response_body(b"data: x\n\n", end=mode is BodyMode.BUFFERED)).effects
            assert [type(each) for each in effects] == [Reject]
            assert logged(envoy.leaves())["uninspected"] == [{"reason": "content_type", "count": 1}]
