"""A signal of a plug-in: recorded without any pipeline, and read by a condition."""

from collections.abc import Iterator
from typing import Any

import pytest

from extproc.ext import registered
from extproc.policy import PolicyError, loads
from extproc.protocol.effects import Reject
from extproc.testing.playbook import Playbook, request_body, request_headers
from extproc.transaction import Plan
from tests.records import logged
from tests.seams.acme.tier import TIER
from tests.seams.playing import CHAT, JSON, said

POLICY = """
version: 1
backends: [{name: local, url: "http://127.0.0.1:9001/v1", api: openai}]
models: [{name: chat, targets: [{backend: local}]}]
"""
RECORDED = "recorded_signals: [tier]\n"
BLOCKING = """pipelines:
  - {name: p, request: [{use: pii, kinds: [email], when: 'tier == "free"'}]}
"""


@pytest.fixture(autouse=True)
def plugged() -> Iterator[None]:
    with registered(TIER):
        yield


def plan(more: str) -> Plan:
    return Plan.compile(loads(POLICY + more), {})


def exchanged(own: Plan, *fields: tuple[str, bytes]) -> tuple[bool, dict[str, Any]]:
    """True if the request was refused; and the log line."""
    with Playbook(own) as envoy:
        envoy.sends(request_headers(CHAT, JSON, *fields))
        effects = envoy.sends(request_body(said("to jane.doe@example.com"))).effects
        return any(isinstance(each, Reject) for each in effects), logged(envoy.leaves())


@pytest.mark.parametrize(("value", "recorded"), [(b"gold", "gold"), (b"free", "free"), (b"planted", None)])
def test_a_signal_is_recorded_without_any_pipeline(value: bytes, recorded: str | None) -> None:
    refused, line = exchanged(plan(RECORDED), ("x-tier", value))
    assert not refused
    assert "pipeline" not in line
    assert line["signals"] == {"tier": recorded}


@pytest.mark.parametrize(("value", "refused"), [(b"free", True), (b"gold", False), (b"planted", True)])
def test_a_condition_reads_the_signal_and_fails_closed_where_it_cannot_be_determined(
    value: bytes, refused: bool
) -> None:
    assert exchanged(plan(BLOCKING), ("x-tier", value))[0] is refused


RULED = """
version: 1
backends:
  - {name: local, url: "http://127.0.0.1:9001/v1", api: openai}
  - {name: fast, url: "http://127.0.0.1:9002/v1", api: openai}
models:
  - name: chat
    rules: [{name: paying, when: 'tier != "free"', to: [{backend: fast, model: large}]}]
    targets: [{backend: local}]
"""


@pytest.mark.parametrize(("value", "rule", "backend"), [(b"gold", "paying", "fast"), (b"free", None, "local")])
def test_a_rule_of_a_model_reads_the_signal_without_any_pipeline(value: bytes, rule: str | None, backend: str) -> None:
    refused, line = exchanged(Plan.compile(loads(RULED), {}), ("x-tier", value))
    assert not refused
    assert (line.get("rule"), line["backend"]) == (rule, backend)
    assert "pipeline" not in line
    assert "signals" not in line, "a text is recorded only if the policy says so"


def test_a_request_whose_rule_cannot_be_evaluated_goes_nowhere() -> None:
    refused, line = exchanged(Plan.compile(loads(RULED), {}), ("x-tier", b"planted"))
    assert refused
    assert (line["status"], line["reason"], line["rule"]) == (503, "routing_failed", "paying")


def test_envoy_sends_the_header_that_the_signal_declares() -> None:
    assert "x-tier" in plan(RECORDED).needs.fields
    assert "x-tier" in Plan.compile(loads(RULED), {}).needs.fields
    assert "x-tier" not in plan("").needs.fields


def test_the_operator_is_told_of_a_name_that_is_nearly_the_signals() -> None:
    with pytest.raises(PolicyError) as caught:
        loads(POLICY + "recorded_signals: [tir]\n", "policy.yaml")
    (problem,) = caught.value.problems
    assert (problem.line, problem.path) == (5, "recorded_signals[0]")
    assert "did you mean tier?" in problem.mend
