"""Signals of a user's words in an exchange: computed once, for models that ask, and in a thread where they are long."""

import json
from typing import Any

import pytest

from extproc.detectors.contract import DetectorError
from extproc.ext import registered
from extproc.policy import UnusableError, loads
from extproc.signals import built_in
from extproc.signals.registry import REGISTRY, SignalRegistry
from extproc.signals.signal import Signal
from extproc.signals.view import RequestView
from extproc.transaction import Plan
from extproc.transaction.requests.opening import WORDED_BYTES
from tests.seams.playing import played

POLICY = """
version: 1
backends:
  - {{name: big, url: "http://127.0.0.1:1/v1", api: openai}}
  - {{name: small, url: "http://127.0.0.1:2/v1", api: openai}}
models:
  - {{name: plain, targets: [{{backend: small}}]}}
  - name: auto
    rules: [{{name: chosen, when: '{when}', to: [{{backend: big}}]}}]
    targets: [{{backend: small}}]
"""
QUESTION = "Bitte erkläre mir, warum der Himmel blau ist."


def plan(when: str, signals: SignalRegistry | None = None) -> Plan:
    return Plan.compile(loads(POLICY.format(when=when)), {}, signals)


def asked(text: str, model: str = "auto") -> bytes:
    return json.dumps({"model": model, "messages": [{"role": "user", "content": text}]}).encode()


def of_size(size: int) -> bytes:
    return asked(QUESTION + " " * (size - len(asked(QUESTION))))


def line(own: Plan, body: bytes) -> dict[str, Any]:
    with played(own) as envoy:
        envoy.asks(body)
        while envoy.orders:
            envoy.does(next(iter(envoy.orders)))
        return envoy.record()


def handed_out(own: Plan, body: bytes) -> bool:
    with played(own) as envoy:
        envoy.asks(body)
        found = bool(envoy.orders)
        while envoy.orders:
            envoy.does(next(iter(envoy.orders)))
        return found


def test_the_language_of_the_words_decides() -> None:
    own = plan('language == "de"')
    assert line(own, asked(QUESTION))["rule"] == "chosen"
    assert "rule" not in line(own, asked("Please tell me why the sky is blue."))


def test_the_difficulty_decides_and_is_in_the_record() -> None:
    found = line(plan("difficulty > 0.0"), asked("Explain the proximate cause of the injury under the statute."))
    assert found["backend"] == "big"
    assert 0 < found["signals"]["difficulty"] <= 1
    assert line(plan("difficulty > 0.0"), asked(""))["backend"] == "small"


@pytest.mark.parametrize(("size", "thread"), [(WORDED_BYTES, False), (WORDED_BYTES + 1, True)])
def test_words_of_a_body_that_is_not_small_are_read_in_a_thread(size: int, thread: bool) -> None:
    body = of_size(size)
    assert len(body) == size
    own = plan('language == "de"')
    assert handed_out(own, body) is thread
    assert line(own, body)["backend"] == "big"


def test_a_slow_signal_is_computed_once_in_a_thread_and_only_for_the_model_that_asks() -> None:
    views: list[RequestView] = []

    def compute(view: RequestView) -> int:
        views.append(view)
        return 7

    signal = Signal(name="weighed", type="int", trial=1, description="a weight", cost="slow", compute=compute)
    with registered(signal) as registry:
        own = plan("weighed == 7", registry)
        views.clear()  # what is registered is tried out
        assert not handed_out(own, asked("hi", model="plain"))
        assert views == []
        with played(own) as envoy:
            envoy.asks(asked("hi"))
            assert views == []
            envoy.does("")
            assert envoy.record()["backend"] == "big"
        assert [view.said for view in views] == ["hi"]


def test_what_a_signal_needs_is_loaded_when_a_policy_that_reads_it_is_compiled() -> None:
    bound: list[str] = []

    def bind(policy: object) -> Any:
        bound.append(type(policy).__name__)
        return lambda _: 8

    signal = Signal(name="weighed", type="int", trial=1, description="a weight", compute=lambda _: 7, bind=bind)
    registry = REGISTRY.adding(signal)
    with registered(signal):
        plan("tools > 0", registry)
        assert bound == []
        assert line(plan("weighed == 8", registry), asked("hi"))["backend"] == "big"
        assert bound == ["Policy"]


def test_a_signal_whose_data_is_missing_is_reported_with_its_line() -> None:
    def missing(_: object) -> Any:
        raise DetectorError("the model is missing; install this package anew")

    signal = Signal.of(REGISTRY["difficulty"].told(), built_in._difficulty, missing)
    with pytest.raises(UnusableError) as caught:
        plan("difficulty > 0.5", REGISTRY.with_bound([signal]))
    (found,) = caught.value.parts
    assert found.where == ("models", 1, "rules", 0, "when")
    assert found.message == "the signal difficulty cannot be computed: the model is missing"
    assert found.mend == "install this package anew"
