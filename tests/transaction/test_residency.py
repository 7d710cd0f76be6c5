"""Residency in an exchange: on paths of APIs and of none, with and without a body that can be read."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from extproc.ext import registered
from extproc.policy import loads
from extproc.protocol.effects import Inspect, Override, Phase, Proceed, Reject
from extproc.protocol.messages import Message, StreamClosed
from extproc.protocol.modes import BodyMode
from extproc.testing.playbook import Playbook, request_body, request_headers
from extproc.transaction import Plan, Shared
from tests.gathered import gathered
from tests.records import logged
from tests.seams.playing import CHAT, JSON, Played, played
from tests.seams.toys import TOYS

BASE = """\
version: 1
backends:
  - {name: eu, url: "http://127.0.0.1:1/v1", api: openai, region: eu}
  - {name: us, url: "http://127.0.0.1:2/v1", api: openai, region: us}
  - {name: claude, url: "http://127.0.0.1:3/v1", api: anthropic, region: us}
models:
  - {name: auto, targets: [{backend: us, model: large}], fallback: [{backend: eu, model: small}]}
  - {name: far, targets: [{backend: us}, {backend: claude}]}
"""
TOOLS = "residency: [{name: eu-data, when: tools > 0, regions: [eu]}]\n"
MAILS = "residency: [{name: personal, when: 'findings.exists(f, f.kind == \"email\")', regions: [eu]}]\n"
TEAM = 'residency: [{name: team, when: \'headers["x-team"] == "eu"\', regions: [eu]}]\n'
REPORTING = "pipelines: [{name: p, match: {path: /}, request: [{use: pii, kinds: [email], action: report}]}]\n"
FILES = "/v1/files"
MAIL = "to jane.doe@example.com"


def plan(*more: str) -> Plan:
    return Plan.compile(loads(BASE + "".join(more), "policy.yaml"), {})


def said(text: str = "hi", model: str = "auto", **more: Any) -> bytes:
    return json.dumps({"model": model, "messages": [{"role": "user", "content": text}], **more}).encode()


def asked(own: Plan, body: bytes, *fields: tuple[str, bytes], path: str = CHAT) -> tuple[int | None, dict[str, Any]]:
    """The status that the client gets from us, if it gets one; and the log line."""
    with played(own) as envoy:
        envoy.asks(body, *fields, path=path)
        while envoy.orders:
            envoy.does(next(iter(envoy.orders)))
        return envoy.refused, envoy.record()


def test_a_model_s_request_stays_within_the_regions_and_the_record_names_the_rule() -> None:
    own = plan(TOOLS)
    refused, line = asked(own, said())
    assert (refused, line["backend"], line.get("residency")) == (None, "us", None)
    refused, line = asked(own, said(tools=[{}]))
    assert (refused, line["backend"], line["upstream_model"]) == (None, "eu", "small")
    assert (line["reason"], line["residency"], line["signals"]) == ("fallback", ["eu-data"], {"tools": 1})


def test_a_request_that_no_backend_may_get_is_refused_in_the_client_s_dialect() -> None:
    own = plan(TOOLS)
    with played(own) as envoy:
        envoy.asks(said(model="far", tools=[{}]))
        (reject,) = (each for each in envoy.effects if isinstance(each, Reject))
        line = envoy.record()
    error = json.loads(reject.body)["error"]
    assert (reject.status, error["code"]) == (503, "residency")
    assert (line["decision"], line["reason"], line["residency"]) == ("rejected", "residency", ["eu-data"])
    with played(own) as envoy:
        envoy.asks(said(model="far", tools=[{}], max_tokens=1), path="/v1/messages")
        (reject,) = (each for each in envoy.effects if isinstance(each, Reject))
    assert (reject.status, json.loads(reject.body)["type"]) == (503, "error")


@pytest.mark.parametrize("action", ["report", "mask"])
def test_findings_confine_a_request_also_where_they_are_only_reported(action: str) -> None:
    own = plan(MAILS, REPORTING.replace("report", action))
    refused, line = asked(own, said(MAIL))
    assert (refused, line["backend"], line["residency"]) == (None, "eu", ["personal"])
    refused, line = asked(own, said("nothing personal"))
    assert (refused, line["backend"]) == (None, "us")


def test_more_kinds_than_are_told_apart_confine_as_one_of_them_may_be_the_one(monkeypatch: pytest.MonkeyPatch) -> None:
    own = plan(MAILS, REPORTING.replace("[email]", "[ip_address, mac_address, email]"))
    said_of = {None: "us", 3: "us", 2: "eu", 1: "eu"}
    for most, backend in said_of.items():
        if most is not None:
            monkeypatch.setattr("extproc.transaction.findings.KINDS_MAX", most)
        _, line = asked(own, said("from 198.51.100.7, 00:1b:63:84:45:e6"))
        assert line["backend"] == backend
        _, line = asked(own, said("from 198.51.100.7, 00:1b:63:84:45:e6 " + MAIL))
        assert line["backend"] == "eu"


EAGER = (
    "pipelines: [{name: p, forward: eager, request: [{use: toy-guard, words: [titan], timeout: 5s, action: report}]}]\n"
)
TITAN = "residency: [{name: titan, when: 'findings.exists(f, f.processor == \"toy-guard\")', regions: [eu]}]\n"


def test_a_request_waits_for_findings_that_decide_where_it_goes() -> None:
    with registered(*TOYS):
        for limit, waits in ((TITAN, True), (TOOLS, False)):
            own, shared = plan(limit, EAGER), Shared()
            shared.overridden.add(own.fingerprint)
            with Playbook(own, shared, configuration=own.fingerprint) as book:
                envoy = Played(book)
                envoy.asks(said("about Titan, the titan"))
                gone_on = any(isinstance(each, Proceed) and each.phase is Phase.BODY for each in envoy.effects)
                assert gone_on is not waits
                envoy.does("toy-guard")
                book.transaction.receive(StreamClosed(), 0.0)
                assert (envoy.refused, own.reads.findings) == (None, waits)
                assert book.transaction.choice is not None
                name = book.transaction.choice.candidate.destination.name
                assert name == ("eu" if waits else "us")


# -- paths of no API

DEFAULT = "default_backend: us\n"


def test_what_no_api_claims_is_confined_by_its_headers_before_it_goes_on() -> None:
    own = plan(TEAM, DEFAULT)
    with Playbook(own) as envoy:
        reject = envoy.sends(request_headers(FILES, ("x-team", b"eu"))).gets_one(Reject)
        assert (reject.status, json.loads(reject.body)["error"]["code"]) == (503, "residency")
        assert logged(envoy.leaves())["residency"] == ["team"]
    with Playbook(own) as envoy:
        envoy.sends(request_headers(FILES, ("x-team", b"us"))).gets_one(Proceed)


def test_its_body_is_read_where_a_condition_asks_for_it() -> None:
    own = plan(TOOLS, DEFAULT)
    refused, line = asked(own, json.dumps({"tools": [{}]}).encode(), path=FILES)
    assert (refused, line["reason"], line["residency"]) == (503, "residency", ["eu-data"])
    refused, line = asked(own, json.dumps({"tools": []}).encode(), path=FILES)
    assert (refused, line["reason"], line.get("residency")) == (None, "unclaimed", None)


def test_its_body_is_not_read_where_every_rule_allows_the_default_backend() -> None:
    with Playbook(plan(TOOLS, "default_backend: eu\n"), request=BodyMode.NONE) as envoy:
        envoy.sends(request_headers(FILES, JSON)).gets_one(Proceed)


def test_a_body_that_envoy_was_not_going_to_send_is_asked_for() -> None:
    with Playbook(plan(TOOLS, DEFAULT), request=BodyMode.NONE) as envoy:
        envoy.sends(request_headers(FILES, JSON)).gets_one(Override)
        reject = envoy.sends(request_body(b'{"tools": [{}]}')).gets_one(Reject)
        assert reject.status == 503


def large(own: Plan) -> Sequence[Message]:
    return request_headers(FILES, JSON), request_body(b"[" + b"0," * (own.limits.request_body // 2))


UNREADABLE = [
    pytest.param(
        lambda _: [request_headers("/v1/realtime", ("upgrade", b"websocket"), method="GET")],
        id="upgrade",
    ),
    pytest.param(
        lambda _: [request_headers("/v1/realtime", ("upgrade", b"websocket"), method="GET", end=True)],
        id="upgrade that is said to be empty",
    ),
    pytest.param(
        lambda _: [request_headers(FILES, JSON, ("content-encoding", b"x-own")), request_body(b"{}")],
        id="coding",
    ),
    pytest.param(lambda _: [request_headers(FILES, JSON), request_body(b'{"tools": ')], id="no JSON"),
    pytest.param(large, id="size"),
]


@gathered(("messages",), UNREADABLE)
def test_a_body_that_cannot_be_read_is_taken_to_be_confined(messages: Any) -> None:
    more = "limits: {request_body: 64KiB}\n"
    for default in ("us", "route"):
        own = plan(TOOLS, f"default_backend: {default}\n", more)
        with Playbook(own) as envoy:
            effects = [each for message in messages(own) for each in envoy.sends(message).effects]
            assert any(isinstance(each, Reject) and each.status == 503 for each in effects), effects
            assert logged(envoy.leaves())["residency"] == ["eu-data"]


@gathered(("messages",), UNREADABLE)
def test_it_goes_on_to_a_backend_that_every_rule_allows(messages: Any) -> None:
    own = plan(TOOLS, "default_backend: eu\n", "limits: {request_body: 64KiB}\n")
    with Playbook(own) as envoy:
        effects = [each for message in messages(own) for each in envoy.sends(message).effects]
        assert not any(isinstance(each, Reject | Inspect) for each in effects), effects


def test_a_large_body_that_could_be_confined_is_read_as_far_as_the_limit_and_passes_where_it_may() -> None:
    both = TOOLS.replace("[eu]", "[eu, us]")[:-2] + ', {name: mine, when: \'headers["x-a"] == "1"\', regions: [eu]}]\n'
    own = plan(both, DEFAULT, "limits: {request_body: 64KiB}\n")
    with Playbook(own) as envoy:
        effects = [each for message in large(own) for each in envoy.sends(message).effects]
        assert not any(isinstance(each, Reject) for each in effects)
        assert logged(envoy.leaves())["residency"] == ["eu-data"]


def test_reading_it_on_a_path_of_an_api_with_get_is_no_way_around() -> None:
    own = plan(TEAM, DEFAULT)
    with Playbook(own) as envoy:
        message = request_headers(CHAT, ("x-team", b"eu"), method="GET", end=True)
        assert envoy.sends(message).gets_one(Reject).status == 503


def test_the_list_of_models_leaves_for_nowhere_and_is_not_confined() -> None:
    with Playbook(plan(TEAM, DEFAULT)) as envoy:
        message = request_headers("/v1/models", ("x-team", b"eu"), method="GET", end=True)
        assert envoy.sends(message).gets_one(Reject).status == 200


def test_a_policy_that_only_inspects_keeps_envoys_routes_from_what_is_confined() -> None:
    text = BASE[: BASE.index("models:")] + "unknown_models: pass\n"
    own = Plan.compile(loads(text + TEAM), {})
    refused, line = asked(own, said(), ("x-team", b"eu"))
    assert (refused, line["reason"], line["residency"]) == (503, "residency", ["team"])
    refused, line = asked(own, said(), ("x-team", b"us"))
    assert (refused, line["reason"]) == (None, "unknown-passed")


def test_an_envoy_that_hides_header_fields_is_refused_on_every_path() -> None:
    hidden = Shared()
    message = request_headers(FILES)
    fields = type(message.fields)([field for field in message.fields if field[0] != ":scheme"])
    with Playbook(plan(TEAM, DEFAULT), hidden) as envoy:
        reject = envoy.sends(type(message)(message.side, fields, message.end)).gets_one(Reject)
        assert (reject.status, logged(envoy.leaves())["misconfigured"]) == (503, "forward_rules")


def test_a_form_that_may_name_the_model_is_confined_as_if_it_did() -> None:
    limits = Plan.compile(
        loads(
            """
version: 1
backends:
  - {name: us, url: "http://127.0.0.1:1/v1", api: openai, region: us}
  - {name: eu, url: "http://127.0.0.1:2/v1", api: openai, region: eu}
default_backend: us
unknown_models: pass
residency: [{when: 'model == "secret" || stream', regions: [eu]}]
"""
        ),
        {},
    )
    multipart = ("content-type", b"multipart/form-data; boundary=q")
    for name, confined in (("model", True), ("stream", True), ("file", False)):
        body = f'--q\r\ncontent-disposition: form-data; name="{name}"\r\n\r\nsecret\r\n--q--\r\n'
        book = Playbook(limits)
        book.sends(request_headers("/v1/audio/transcriptions", multipart))
        effect = book.sends(request_body(body.encode())).effects[0]
        assert isinstance(effect, Reject) is confined, name
