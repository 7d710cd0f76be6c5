"""Signals of a request, as conditions are asked about them: told in every spelling, or a failed condition."""

import json
from typing import Any

import pytest

from extproc.protocol.effects import Effect, Proceed, Reject
from extproc.protocol.messages import Side
from extproc.protocol.modes import BodyMode
from extproc.testing.playbook import Playbook, request_body, request_headers, response_body, response_headers
from extproc.transaction import Plan
from tests.records import logged
from tests.transaction.test_inspection import CHAT, JSON, answered, plan, said

TEXT = ("content-type", b"text/plain")


def blocking(when: str, more: str = "") -> Plan:
    return plan(f"""
  - name: p
    request: [{{use: pattern, name: word, regex: Titan, action: block, when: '{when}'{more}}}]
    on_uninspected: allow
""")


def outcome(own: Plan, body: bytes, path: str = "/mcp", kind: tuple[str, bytes] = JSON) -> tuple[int, dict[str, Any]]:
    """The status that the client gets (200 where the request goes on), and the record."""
    with Playbook(own) as envoy:
        envoy.sends(request_headers(path, kind))
        (effect,) = envoy.sends(request_body(body)).effects
        assert isinstance(effect, Proceed | Reject)
        return (effect.status if isinstance(effect, Reject) else 200), logged(envoy.leaves())


CALL = '"method":"tools/call","params":{"name":"shell","arguments":"Titan"}'


@pytest.mark.parametrize(
    ("when", "body"),
    [
        ('mcp.tool == "shell"', f'{{"jsonrpc":"2.0",{CALL}}}'),
        ('mcp.tool == "shell"', f"{{{CALL}}}"),
        ('mcp.tool == "shell"', f'[{{"method":"ping"}},{{"jsonrpc":"2.0",{CALL}}}]'),
        ('mcp.tool == "shell"', f'{{{CALL},"method":"ping"}}'),
        ('mcp.tool != "search"', f'[{{"method":"tools/call","params":{{"name":"search"}}}},{{{CALL}}}]'),
        ('model == "big"', '{"model":"big","x":"Titan \\ud800"}'),
        ('model == "big"', '{"m\\u006fdel":"b\\u0069g","x":["Titan",1e999]}'),
        ("stream", '{"stream":true,"x":"Titan"}'),
        ("tools > 0", '[{"x":"Titan"},{"functions":[{}]}]'),
        ("images > 0", '{"x":"Titan","image":"data:image/png;base64,AAAA"}'),
    ],
)
def test_a_condition_holds_in_every_spelling(when: str, body: str) -> None:
    status, record = outcome(blocking(when), body.encode())
    assert (status, record["blocked_by"], record["blocked_for"]) == (403, "word", "finding")


@pytest.mark.parametrize(
    ("when", "body"),
    [
        ('model == "big"', '{"model":"big","model":"small","x":"-"}'),
        ('model == "big"', '{"model":["big"],"x":"-"}'),
        ('model == "big"', '{"model":12,"x":"-"}'),
        ("stream", '{"stream":true,"stream":false}'),
        ("stream", '{"stream":"true"}'),
        ('mcp.tool == "shell"', json.dumps([{"method": str(number)} for number in range(17)])),
    ],
)
def test_a_signal_that_cannot_be_told_fails_the_condition(when: str, body: str) -> None:
    status, record = outcome(blocking(when), body.encode())
    assert (status, record["failures"]) == (503, [{"processor": "word", "reason": "condition", "allowed": False}])
    status, record = outcome(blocking(when, ", on_failure: allow"), body.encode())
    assert (status, record["failures"]) == (200, [{"processor": "word", "reason": "condition", "allowed": True}])


def test_a_form_with_an_image_has_an_image() -> None:
    part = 'Content-Disposition: form-data; name="image"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n\x89PNG\0'
    body = f"--b\r\n{part}\r\n--b\r\n\r\nTitan\r\n--b--\r\n".encode("latin-1")
    status, _ = outcome(blocking("images == 1"), body, kind=("content-type", b"multipart/form-data; boundary=b"))
    assert status == 403


def test_a_text_that_is_no_json_has_no_tools() -> None:
    assert outcome(blocking("tools > 0"), b"[12:00] Titan", kind=TEXT)[0] == 200


RESPONSE_ONLY = """
  - name: p
    response: [{{use: pattern, name: word, regex: Titan, action: block, when: '{}'}}]
"""


def responded(own: Plan, body: bytes, path: str) -> tuple[Effect, dict[str, Any]]:
    with Playbook(own, response=BodyMode.BUFFERED) as envoy:
        envoy.sends(request_headers(path, JSON))
        envoy.sends(request_body(body))
        envoy.sends(response_headers(200, JSON))
        (effect,) = envoy.sends(response_body(answered("Titan"))).effects
        return effect, logged(envoy.leaves())


@pytest.mark.parametrize("when", ['model == "chat"', "tools == 1", "stream"])
@pytest.mark.parametrize("path", [CHAT, "/other"])
def test_conditions_on_responses_know_the_request_also_where_nothing_else_reads_it(when: str, path: str) -> None:
    own = plan(RESPONSE_ONLY.format(when))
    effect, _ = responded(own, said("x", tools=[{}], stream=True), path)
    assert isinstance(effect, Reject)
    effect, _ = responded(own, said("x").replace(b'"chat"', b'"chat" '), path)
    assert isinstance(effect, Reject) is (when == 'model == "chat"')


def test_a_request_without_a_body_has_empty_signals() -> None:
    with Playbook(plan(RESPONSE_ONLY.format("tools == 0")), response=BodyMode.BUFFERED) as envoy:
        envoy.sends(request_headers("/other", JSON, end=True))
        envoy.sends(response_headers(200, JSON))
        envoy.sends(response_body(answered("Titan"))).gets_one(Reject)


def test_a_request_that_is_too_large_to_be_read_for_its_signals_passes_and_the_condition_on_the_response_fails() -> (
    None
):
    own = plan(RESPONSE_ONLY.format("tools > 0") + "    body_limit: 100B\n")
    with Playbook(own, response=BodyMode.BUFFERED) as envoy:
        envoy.sends(request_headers("/other", JSON))
        assert envoy.sends(request_body(said("x" * 100))).gets_one(Proceed).side is Side.REQUEST
        envoy.sends(response_headers(200, JSON))
        refused = envoy.sends(response_body(b"{}")).gets_one(Reject)
        assert refused.details == "extproc_inspection_failed"


SIZES = """
  - name: p
    request: [{use: size, max_messages: 2, max_images: 0}]
    on_uninspected: allow
"""


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (CHAT, b'{"model":"chat","x":1e999,"messages":[{},{},{}]}', 403),
        (CHAT, b'{"model":"chat","x":1e999,"messages":[{},{}]}', 200),
        ("/v1/responses", b'{"model":"chat","messages":[],"input":[{},{},{}]}', 403),
        ("/other", b'{"messages":[{},{},{}],"messages":[]}', 403),
        ("/other", b'{"messages":[{"type":"image","type":"text"}]}', 403),
    ],
)
def test_limits_count_what_a_reader_may_see(path: str, body: bytes, status: int) -> None:
    assert outcome(plan(SIZES), body, path)[0] == status
