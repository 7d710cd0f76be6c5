"""Rules of models that ask about backends: the state of each, and whether a request fits a model's context."""

import json
from typing import Any

import pytest

from extproc.explain.explanation import explain
from extproc.explain.lines import read_line
from extproc.policy import Health, PolicyError, loads
from extproc.testing.playbook import Playbook, request_body, request_headers
from extproc.transaction import Plan, Shared
from tests.gathered import gathered
from tests.records import logged
from tests.seams.playing import CHAT

BASE = """
version: 1
backends:
  - {name: big, url: "http://127.0.0.1:1/v1", api: openai, sealed_by: ours}
  - name: small
    url: "http://127.0.0.1:2/v1"
    api: openai
    sealed_by: ours
    models: [{name: mini, context_tokens: 100}]
models:
  - name: auto
    targets: [{backend: small, model: mini}]
    rules: [{name: other, when: 'RULE', to: [{backend: big, model: gpt}]}]
"""


def planned(rule: str, more: str = "") -> Plan:
    return Plan.compile(loads(BASE.replace("RULE", rule) + more, "policy.yaml"), {})


def refused(rule: str, more: str = "") -> str:
    """What is wrong with a policy."""
    with pytest.raises(PolicyError) as caught:
        planned(rule, more)
    return " ".join(each.message for each in caught.value.problems)


def asked(plan: Plan, shared: Shared, text: Any = "hi", **more: Any) -> dict[str, Any]:
    """The log line of a request."""
    body = json.dumps({"model": "auto", "messages": [{"role": "user", "content": text}], **more}).encode()
    with Playbook(plan, shared) as envoy:
        envoy.sends(request_headers(CHAT))
        envoy.sends(request_body(body))
        return logged(envoy.leaves())


def ail(shared: Shared, how: str) -> None:
    """Have the backend `small`, or its model, be out."""
    if how == "unreachable":
        shared.health.unreachable("small", 0.0, Health())
    elif how == "limited":
        shared.health.limited("small", "mini", 0.0, 60.0)
    elif how == "failing":
        for _ in range(Health().failures):
            shared.health.failed("small", "mini", 0.0, Health())


@gathered(
    ("how", "backend", "model"),
    [
        ("", "up", "up"),
        ("unreachable", "down", "down"),
        ("limited", "up", "avoided"),
        ("failing", "up", "down"),
    ],
)
def test_a_rule_sees_the_state_of_a_backend_and_of_a_model_there_when_a_request_is_routed(
    how: str, backend: str, model: str
) -> None:
    both = f'backend_state["small"] == "{backend}" && backend_state["small/mini"] == "{model}"'
    shared = Shared()
    ail(shared, how)
    line = asked(planned(both), shared)
    assert (line["backend"], line["rule"]) == ("big", "other")
    assert line["signals"] == {'backend_state["small"]': backend, 'backend_state["small/mini"]': model}


def test_health_is_watched_for_a_rule_where_nothing_else_chooses() -> None:
    def watches(rule: str) -> bool:
        return planned(rule).table.chooses

    assert watches('backend_state["small"] == "down"')
    assert not watches("tools > 0")


def test_a_rule_sees_whether_a_request_fits_to_the_token() -> None:
    plan = planned('!fits["small/mini"]')
    given = tokens("hi")
    fitting, past = (asked(plan, Shared(), max_tokens=100 - given + more) for more in (0, 1))
    assert (fitting["backend"], fitting["signals"]) == ("small", {'fits["small/mini"]': True})
    assert (past["backend"], past["signals"]) == ("big", {'fits["small/mini"]': False})


def tokens(text: str) -> int:
    """The input tokens that a request of a text counts for."""
    found: int = asked(planned("input_tokens > 0"), Shared(), text)["signals"]["input_tokens"]
    return found


def test_a_context_that_is_not_known_is_large_enough_and_a_request_that_nobody_counts_fits_none_that_is() -> None:
    both = planned('fits["big/gpt"] && !fits["small/mini"]')
    file = [{"type": "file", "file": {"file_id": "file-1"}}]
    line = asked(both, Shared(), file)
    assert line["signals"] == {'fits["big/gpt"]': True, 'fits["small/mini"]': False}
    assert line["backend"] == "big"


def test_explain_shows_what_a_rule_asked() -> None:
    plan = planned('backend_state["small"] == "up" && fits["small/mini"]')
    body = (
        b'{"path": "/v1/chat/completions", "body": {"model": "auto", "messages": [{"role": "user", "content": "hi"}]}}'
    )
    found = explain(plan, Shared(detailed=True), read_line(body))
    assert (found.rule, found.backend) == ("other", "big")
    assert found.signals == {"backend_state": {"small": "up"}, "fits": {"small/mini": True}}


@gathered(
    ("rule", "message"),
    [
        ('backend_state["smal"] == "up"', "there is no backend, and no model at one, of the name smal"),
        ('backend_state["small/maxi"] == "up"', "of the name small/maxi"),
        ('fits["small"]', "there is no model at a backend of the name small"),
        ("fits[model]", "a model at a backend is asked for by its name in quotes"),
        ('backend_state["small"]', "this is neither true nor false"),
    ],
)
def test_a_name_that_the_policy_has_not_is_refused_when_it_is_loaded(rule: str, message: str) -> None:
    assert message in refused(rule)


@gathered(
    ("more",),
    [
        ('residency: [{when: \'backend_state["small"] == "up"\', regions: [eu]}]\n',),
        ("pipelines: [{name: p, request: [{use: pii, when: 'fits[\"small/mini\"]'}]}]\n",),
    ],
)
def test_only_rules_of_models_ask_about_backends(more: str) -> None:
    assert "only rules of models can ask for" in refused("tools > 0", more)


def test_explain_names_the_default_backend_of_a_path_of_no_api() -> None:
    plan = planned("tools > 0", "default_backend: big\n")
    found = explain(plan, Shared(detailed=True), read_line(b'{"path": "/v1/files", "method": "POST", "body": "text"}'))
    assert (found.status, found.backend) == (200, "big")
    assert found.why == ("no dialect claims this path and method: the request goes to big, the default backend",)
