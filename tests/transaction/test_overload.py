"""An overloaded worker: it leaves out what the policy lets it, and refuses the rest in the client's dialect."""

import json
from typing import Any

import pytest

from extproc.policy import loads
from extproc.protocol.effects import Effect, Reject
from extproc.protocol.modes import BodyMode
from extproc.testing.playbook import Playbook, request_body, request_headers
from extproc.transaction import Plan, Shared, Transaction
from tests.records import logged
from tests.transaction.plans import plan

JSON = ("content-type", b"application/json")
MODES = (BodyMode.BUFFERED, BodyMode.FULL_DUPLEX_STREAMED)
STEPS = """
pipelines:
  - name: p
    request:
      - {use: pii, name: addresses, kinds: [email], action: block, on_overload: skip}
      - {use: pattern, name: names, regex: Titan, action: block}
"""
CONFINED = """
version: 1
backends:
  - {name: near, url: "http://127.0.0.1:1/v1", api: openai, region: eu}
  - {name: far, url: "http://127.0.0.1:2/v1", api: openai, region: us}
models: [{name: plain, targets: [{backend: far}], fallback: [{backend: near}]}]
residency: [{name: personal, when: 'findings.exists(f, f.kind == "email")', regions: [eu]}]
"""


def played(policy: Plan, said: str, mode: BodyMode, *, lean: bool = False, refuses: bool = False) -> tuple[Any, Any]:
    envoy = Playbook(policy, request=mode, response=mode)
    shared = Shared(0.0)
    shared.load.lean, shared.load.refuses = lean, refuses
    envoy.transaction = Transaction(policy, shared, 0.0)
    effects: list[Effect] = [*envoy.sends(request_headers("/v1/chat/completions", JSON)).effects]
    if not any(isinstance(each, Reject) for each in effects):
        body = {"model": "plain", "messages": [{"role": "user", "content": said}]}
        effects += envoy.sends(request_body(json.dumps(body).encode())).effects
    return next((each.status for each in effects if isinstance(each, Reject)), None), logged(envoy.leaves())


@pytest.mark.parametrize("mode", MODES)
def test_what_may_be_skipped_is_skipped_and_recorded_and_all_else_runs(mode: BodyMode) -> None:
    policy = plan(STEPS)
    assert played(policy, "to a@b.de", mode)[0] == 403
    status, record = played(policy, "to a@b.de", mode, lean=True)
    assert (status, record["skipped"]) == (None, ["addresses"])
    status, record = played(policy, "about Titan", mode, lean=True)
    assert (status, record["blocked_by"], record["skipped"]) == (403, "names", ["addresses"])
    assert "skipped" not in played(policy, "x", mode)[1]


def test_nothing_is_skipped_that_the_policy_does_not_name() -> None:
    steps = STEPS.replace(", on_overload: skip", ", mode: shadow")
    record = played(plan(steps), "to a@b.de", BodyMode.BUFFERED, lean=True)[1]
    assert "skipped" not in record
    assert [each["processor"] for each in record["findings"]] == ["addresses"]


def test_a_stand_in_goes_with_the_processors_that_it_stands_in_for() -> None:
    steps = STEPS.replace("on_overload: skip", "on_failure: spare, on_overload: skip")
    spare = "      - {use: pii, name: spare, kinds: [email], action: block}\n"
    record = played(plan(steps + spare), "to a@b.de", BodyMode.BUFFERED, lean=True)[1]
    assert record["skipped"] == ["addresses", "spare"]
    kept = STEPS.replace("action: block}", "action: block, on_failure: spare}")
    assert plan(kept + spare).pipelines[0].skips == ("addresses",)


def test_residency_that_reads_findings_holds_without_them() -> None:
    """Residency would let a request out of its regions whose addresses nobody looked for."""
    confined = Plan.compile(loads(CONFINED + STEPS.replace("kinds: [email], action: block", "action: report"), "p"), {})
    status, record = played(confined, "to a@b.de", BodyMode.BUFFERED, lean=True)
    # What cannot be told holds: the request stays in the region, whatever it says.
    assert (status, record["skipped"], record["backend"]) == (None, ["addresses"], "near")
    assert played(confined, "x", BodyMode.BUFFERED)[1]["backend"] == "far"
    assert played(confined, "to a@b.de", BodyMode.BUFFERED)[1]["backend"] == "near"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("path", "kind"),
    [("/v1/chat/completions", "server_error"), ("/v1/messages", "overloaded_error"), ("/elsewhere", "server_error")],
)
def test_a_new_exchange_is_refused_in_the_clients_dialect(mode: BodyMode, path: str, kind: str) -> None:
    shared = Shared(0.0)
    shared.load.refuses = True
    policy = plan("default_backend: local")
    envoy = Playbook(policy, request=mode, response=mode)
    envoy.transaction = Transaction(policy, shared, 0.0)
    refused = envoy.sends(request_headers(path, JSON)).gets_one(Reject)
    assert refused.status == 503
    assert dict(refused.headers)["retry-after"] == b"1"
    assert json.loads(refused.body)["error"]["type"] == kind
    record = logged(envoy.leaves())
    assert (record["decision"], record["reason"]) == ("rejected", "overloaded")


def test_an_exchange_that_is_under_way_goes_on() -> None:
    shared = Shared(0.0)
    envoy = Playbook(plan(), request=BodyMode.BUFFERED)
    envoy.transaction = Transaction(plan(), shared, 0.0)
    envoy.sends(request_headers("/v1/chat/completions", JSON))
    shared.load.refuses = shared.load.lean = True
    effects = envoy.sends(request_body(b'{"model":"plain","messages":[]}')).effects
    assert not any(isinstance(each, Reject) for each in effects)
    assert logged(envoy.leaves())["decision"] != "rejected"
