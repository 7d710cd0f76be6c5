"""Signals belong to the exchange: a plug-in's is read by conditions and for the record, with a pipeline or without."""

import json
from textwrap import dedent
from typing import Any

import msgspec
import pytest

from extproc.explain.explanation import explain
from extproc.explain.lines import read_line
from extproc.policy import UnusableError, loads
from extproc.protocol.effects import Inspect, Reject
from extproc.protocol.messages import Inspected
from extproc.signals.registry import REGISTRY, SignalRegistry
from extproc.signals.signal import Signal
from extproc.signals.view import RequestView
from extproc.testing.playbook import Playbook, request_body, request_headers
from extproc.transaction import Plan, Shared
from extproc.transaction.recording import RECORDED_TEXT
from extproc.transaction.requests.opening import OPENED_BYTES, OUTLINED_BYTES, Opening
from tests.records import logged
from tests.transaction.plans import POLICY, SECRETS, UNCOUNTED

CHAT = "/v1/chat/completions"
JSON = ("content-type", b"application/json")


class Toy:
    """A plug-in with a signal of the headers and one of the body, which counts how often each is computed."""

    def __init__(self) -> None:
        self.computed: list[str] = []
        self.registry = REGISTRY.adding(
            Signal(
                name="tier",
                type="string",
                trial="gold",
                description="the tier of the tenant",
                headers=("x-tier",),
                compute=self._tier,
            ),
            Signal(
                name="risk",
                type="int",
                trial=7,
                description="tools by the risk of the model",
                cost="body",
                compute=self._risk,
            ),
        )

    def _tier(self, view: RequestView) -> str:
        self.computed.append("tier")
        return view.headers.text("x-tier")

    def _risk(self, view: RequestView) -> int | None:
        self.computed.append("risk")
        if view.outline is None:
            return None
        assert view.asked is None or view.asked.model
        return sum(len(tools) for tools in view.outline.every("tools"))

    def plan(self, extra: str) -> Plan:
        text = dedent(POLICY) + UNCOUNTED + extra
        return Plan.compile(loads(text, signals=self.registry.vocabulary), SECRETS, self.registry)


def chat(tools: int, padding: int = 0, model: str = "plain") -> bytes:
    return json.dumps({"model": model, "messages": [{"content": "x" * padding}], "tools": [{}] * tools}).encode()


RECORDING = "recorded_signals: [risk, tier, path]\n"
BLOCKING = """
pipelines:
  - {name: p, request: [{use: pattern, name: w, regex: 'model', action: block, when: 'risk > 1 && tier == "free"'}]}
"""


def played(own: Plan, body: bytes, *fields: tuple[str, bytes], path: str = CHAT) -> tuple[bool, dict[str, Any]]:
    """True if the request was refused, and the line in the log."""
    with Playbook(own) as envoy:
        envoy.sends(request_headers(path, JSON, *fields))
        effects = envoy.sends(request_body(body)).effects
        for order in [each for each in effects if isinstance(each, Inspect)]:
            assert isinstance(order.work, Opening)
            effects = envoy.sends(Inspected(order.ticket, order.work.run())).effects
        return any(isinstance(each, Reject) for each in effects), logged(envoy.leaves())


@pytest.mark.parametrize(("tools", "tier", "refused"), [(2, b"free", True), (1, b"free", False), (2, b"gold", False)])
def test_a_condition_asks_for_a_plug_ins_signals(tools: int, tier: bytes, refused: bool) -> None:
    toy = Toy()
    body = b'{"tools":[' + b",".join([b"{}"] * tools) + b'],"x":"model"}'
    was, _ = played(toy.plan(BLOCKING), body, ("x-tier", tier), path="/v1/other")
    assert was is refused
    assert sorted(toy.computed) == ["risk", "tier"]


@pytest.mark.parametrize("padding", [0, OUTLINED_BYTES, OPENED_BYTES])
def test_signals_are_recorded_without_any_pipeline_and_computed_once(padding: int) -> None:
    toy = Toy()
    own = toy.plan(RECORDING)
    assert own.pipelines == ()
    refused, line = played(own, chat(3, padding), ("x-tier", b"gold"))
    assert not refused
    assert (line["decision"], line["signals"]) == ("allowed", {"risk": 3, "tier": "gold", "path": CHAT})
    assert sorted(toy.computed) == ["risk", "tier"]


def test_a_signal_that_nobody_reads_is_not_computed_and_the_record_has_none() -> None:
    toy = Toy()
    _, line = played(toy.plan(""), chat(3), ("x-tier", b"gold"))
    assert "signals" not in line
    assert toy.computed == []


def test_one_that_a_condition_and_the_record_read_is_computed_once() -> None:
    toy = Toy()
    _, line = played(toy.plan(RECORDING + BLOCKING), chat(2), ("x-tier", b"gold"))
    assert line["signals"] == {"risk": 2, "tier": "gold", "path": CHAT}
    assert sorted(toy.computed) == ["risk", "tier"]


def test_recording_alone_has_no_body_read() -> None:
    toy = Toy()
    own = toy.plan(RECORDING + "default_backend: route\n")
    with Playbook(own) as envoy:
        (passed,) = envoy.sends(request_headers("/other", JSON, ("x-tier", b"gold"))).effects
        assert getattr(passed, "modes", None) is not None  # Envoy is told to send no body
        line = logged(envoy.leaves())
    assert line["signals"] == {"risk": None, "tier": "gold", "path": "/other"}
    assert toy.computed == ["tier"]


def test_a_request_that_is_refused_is_recorded_with_what_is_known_of_it() -> None:
    toy = Toy()
    refused, line = played(toy.plan(RECORDING), chat(1, model="nobody-serves-it"))
    assert refused
    assert line["signals"] == {"risk": 1, "tier": "", "path": CHAT}
    refused, line = played(toy.plan(RECORDING), b"no json")
    assert refused
    assert line["signals"] == {"risk": None, "tier": "", "path": CHAT}


def test_a_text_in_the_record_is_cut() -> None:
    own = Toy().plan("recorded_signals: [tier]\n")
    for size in (RECORDED_TEXT, RECORDED_TEXT + 1):
        _, line = played(own, chat(1), ("x-tier", b"t" * size))
        assert line["signals"] == {"tier": "t" * RECORDED_TEXT}


def test_envoy_is_asked_for_the_fields_that_signals_are_computed_from() -> None:
    toy = Toy()
    assert toy.plan("").needs.fields == ()
    assert toy.plan("recorded_signals: [tier]\n").needs.fields == ("x-tier",)
    assert toy.plan("recorded_signals: [risk]\n").needs.fields == ("content-type",)
    assert toy.plan(BLOCKING).needs.fields == ("content-type", "x-tier")
    assert toy.plan("recorded_signals: [route_name]\n").needs.route_name
    assert not toy.plan(RECORDING).needs.route_name


def test_a_policy_whose_plug_in_is_not_there_is_refused_before_any_request() -> None:
    toy = Toy()
    policy = loads(dedent(POLICY) + RECORDING + BLOCKING, signals=toy.registry.vocabulary)
    with pytest.raises(UnusableError) as caught:
        Plan.compile(policy, SECRETS, SignalRegistry())
    assert [(each.where, each.message) for each in caught.value.parts] == [
        (("recorded_signals",), "no signal risk is installed here"),
        (("recorded_signals",), "no signal tier is installed here"),
        (("pipelines", 0, "request", 0, "when"), "no signal risk is installed here"),
        (("pipelines", 0, "request", 0, "when"), "no signal tier is installed here"),
    ]


def explained(own: Plan, **line: Any) -> dict[str, Any]:
    told = explain(own, Shared(detailed=True), read_line(json.dumps(line).encode()))
    shown: dict[str, Any] = json.loads(msgspec.json.encode(told))
    return shown


def test_explain_shows_the_signals_that_the_policy_reads_with_a_pipeline_or_without() -> None:
    headers = {"content-type": "application/json", "x-tier": "gold"}
    body = json.loads(chat(2))
    own = Toy().plan(RECORDING)
    told = explained(own, path=CHAT, headers=headers, body=body)
    assert (told["pipeline"], told["signals"]) == (None, {"path": CHAT, "risk": 2, "tier": "gold"})
    told = explained(Toy().plan(BLOCKING), path=CHAT, headers=headers, body=body)
    assert (told["pipeline"], told["signals"]) == ("p", {"risk": 2, "tier": "gold"})
    assert explained(Toy().plan(""), path=CHAT, headers=headers, body=body)["signals"] == {}
