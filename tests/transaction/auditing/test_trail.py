"""The trail of an exchange: places and counts of findings, the route with what was left out, and never a value."""

import json
import re
from typing import Any

import msgspec

from extproc.policy import loads
from extproc.protocol.effects import Reject
from extproc.protocol.record import Record
from extproc.testing.playbook import Playbook, request_body, request_headers, response_body, response_headers
from extproc.transaction import Plan, Shared
from extproc.transaction.auditing.pointers import place_of
from tests.gathered import gathered

POLICY = """
version: 1
backends:
  - {name: north, url: "http://127.0.0.1:9001/v1", api: openai, region: us, sealed_by: ours}
  - {name: south, url: "http://127.0.0.1:9002/v1", api: openai, region: eu, sealed_by: ours}
models:
  - {name: chat, targets: [{backend: north}], fallback: [{backend: south, model: small}]}
residency: [{name: in-eu, when: 'path == "/v1/completions"', regions: [eu]}]
pipelines:
  - name: p
    request: [{use: pii, kinds: [email], action: mask}, {use: pattern, name: names, regex: Titan, action: block}]
    response: [{use: pii, kinds: [email], action: report}]
"""
PLANTED = "planted@example.com"


def plan(audit: str = "{file: a.jsonl}", policy: str = POLICY) -> Plan:
    return Plan.compile(loads(f"{policy}audit: {audit}\n" if audit else policy), {})


def chat(text: str, **more: Any) -> bytes:
    return json.dumps({"model": "chat", "messages": [{"role": "user", "content": text}], **more}).encode()


def played(
    own: Plan, body: bytes, answer: str = "hi", path: str = "/v1/chat/completions", shared: Shared | None = None
) -> Record:
    """Return the record of an exchange."""
    said = json.dumps({"choices": [{"index": 0, "message": {"role": "assistant", "content": answer}}]}).encode()
    with Playbook(own, shared or Shared()) as envoy:
        envoy.sends(request_headers(path, ("content-type", b"application/json")))
        if not any(isinstance(effect, Reject) for effect in envoy.sends(request_body(body)).effects):
            envoy.sends(response_headers(200, ("content-type", b"application/json")))
            envoy.sends(response_body(said))
        return envoy.leaves()


def test_findings_have_their_places_and_no_values() -> None:
    record = played(plan(), chat(f"to {PLANTED} and b@example.com"), f"from {PLANTED}")
    assert record.trail is not None
    request, second, response = record.trail.spans
    assert (request.processor, request.kind, request.action, request.side) == ("pii", "email", "mask", "request")
    assert (request.where, request.start, request.end) == ("/messages/0/content", 3, 3 + len(PLANTED))
    assert (second.start, response.side, response.where) == (27, "response", "/choices/0/message/content")
    assert record.trail.truncated == 0
    assert b"example" not in msgspec.json.encode(record)


def test_no_more_spans_are_listed_than_the_policy_says_and_all_are_counted() -> None:
    body = chat(" ".join(f"a{number}@example.com" for number in range(12)))
    record = played(plan("{file: a.jsonl, spans: 7}"), body)
    assert record.trail is not None
    assert (len(record.trail.spans), record.trail.truncated) == (7, 5)
    none = played(plan("{file: a.jsonl, spans: 0}"), body)
    assert none.trail is not None
    assert (none.trail.spans, none.trail.truncated) == ((), 12)


def test_the_route_has_its_plan_its_region_and_who_was_left_out() -> None:
    record = played(plan(), chat("hi"))
    assert record.trail is not None
    assert [(each.backend, each.model, each.region) for each in record.trail.plan] == [
        ("north", None, "us"),
        ("south", "small", "eu"),
    ]
    assert record.trail.region == "us"
    body = json.dumps({"model": "chat", "prompt": "hi"}).encode()
    confined = played(plan(), body, path="/v1/completions")
    assert confined.trail is not None
    assert [(each.backend, each.why, each.detail) for each in confined.trail.left_out] == [
        ("north", "residency", "the region us")
    ]
    assert confined.residency == ("in-eu",)


def test_a_policy_without_audit_has_no_trail() -> None:
    assert played(plan(""), chat(f"to {PLANTED}")).trail is None


def test_while_nothing_can_be_recorded_requests_are_refused_in_their_own_dialect() -> None:
    shared = Shared()
    shared.unaudited = True
    for path, member in (("/v1/chat/completions", "error"), ("/v1/messages", "error"), ("/v1/models", "error")):
        with Playbook(plan(), shared) as envoy:
            (refused,) = envoy.sends(request_headers(path, ("content-type", b"application/json"))).effects
            assert isinstance(refused, Reject)
            assert refused.status == 503
            assert member in json.loads(refused.body)
            assert ("retry-after", b"1") in refused.headers
            record = envoy.leaves()
        assert (record.decision, record.reason) == ("rejected", "audit_unavailable")


@gathered(
    ("pointer", "shown"),
    [
        ("", ""),
        ("/messages/12/content", "/messages/12/content"),
        (
            "/messages/0/tool_calls/0/function/arguments#/maria@example.com",
            "/messages/0/tool_calls/0/function/arguments#/*",
        ),
        ("/metadata/Maria~1Gonzalez/0", "/metadata/*/0"),
        ("/messages/4012888888881881/content", "/messages/*/content"),
        ("part:maria/x", "part:*/*"),
        ("/arguments#/nested#/maria", "/arguments#/*#/*"),
        ("/messages/\u0661/content", "/messages/*/content"),
    ],
)
def test_names_in_places_are_hidden_unless_an_api_has_them(pointer: str, shown: str) -> None:
    assert place_of(pointer, names=False) == shown
    assert place_of(pointer, names=True) == pointer


CAPTURING = "{file: a.jsonl, capture: masked, capture_most: 500B}"


def test_a_body_is_kept_as_it_went_on_after_masking() -> None:
    record = played(plan(CAPTURING), chat(f"to {PLANTED}"))
    assert record.captured is not None
    assert json.loads(record.captured.data)["messages"][0]["content"] == "to [EMAIL_1]"
    assert record.captured.path == "/v1/chat/completions"
    assert "EMAIL" not in repr(record.captured)
    untouched = chat("nothing in it")
    same = played(plan(CAPTURING), untouched)
    assert same.captured is not None
    assert same.captured.data == untouched


@gathered(
    ("audit", "policy", "body"),
    [
        ("{file: a.jsonl}", POLICY, chat("hi")),
        (CAPTURING, POLICY, chat("Titan")),
        (CAPTURING, POLICY.replace("action: mask", "action: report"), chat(PLANTED)),
        (CAPTURING, POLICY.replace("action: mask", "action: mask, mode: shadow"), chat(PLANTED)),
        (
            CAPTURING,
            POLICY.replace("request:", "on_uninspected: allow\n    request:"),
            chat("hi", x=[{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]),
        ),
        (
            CAPTURING,
            re.sub("    request: .*\n", "", POLICY),
            chat("hi"),
        ),
    ],
    ids=["not asked for", "blocked", "report", "shadow", "image", "no pipeline"],
)
def test_a_body_is_not_kept_that_was_not_wholly_inspected_and_masked(audit: str, policy: str, body: bytes) -> None:
    assert played(plan(audit, policy), body).captured is None


def test_of_a_large_body_only_the_size_is_kept() -> None:
    body = chat("x" * 500)
    record = played(plan(CAPTURING), body)
    assert record.captured is not None
    assert (record.captured.data, record.captured.size) == (b"", len(body))
