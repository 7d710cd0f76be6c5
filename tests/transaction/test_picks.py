"""The pick within an exchange: what Envoy is told, what a client cannot say, and what a response teaches."""

from collections.abc import Callable
from typing import Any

import pytest

from extproc.policy import loads
from extproc.protocol.effects import Proceed, Reject
from extproc.protocol.headers import HeaderMap
from extproc.protocol.messages import Headers, Side
from extproc.protocol.modes import BodyMode
from extproc.testing.playbook import Playbook, request_body, request_headers, response_headers
from extproc.transaction import Plan, Shared
from extproc.transaction.requests.pools import DESTINATION, PROMPT_BYTES, READ_WHOLE, hint_of, prompt_of, served_by
from tests.gathered import gathered
from tests.records import logged

A, B = "10.0.0.1:80", "10.0.0.2:80"
CHAT = "/v1/chat/completions"
ASK = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'
FREE = """\
version: 1
backends: []
default_backend: route
unknown_models: pass
endpoint_pools: [{name: p, endpoints: ['10.0.0.1:80', '10.0.0.2:80'], %s}]
"""
BACKED = """\
version: 1
backends: [{name: a, url: "http://a", api: openai}, {name: b, url: "http://b", api: openai}]
models: [{name: m, targets: [{backend: a}]}, {name: n, targets: [{backend: b}]}]
default_backend: b
endpoint_pools: [{name: p, backends: [a], endpoints: ['10.0.0.1:80'], %s}]
"""


def compiled(text: str = FREE, more: str = "metrics: ~, scorers: [{use: least_busy}]") -> Plan:
    return Plan.compile(loads(text % more, "policy.yaml"), {})


def told(effect: Proceed) -> str:
    """The endpoints that Envoy is told; the header and the metadata say the same."""
    assert effect.headers is not None
    (value,) = [value.decode() for name, value in effect.headers.sets if name == DESTINATION]
    assert effect.metadata is not None
    assert effect.metadata["envoy.lb"] == {DESTINATION: value}
    return value


def hinted(message: Headers, hint: Any) -> Headers:
    return Headers(message.side, message.fields, message.end, metadata={"envoy.lb.subset_hint": hint})


def served(status: int, endpoint: str | None, **more: Any) -> Headers:
    message = response_headers(status, end=True, **more)
    metadata = {} if endpoint is None else {"envoy.lb": {f"{DESTINATION}-served": endpoint}}
    return Headers(Side.RESPONSE, message.fields, True, message.attributes, metadata=metadata)


@pytest.mark.parametrize("scorers", ["{use: least_busy}", "{use: prefix}"])
@pytest.mark.parametrize("mode", [BodyMode.BUFFERED, BodyMode.FULL_DUPLEX_STREAMED])
def test_a_request_is_given_its_endpoints_whether_its_body_is_read_or_not(scorers: str, mode: BodyMode) -> None:
    plan = compiled(more=f"metrics: ~, scorers: [{scorers}]")
    with Playbook(plan, request=mode) as envoy:
        effects = [*envoy.sends(request_headers(CHAT)).effects, *envoy.sends(request_body(ASK)).effects]
        values = [told(each) for each in effects if isinstance(each, Proceed) and each.metadata]
    assert len(values) == 1
    assert sorted(values[0].split(",")) == [A, B]


def test_what_a_client_says_of_endpoints_is_removed_also_where_no_pool_is_for_its_request() -> None:
    plan = compiled(BACKED)
    said = tuple((f"{DESTINATION}{end}", b"10.9.9.9:1") for end in ("", "-subset", "-served"))
    for path, end, body in ((CHAT, False, ASK.replace(b'"m"', b'"n"')), ("/elsewhere", True, b"")):
        with Playbook(plan) as envoy:
            effects = list(envoy.sends(request_headers(path, *said, end=end)).effects)
            if body:
                effects += envoy.sends(request_body(body)).effects
        removed = {
            name for each in effects if isinstance(each, Proceed) and each.headers for name in each.headers.remove
        }
        assert {name for name, _ in said} <= removed
        assert not [each for each in effects if isinstance(each, Proceed) and "envoy.lb" in (each.metadata or {})]


def test_a_request_for_a_backend_of_a_pool_has_both_its_cluster_and_its_endpoint() -> None:
    with Playbook(compiled(BACKED)) as envoy:
        envoy.sends(request_headers(CHAT, (DESTINATION, b"10.9.9.9:1")))
        routed = envoy.sends(request_body(ASK)).gets_one(Proceed)
    assert told(routed) == A
    assert routed.headers is not None
    assert ("x-extproc-cluster", b"a") in routed.headers.sets
    assert routed.metadata is not None
    assert routed.metadata["extproc"]["backend"] == "a"


@gathered(
    ("hint", "endpoints"),
    [
        (None, None),
        ({}, None),
        ({"other": [A]}, None),
        ("text", None),
        ({f"{DESTINATION}-subset": [A, B, A]}, (A, B)),
        ({f"{DESTINATION}-subset": f"{A}, {B}"}, (A, B)),
        ({f"{DESTINATION}-subset": ["host:80", 7, None, A]}, (A,)),
        ({f"{DESTINATION}-subset": []}, ()),
        ({f"{DESTINATION}-subset": {}}, ()),
        ({f"{DESTINATION}-subset": None}, ()),
        ({f"{DESTINATION}-subset": True}, ()),
    ],
)
def test_a_hint_that_is_there_binds_even_if_it_cannot_be_read(hint: Any, endpoints: Any) -> None:
    metadata = {} if hint is None else {"envoy.lb.subset_hint": hint}
    assert hint_of(Headers(Side.REQUEST, HeaderMap(), metadata=metadata)) == endpoints


def test_a_hint_decides_and_nobody_left_is_503_in_the_client_s_dialect() -> None:
    plan = compiled()
    for hint, expected in (([B], B), ([], None), (["10.9.9.9:80"], None)):
        with Playbook(plan) as envoy:
            message = hinted(request_headers(CHAT), {f"{DESTINATION}-subset": hint})
            (effect, *_) = envoy.sends(message).effects
            if expected is None:
                assert isinstance(effect, Reject)
                assert (effect.status, b"no_endpoint" in effect.body) == (503, True)
                continue
            assert isinstance(effect, Proceed)
            assert told(effect) == expected
            envoy.sends(request_body(ASK))


def test_a_refusal_is_in_the_client_s_dialect_also_if_no_body_was_read() -> None:
    with Playbook(compiled()) as envoy:
        message = hinted(request_headers("/v1/messages"), {f"{DESTINATION}-subset": []})
        refused = envoy.sends(message).gets_one(Reject)
    assert refused.body.startswith(b'{"type":"error","error":{"type":')


def test_a_list_of_models_is_the_endpoints_to_give_unless_the_policy_has_models() -> None:
    with Playbook(compiled()) as envoy:
        told(envoy.sends(request_headers("/v1/models", method="GET", end=True)).gets_one(Proceed))
    with Playbook(compiled(BACKED)) as envoy:
        envoy.sends(request_headers("/v1/models", method="GET", end=True)).gets_one(Reject)


# -- what responses teach


def exchange(
    plan: Plan, shared: Shared, status: int, answers: Callable[[str], str | None], **more: Any
) -> dict[str, Any]:
    """One exchange; `answers` says which endpoint served, by those that were picked."""
    with Playbook(plan, shared=shared) as envoy:
        value = told(envoy.sends(request_headers("/health", method="GET", end=True)).gets_one(Proceed))
        envoy.sends(served(status, answers(value), **more))
    return logged(envoy.leaves()) | {"picked": value}


def picks(plan: Plan, shared: Shared) -> str:
    with Playbook(plan, shared=shared) as envoy:
        return told(envoy.sends(request_headers("/health", method="GET", end=True)).gets_one(Proceed))


def test_the_endpoint_that_served_is_recorded_and_those_before_it_are_left_alone() -> None:
    plan, shared = compiled(), Shared()
    line = exchange(plan, shared, 200, lambda value: value.split(",")[1])
    assert (line["endpoint_pool"], line["endpoint"]) == ("p", line["picked"].split(",")[1])
    assert picks(plan, shared) == line["endpoint"]


def test_an_endpoint_that_was_not_picked_is_mis_steering() -> None:
    line = exchange(compiled(), Shared(), 200, lambda _: "10.9.9.9:80")
    assert (line["missteered"], line["cluster"], line["endpoint"]) == ("other_endpoint", "10.9.9.9:80", "10.9.9.9:80")
    assert "override_host" in line["detail"]
    assert (line["decision"], line["status"]) == ("passed", 200)


def test_a_connection_that_fails_takes_the_endpoint_out() -> None:
    plan, shared = compiled(), Shared()
    details = "upstream_reset_before_response_started{remote_connection_failure}"
    line = exchange(plan, shared, 503, lambda _: None, details=details)
    assert picks(plan, shared) == line["picked"].split(",")[1]


def test_an_exchange_that_is_over_counts_no_longer_whichever_endpoint_served() -> None:
    plan, shared = compiled(), Shared()
    for place in (0, 1):
        exchange(plan, shared, 200, lambda value: value.split(",")[place % len(value.split(","))])  # noqa: B023
    for endpoint in (None, "10.9.9.9:80"):
        exchange(plan, shared, 200, lambda _: endpoint)  # noqa: B023
    assert {each.address: each.open for each in shared.books["p"].current(0)} == {A: 0, B: 0}


def test_the_served_endpoint_may_come_as_an_attribute() -> None:
    message = Headers(Side.RESPONSE, HeaderMap(), attributes={"upstream.address": A})
    assert served_by(message) == A
    both = Headers(
        Side.RESPONSE,
        HeaderMap(),
        attributes={"upstream.address": A},
        metadata={"envoy.lb": {f"{DESTINATION}-served": B}},
    )
    assert served_by(both) == B


def test_the_prompt_of_a_large_body_is_what_stands_behind_its_first_member() -> None:
    head = b'{"model":"m","temperature":1,"messages":["'
    for size in (READ_WHOLE - len(head) - 3, READ_WHOLE):
        one, other = (head + b"x" * size + end for end in (b'"]}', b'", 1]}'))
        assert len(prompt_of(one)) == PROMPT_BYTES
        assert prompt_of(one) == prompt_of(other)
        assert prompt_of(one) != prompt_of(one.replace(b"xx", b"xy", 1))
    assert prompt_of(b"y" * (READ_WHOLE + 1)) == b""


@gathered(
    ("one", "other", "same"),
    [
        (b'{"model":"m","messages":[1]}', b'{"temperature":1,"messages":[1],"model":"m"}', True),
        (b'{"messages":[1],"system":"s"}', b'{"system":"s","messages":[1]}', True),
        (b'{"messages":[1]}', b'{"messages":[2]}', False),
        (b'{"messages":[1],"messages":[2]}', b"", True),
        (b"no json", b"", True),
    ],
)
def test_a_prompt_is_the_members_that_a_model_sees(one: bytes, other: bytes, same: bool) -> None:
    assert (prompt_of(one) == (prompt_of(other) if other else b"")) is same
