"""An API of a plug-in: its model in the path, its texts, its events, its end and its usage."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from extproc.ext import registered
from extproc.policy import loads
from extproc.protocol.effects import Chunk, Proceed, Reject
from extproc.testing.playbook import Playbook, request_body, request_headers, response_body, response_headers
from extproc.transaction import Plan
from tests.records import logged
from tests.seams.acme.play import PLAY
from tests.seams.playing import JSON, SSE, played

POLICY = """
version: 1
backends: [{name: local, url: "http://127.0.0.1:9001/up/v1", api: openai}]
models: [{name: chat, targets: [{backend: local, model: small/one}]}]
"""
PATH = "/acme/models/chat:play?x=1"
MAIL = "jane.doe@example.com"


@pytest.fixture(autouse=True)
def plugged() -> Iterator[None]:
    with registered(PLAY):
        yield


def plan(request: str = "", response: str = "") -> Plan:
    piped = f"pipelines: [{{name: p, request: [{request}], response: [{response}]}}]\n" if request or response else ""
    return Plan.compile(loads(POLICY + piped), {})


def event(**members: Any) -> bytes:
    return b"data: %s\n\n" % json.dumps(members, separators=(",", ":")).encode()


def asked(envoy: Playbook, body: bytes = b'{"say":"hello"}', path: str = PATH) -> Any:
    envoy.sends(request_headers(path, JSON))
    return envoy.sends(request_body(body)).gets_one(Proceed)


def streamed(own: Plan, *events: bytes) -> tuple[bytes, dict[str, Any]]:
    """What goes on of these events, and the log line."""
    with Playbook(own) as envoy:
        asked(envoy)
        envoy.sends(response_headers(200, SSE))
        effects = [each for sent in events for each in envoy.sends(response_body(sent, end=False)).effects]
        effects += envoy.sends(response_body(b"")).effects
        return b"".join(each.data for each in effects if isinstance(each, Chunk)), logged(envoy.leaves())


def test_the_model_in_the_path_is_routed_and_written_there_and_the_body_is_left() -> None:
    with Playbook(plan()) as envoy:
        passed = asked(envoy)
    fields = dict(passed.headers.set)
    assert fields[":path"] == b"/up/v1/models/small%2Fone:play?x=1"
    assert fields["x-extproc-model"] == b"small/one"
    assert passed.body is None


def test_an_unknown_model_in_the_path_is_refused() -> None:
    with Playbook(plan()) as envoy:
        envoy.sends(request_headers("/acme/models/nobodys:play", JSON))
        refused = envoy.sends(request_body(b'{"say":"hello"}')).gets_one(Reject)
    assert refused.status == 404


def test_texts_of_the_request_are_masked() -> None:
    with Playbook(plan("{use: pii, kinds: [email], action: mask}")) as envoy:
        passed = asked(envoy, json.dumps({"say": f"to {MAIL}"}).encode())
    assert json.loads(passed.body) == {"say": "to [EMAIL_1]"}


@pytest.mark.parametrize(("member", "blocked"), [("say", True), ("else", False)])
def test_a_detector_is_told_the_role_that_the_api_says(member: str, blocked: bool) -> None:
    with played(plan("{use: shouting}")) as exchange:
        exchange.asks(json.dumps({member: "THIS IS SHOUTED"}).encode(), path=PATH).does("shouting")
        assert (exchange.refused == 403) is blocked


def test_a_text_is_joined_over_events_and_masked() -> None:
    passed, _ = streamed(
        plan(response="{use: pii, kinds: [email], action: mask}"),
        event(play="to jane.d"),
        event(play="oe@example"),
        event(play=".com, thanks"),
        event(play="", over="end"),
    )
    texts = [json.loads(line.removeprefix(b"data: ")) for line in passed.split(b"\n\n") if line]
    assert "".join(each["play"] for each in texts) == "to [EMAIL_1], thanks"
    assert texts[-1]["over"] == "end"


def test_a_blocked_stream_ends_as_the_api_has_it() -> None:
    passed, line = streamed(
        plan(response="{use: pii, kinds: [email], action: block}"),
        event(play="to "),
        event(play=f"{MAIL} "),
        event(play="x"),
    )
    assert MAIL.encode() not in passed
    assert b'data: {"play":"","over":"blocked"}\n\n' in passed
    assert line["blocked_by"] == "pii"


def test_events_that_nobody_changes_keep_their_bytes_and_usage_is_metered() -> None:
    events = [b": hi\n\n", b'data:  {"play" : "hello"}\n\n', event(play="", over="end", cost=7)]
    passed, line = streamed(plan(response="{use: pii, kinds: [email], action: mask}"), *events)
    assert passed == b"".join(events)
    assert (line["dialect"], line["output_tokens"]) == ("acme.play", 7)
