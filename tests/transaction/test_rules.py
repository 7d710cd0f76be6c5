"""Rules of models in an exchange: signals with and without a pipeline, what cannot be told, and what records say."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from extproc.ext import registered
from extproc.policy import UnusableError, loads
from extproc.protocol.effects import Proceed, Reject
from extproc.protocol.headers import HeaderMap
from extproc.protocol.messages import Headers, Side
from extproc.signals.registry import REGISTRY
from extproc.signals.signal import Signal
from extproc.signals.view import RequestView
from extproc.testing.playbook import Playbook, request_body, request_headers
from extproc.transaction import Plan, Shared
from extproc.transaction.requests.opening import OPENED_BYTES, OUTLINED_BYTES
from tests.records import logged
from tests.seams.playing import CHAT, JSON, played

BASE = """
version: 1
usage: {from: none, metadata: null}
backends:
  - {name: big, url: "http://127.0.0.1:1/v1", api: openai, sealed_by: ours}
  - {name: small, url: "http://127.0.0.1:2/v1", api: openai, sealed_by: ours}
  - {name: private, url: "http://127.0.0.1:3/v1", api: openai, sealed_by: ours}
  - {name: claude, url: "http://127.0.0.1:4/v1", api: anthropic}
models:
  - {name: plain, targets: [{backend: small}]}
  - name: auto
    targets: [{backend: small, model: llama}]
"""
MASKING = "pipelines: [{name: p, match: {path: /v1/}, request: [{use: pii, kinds: [email], action: mask}]}]\n"
PERSONAL = "{name: personal, when: 'findings.exists(f, f.kind == \"email\")', to: [{backend: private, model: local}]}"
AGENTS = "{name: agents, when: tools > 0, to: [{backend: big, model: gpt}], fallback: [{backend: private}]}"
TEAM = '{when: \'headers["x-team"] == "pay"\', to: [{backend: private}]}'
MAIL = "to jane.doe@example.com"


def policy(*rules: str, more: str = "") -> str:
    listed = "".join(f"      - {rule}\n" for rule in rules)
    return f"{BASE}{'    rules:' if rules else ''}\n{listed}{more}"


def plan(*rules: str, more: str = "") -> Plan:
    return Plan.compile(loads(policy(*rules, more=more), "policy.yaml"), {})


def said(text: str, model: str = "auto", **more: Any) -> bytes:
    return json.dumps({"model": model, "messages": [{"role": "user", "content": text}], **more}).encode()


def exchanged(
    own: Plan, body: bytes, *fields: tuple[str, bytes], path: str = CHAT
) -> tuple[int | None, dict[str, Any]]:
    """The status that the client gets from us, if it gets one; and the log line."""
    with played(own) as envoy:
        envoy.asks(body, *fields, path=path)
        while envoy.orders:
            envoy.does(next(iter(envoy.orders)))
        return envoy.refused, envoy.record()


def led(own: Plan, body: bytes, *fields: tuple[str, bytes]) -> tuple[str | None, str, str]:
    """The rule that decided, the backend, and the name of the model there."""
    refused, line = exchanged(own, body, *fields)
    assert refused is None, line
    return line.get("rule"), line["backend"], line["upstream_model"]


# -- without any pipeline


def test_a_body_s_signal_decides_without_any_pipeline() -> None:
    own = plan(AGENTS)
    assert led(own, said("hi", tools=[{}])) == ("agents", "big", "gpt")
    assert led(own, said("hi")) == (None, "small", "llama")


def test_a_header_decides_and_the_body_is_read_for_its_model_alone() -> None:
    own = plan(TEAM)
    assert not own.reads.body
    assert led(own, said("hi"), ("x-team", b"pay")) == ("rule-1", "private", "auto")
    assert led(own, said("hi"), ("x-team", b"hr")) == (None, "small", "llama")
    assert led(own, said("hi")) == (None, "small", "llama")


def test_without_a_pipeline_there_are_no_findings() -> None:
    assert led(plan(PERSONAL), said(MAIL)) == (None, "small", "llama")


@pytest.mark.parametrize("size", [OUTLINED_BYTES + 1, OPENED_BYTES + 1])
def test_a_large_body_is_read_for_its_signals_in_a_thread(size: int) -> None:
    own = plan(AGENTS)
    with played(own) as envoy:
        envoy.asks(said("x" * size, tools=[{}]))
        assert not envoy.effects[1:], "it is decided once the thread has told"
        assert led(own, said("x" * size, tools=[{}])) == ("agents", "big", "gpt")
        envoy.does("")
        assert envoy.record()["backend"] == "big"


def test_a_body_that_no_thread_reads_in_time_is_not_passed_over() -> None:
    with played(plan(AGENTS)) as envoy:
        envoy.asks(said("x" * (OUTLINED_BYTES + 1)))
        envoy.fails("")
        assert envoy.refused == 503
        line = envoy.record()
    assert (line["decision"], line["reason"], line["rule"]) == ("rejected", "routing_failed", "agents")
    assert line["signals"] == {"tools": None}


# -- with a pipeline


def test_a_request_that_is_masked_goes_to_another_backend() -> None:
    own = plan(PERSONAL, AGENTS, more=MASKING)
    with played(own) as envoy:
        envoy.asks(said(MAIL, tools=[{}]))
        assert json.loads(envoy.body(Side.REQUEST, b""))["messages"][0]["content"] == "to [EMAIL_1]"
        line = envoy.record()
    assert (line["rule"], line["backend"], line["upstream_model"]) == ("personal", "private", "local")
    assert (line["decision"], line["reason"]) == ("masked", "only")
    assert led(own, said("nothing", tools=[{}])) == ("agents", "big", "gpt")
    assert led(own, said("nothing")) == (None, "small", "llama")


def test_findings_of_a_processor_in_shadow_move_no_request() -> None:
    shadow = MASKING.replace("action: mask", "action: mask, mode: shadow")
    assert led(plan(PERSONAL, more=shadow), said(MAIL)) == (None, "small", "llama")


def test_a_body_that_passes_unread_has_findings_that_cannot_be_told() -> None:
    own = plan(PERSONAL, more=MASKING.replace("request:", "on_oversize: allow, body_limit: 1KiB, request:"))
    refused, line = exchanged(own, said("x" * 2000))
    assert (refused, line["reason"], line["rule"]) == (503, "routing_failed", "personal")
    assert line["uninspected"] == [{"reason": "size", "count": 1}]


def failed(on_failure: str, stand_in: str = "", mode: str = "enforce") -> tuple[int | None, dict[str, Any]]:
    """A request that a processor could not judge, since its scanner was given up."""
    first = f"{{use: pii, kinds: [email], action: mask, on_failure: {on_failure}, mode: {mode}}}"
    own = plan(PERSONAL, more=f"pipelines: [{{name: p, request: [{first}{stand_in}]}}]\n")
    with played(own) as envoy:
        envoy.asks(said("x" * 20_000))
        envoy.fails("p")
        while envoy.orders:
            envoy.does(next(iter(envoy.orders)))
        return envoy.refused, envoy.record()


def test_findings_cannot_be_told_if_a_processor_failed_that_was_to_look() -> None:
    refused, line = failed("allow")
    assert (refused, line["reason"], line["rule"]) == (503, "routing_failed", "personal")


def test_findings_are_known_if_another_processor_stood_in_or_the_one_that_failed_is_in_shadow() -> None:
    stand_in = ", {use: pattern, name: other, regex: '@[a-z]{9}', action: mask}"
    refused, line = failed("other", stand_in)
    assert (refused, line["backend"], [each["processor"] for each in line["failures"]]) == (None, "small", ["pii"])
    refused, line = failed("allow", mode="shadow")
    assert (refused, line["backend"], [each["processor"] for each in line["failures"]]) == (None, "small", ["pii"])


def test_findings_cannot_be_told_if_the_one_that_stood_in_failed_too() -> None:
    stand_in = ", {use: pattern, name: other, regex: '@[a-z]{9}', action: mask, on_failure: allow}"
    first = "{use: pii, kinds: [email], action: mask, on_failure: other}"
    own = plan(PERSONAL, more=f"pipelines: [{{name: p, request: [{first}{stand_in}]}}]\n")
    with played(own) as envoy:
        envoy.asks(said("x" * 20_000))
        envoy.fails("p")
        while envoy.orders:
            envoy.fails(next(iter(envoy.orders)))
        line = envoy.record()
    assert [each["processor"] for each in line["failures"]] == ["pii", "other"]
    assert (envoy.refused, line["reason"], line["rule"]) == (503, "routing_failed", "personal")


def test_an_image_that_the_pipeline_lets_pass_leaves_findings_known() -> None:
    own = plan(PERSONAL, more=MASKING.replace("request:", "on_uninspected: allow, request:"))
    image = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]
    body = {"model": "auto", "messages": [{"role": "user", "content": [*image, {"type": "text", "text": MAIL}]}]}
    refused, line = exchanged(own, json.dumps(body).encode())
    assert (refused, line["rule"], line["uninspected"]) == (None, "personal", [{"reason": "image", "count": 1}])


# -- what cannot be told


class Counting:
    """A plug-in with a signal of the headers and one of the body, which counts how often each is computed."""

    def __init__(self) -> None:
        self.computed: list[str] = []
        self.level = Signal("level", "int", 1, "a number", headers=("x-level",), compute=self._level)
        self.risk = Signal("risk", "double", 0.5, "a number", cost="body", compute=self._risk)

    def _level(self, view: RequestView) -> int | None:
        self.computed.append("level")
        said = view.headers.text("x-level")
        return int(said) if said else None

    def _risk(self, _: RequestView) -> float:
        self.computed.append("risk")
        return 0.25


@pytest.fixture
def counting() -> Iterator[Counting]:
    toy = Counting()
    with registered(toy.level, toy.risk):
        toy.computed.clear()  # each is tried when it is registered
        yield toy


LEVEL = "{name: high, when: level > 3, to: [{backend: private}]}"
RISK = "{name: risky, when: risk > 0.5, to: [{backend: big}]}"


@pytest.mark.usefixtures("counting")
@pytest.mark.parametrize("rules", [(LEVEL,), (LEVEL, RISK)], ids=["headers", "body"])
def test_a_signal_that_cannot_be_told_refuses_the_request_in_the_client_s_own_way(rules: tuple[str, ...]) -> None:
    own = plan(*rules, more="recorded_signals: [path]\n")
    with Playbook(own) as envoy:
        envoy.sends(request_headers(CHAT, JSON))
        reject = envoy.sends(request_body(said("hi"))).gets_one(Reject)
        line = logged(envoy.leaves())
    assert reject.status == 503
    error = json.loads(reject.body)["error"]
    assert error["code"] == "routing_failed"
    assert "x-level" not in error["message"]
    assert (line["decision"], line["reason"], line["rule"], line["backend"]) == (
        *("rejected", "routing_failed", "high"),
        None,
    )
    assert line["signals"]["level"] is None


@pytest.mark.usefixtures("counting")
def test_an_anthropic_client_is_told_as_that_api_tells() -> None:
    text = policy(LEVEL).replace("to: [", "to: [{backend: claude}, ")
    with Playbook(Plan.compile(loads(text), {})) as envoy:
        envoy.sends(request_headers("/v1/messages", JSON))
        reject = envoy.sends(request_body(said("hi", max_tokens=1))).gets_one(Reject)
    assert reject.status == 503
    assert json.loads(reject.body)["type"] == "error"


def test_signals_of_rules_are_computed_once_and_only_for_a_model_that_has_them(counting: Counting) -> None:
    own = plan(LEVEL, RISK, LEVEL.replace("high", "higher").replace("3", "7"))
    assert led(own, said("hi", model="plain"), ("x-level", b"9"))[1] == "small"
    assert counting.computed == []
    assert led(own, said("hi"), ("x-level", b"1")) == (None, "small", "llama")
    assert sorted(counting.computed) == ["level", "risk"]


def test_a_header_s_signal_is_computed_once_where_nothing_of_the_body_is_asked(counting: Counting) -> None:
    own = plan(LEVEL)
    assert led(own, said("hi", model="plain"), ("x-level", b"9"))[1] == "small"
    assert counting.computed == []
    assert led(own, said("hi"), ("x-level", b"4")) == ("high", "private", "auto")
    assert counting.computed == ["level"]


@pytest.mark.usefixtures("counting")
def test_a_signal_that_this_process_does_not_have_is_an_error_of_the_policy() -> None:
    own = loads(policy(AGENTS, LEVEL))
    with pytest.raises(UnusableError) as caught:
        Plan.compile(own, {}, REGISTRY)
    (part,) = caught.value.parts
    assert part.where == ("models", 1, "rules", 1, "when")
    assert part.message == "no signal level is installed here"


# -- health


def down(own: Plan, body: bytes, *names: str) -> tuple[int | None, dict[str, Any]]:
    shared = Shared()
    shared.overridden.add(b"")
    for name in names:
        shared.health.unreachable(name, 0.0, own.health)
    with Playbook(own, shared) as envoy:
        envoy.sends(request_headers(CHAT, JSON))
        (effect,) = envoy.sends(request_body(body)).effects
        return effect.status if isinstance(effect, Reject) else None, logged(envoy.leaves())


def test_a_rule_whose_backends_are_down_goes_to_its_fallback_and_then_nowhere() -> None:
    own, body = plan(AGENTS), said("hi", tools=[{}])
    status, line = down(own, body, "big")
    assert (status, line["rule"], line["backend"], line["reason"]) == (None, "agents", "private", "fallback")
    assert line["decision"] == "rerouted"
    status, line = down(own, body, "big", "private")
    assert (status, line["rule"], line["backend"], line["reason"]) == (503, "agents", None, "backend_unavailable")


# -- what Envoy must hand over


def test_what_rules_read_is_asked_of_envoy_and_nothing_else() -> None:
    bare, agents, team = plan(), plan(AGENTS), plan(TEAM)
    assert set(team.needs.fields) - set(bare.needs.fields) == {"x-team"}
    assert set(agents.needs.fields) - set(bare.needs.fields) == {"content-type"}
    routed = plan("{when: 'route_name == \"llm\"', to: [{backend: big}]}")
    assert routed.needs.route_name
    assert not agents.needs.route_name


def test_the_fingerprint_changes_only_if_envoy_must_hand_over_more() -> None:
    # AGENTS has a fallback, so that responses show which backend is down.
    sole = "{when: tools > 0, to: [{backend: big}]}"
    typed = plan(sole)
    assert plan(sole.replace("> 0", "> 1").replace("big", "private"), sole).fingerprint == typed.fingerprint
    assert plan(TEAM).fingerprint == plan(TEAM.replace('"pay"', '"hr"').replace("private", "big")).fingerprint
    assert plan(TEAM).fingerprint != plan().fingerprint
    assert plan("{when: 'route_name == \"llm\"', to: [{backend: big}]}").fingerprint != plan().fingerprint


def hidden(*fields: tuple[str, bytes]) -> Headers:
    """Request headers from a filter that forwards some fields only."""
    full = request_headers(CHAT, JSON, *fields)
    return Headers(
        Side.REQUEST, HeaderMap([f for f in full.fields if f[0] not in {":scheme", ":authority"}]), end=False
    )


@pytest.mark.parametrize("more", ["", MASKING], ids=["no pipeline", "a pipeline"])
def test_an_unknown_envoy_that_may_hide_a_header_is_not_trusted_with_a_rule_about_it(more: str) -> None:
    own = plan(TEAM, more=more)
    with Playbook(own) as envoy:
        assert envoy.sends(hidden()).gets_one(Reject).status == 503
        assert logged(envoy.leaves())["misconfigured"] == "forward_rules"
    with Playbook(own, configuration=own.fingerprint) as envoy:
        envoy.sends(hidden()).gets_one(Proceed)
        envoy.leaves()


def test_an_envoy_that_does_not_tell_its_route_is_not_trusted_with_a_rule_about_it() -> None:
    own = plan("{when: 'route_name == \"llm\"', to: [{backend: big}]}")
    with Playbook(own) as envoy:
        assert envoy.sends(request_headers(CHAT, JSON)).gets_one(Reject).status == 503
        assert logged(envoy.leaves())["misconfigured"] == "request_attributes"
    told = request_headers(CHAT, JSON)
    with Playbook(own) as envoy:
        envoy.sends(Headers(told.side, told.fields, told.end, {"xds.route_name": "llm"}))
        envoy.sends(request_body(said("hi"))).gets_one(Proceed)
        assert logged(envoy.leaves())["rule"] == "rule-1"


def test_a_path_of_no_api_is_not_asked_for_what_rules_read() -> None:
    with Playbook(plan(TEAM, more="default_backend: small\n")) as envoy:
        full = request_headers("/other")
        fields = HeaderMap([each for each in full.fields if each[0] != ":scheme"])
        assert envoy.sends(Headers(full.side, fields, end=True)).gets_one(Proceed).clear_route


# -- what is told of it


def test_the_models_resource_lists_a_model_with_rules_once() -> None:
    with Playbook(plan(AGENTS, PERSONAL)) as envoy:
        answer = envoy.sends(request_headers("/v1/models", method="GET", end=True)).gets_one(Reject)
    assert [each["id"] for each in json.loads(answer.body)["data"]] == ["plain", "auto"]


def test_the_record_has_numbers_and_truths_that_the_rules_saw_and_texts_only_if_they_are_to_be_recorded() -> None:
    rules = ('{when: \'stream && headers["x-team"] == "pay"\', to: [{backend: big}]}', AGENTS)
    line = exchanged(plan(*rules), said("hi", tools=[{}, {}]), ("x-team", b"planted"))[1]
    assert line["signals"] == {"stream": False, "tools": 2}
    assert "planted" not in json.dumps(line)
    assert list(line).index("rule") == list(line).index("duration_ms") + 1
    line = exchanged(plan(*rules, more="recorded_signals: [model]\n"), said("hi"))[1]
    assert line["signals"] == {"stream": False, "tools": 0, "model": "auto"}
    assert "rule" not in line


def test_a_line_of_a_model_without_rules_has_no_signals() -> None:
    line = exchanged(plan(AGENTS), said("hi", model="plain"))[1]
    assert "signals" not in line
    assert "rule" not in line


def test_dynamic_metadata_tells_the_rule() -> None:
    own = plan(AGENTS, "{name: streams, when: stream, to: [{backend: big, model: gpt}]}")

    def metadata(**more: Any) -> dict[str, Any]:
        with Playbook(own) as envoy:
            envoy.sends(request_headers(CHAT, JSON))
            proceed = envoy.sends(request_body(said("hi", **more))).gets_one(Proceed)
            assert proceed.metadata is not None
            return dict(proceed.metadata["extproc"])

    assert metadata(tools=[{}])["rule"] == "agents"
    assert metadata(stream=True)["rule"] == "streams", "the same backend and model, by another rule"
    assert "rule" not in metadata()
