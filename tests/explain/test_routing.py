"""What `extproc explain` says of routing: the attempts, who is left out and why, and nothing else than happens."""

import json
from random import Random
from typing import Any, cast

import msgspec
import pytest

from extproc.explain.explanation import explain
from extproc.explain.lines import read_line
from extproc.policy import loads
from extproc.protocol.effects import Inspect
from extproc.protocol.messages import Inspected
from extproc.testing.playbook import Playbook, request_body, request_headers
from extproc.transaction import Plan, Shared
from tests.gathered import gathered
from tests.records import logged

CHAT = "/v1/chat/completions"
POLICY = """\
version: 1
backends:
  - name: eu
    url: http://127.0.0.1:1/v1
    api: openai
    region: eu
    models:
      - {name: small, context_tokens: 300, features: [tools], quality: 0.3}
      - {name: large, context_tokens: 90000, input_usd_per_mtok: 9, output_usd_per_mtok: 9, quality: 0.9}
  - {name: us, url: "http://127.0.0.1:2/v1", api: openai, region: us, models: [{name: huge, quality: 1}]}
  - {name: lab, url: "http://127.0.0.1:3/v1", api: openai}
unknown_models: pass
default_backend: us
models:
  - name: auto
    rules:
      - {name: agents, when: tools > 1, to: [{backend: us, model: huge}], fallback: [{backend: eu, model: large}]}
      - {name: long, when: input_tokens > 2000, to: [{backend: eu, model: large}]}
    targets: [{backend: eu, model: small}, {backend: us, model: huge, weight: 2}, {backend: lab, model: m}]
    fallback: [{backend: eu, model: large}]
    canary: {to: {backend: lab, model: beta}, share: 20%}
  - {name: cheap, strategy: cheapest, targets: [{backend: us, model: huge}, {backend: eu, model: large}]}
  - {name: busy, strategy: least_busy, targets: [{backend: us, model: huge}, {backend: eu, model: large}]}
  - {name: kept, strategy: sticky, targets: [{backend: us, model: huge}, {backend: eu, model: large}]}
  - {name: fast, strategy: fastest, targets: [{backend: us, model: huge}, {backend: eu, model: large}]}
  - {name: fair, strategy: balanced, targets: [{backend: us, model: huge}, {backend: eu, model: large}]}
residency: [{name: eu-data, when: 'findings.exists(f, f.kind == "email")', regions: [eu]}]
pipelines: [{name: p, match: {path: /}, request: [{use: pii, kinds: [email], action: report}]}]
"""
MAIL = "to jane.doe@example.com"


@pytest.fixture(scope="module")
def own() -> Plan:
    return Plan.compile(loads(POLICY, "policy.yaml"), {})


def said(text: str = "hi", model: str = "auto", **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


def told(own: Plan, body: dict[str, Any], shared: Shared | None = None, path: str = CHAT) -> dict[str, Any]:
    line = json.dumps({"path": path, "body": body}).encode()
    found = explain(own, shared or Shared(0.5, detailed=True), read_line(line))
    shown: dict[str, Any] = json.loads(msgspec.json.encode(found))
    return shown


def plan(found: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    return [(each["backend"], each["model"], each["region"]) for each in found["plan"]]


def test_the_plan_is_the_attempts_in_their_order(own: Plan) -> None:
    found = told(own, said(tools=[{}, {}]))
    assert plan(found) == [("us", "huge", "us"), ("eu", "large", "eu")]
    assert (found["rule"], found["backend"], found["model"]) == ("agents", "us", "huge")
    assert found["signals"]["tools"] == 2
    assert found["residency"] == []


def test_residency_is_told_with_its_regions_and_with_who_is_left_out(own: Plan) -> None:
    found = told(own, said(MAIL))
    assert plan(found) == [("eu", "small", "eu"), ("eu", "large", "eu")]
    assert found["residency"] == ["eu-data"]
    why = "\n".join(found["why"])
    assert "residency eu-data holds: the request may go to backends in these regions: eu" in why
    assert "huge at us is left out: it is in the region us" in why
    assert "m at lab is left out: it is in no region" in why


def test_a_refusal_has_no_plan_and_says_why(own: Plan) -> None:
    found = told(own, said(MAIL, "huge"))
    assert (found["action"], found["status"], found["plan"], found["residency"]) == ("reject", 503, [], ["eu-data"])
    assert "huge" not in json.dumps(found["answer"])
    assert "us is left out: it is in the region us" in "\n".join(found["why"])


def test_a_path_of_no_api_is_told_where_it_would_have_gone(own: Plan) -> None:
    found = told(own, {"text": MAIL}, path="/v1/files")
    assert (found["status"], found["residency"]) == (503, ["eu-data"])
    assert "us is left out: it is in the region us" in found["why"]


def test_context_and_features_are_told_with_their_numbers(own: Plan) -> None:
    found = told(own, said("word " * 500))
    assert all(model != "small" for _, model, _ in plan(found))
    assert any(line.startswith("small at eu is left out: its context has 300 tokens, of ") for line in found["why"])
    found = told(own, said(response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": {}}}))
    assert "small at eu is left out: it has no json_schema" in found["why"]


def test_a_backend_that_is_down_is_left_out(own: Plan) -> None:
    shared = Shared(detailed=True)
    shared.health.limited("us", "huge", 0.0, 60.0)
    found = told(own, said("word " * 2500), shared)
    assert found["rule"] == "long"
    found = told(own, said(tools=[{}, {}]), shared)
    assert plan(found) == [("eu", "large", "eu")]
    assert "huge at us is left out: it is known to be down, or is avoided" in found["why"]


WORDS = [
    ("cheap", "eu is the cheapest for this request"),
    ("busy", "has the fewest open exchanges for its weight"),
    ("kept", "is where such requests are placed"),
    ("fair", "has the best balance"),
]


@gathered(("model", "words"), WORDS)
def test_each_strategy_has_its_sentence(own: Plan, model: str, words: str) -> None:
    assert any(words in line for line in told(own, said(model=model))["why"])


TEXTS = ("hi", MAIL, "word " * 400, "word " * 3000, "你好" * 50)
MODELS = ("auto", "auto", "cheap", "busy", "kept", "fast", "fair", "huge", "unheard-of", "")


def drawn(random: Random) -> tuple[str, dict[str, Any]]:
    more: dict[str, Any] = {}
    if random.random() < 0.3:
        more["tools"] = [{"type": "function", "function": {"name": "f"}}] * random.randint(0, 3)
    if random.random() < 0.3:
        more["stream"] = random.random() < 0.5
    if random.random() < 0.3:
        more["max_tokens"] = random.choice((1, 200, 95_000))
    if random.random() < 0.1:
        more["user"] = str(random.randint(0, 5))
    path = random.choice((CHAT, CHAT, CHAT, "/v1/responses", "/v1/files", "/v1/messages"))
    return path, said(random.choice(TEXTS), random.choice(MODELS), **more)


def shared(random: Random, *, detailed: bool) -> Shared:
    """The state of a worker, as a seed has it."""
    found = Shared(random.random(), detailed=detailed)
    found.overridden.add(b"")
    for key in (("eu", "small"), ("us", "huge"), ("us", ""), ("lab", "m"), ("eu", "large")):
        if random.random() < 0.2:
            found.health.limited(*key, 0.0, 60.0, random.choice(("limited", "quota")))
        for _ in range(random.randint(0, 3)):
            found.busy.opened(key)
        found.speeds.began(key, random.random(), 0.0, stream=random.random() < 0.5)
    return found


def test_explain_and_a_transaction_decide_alike(own: Plan) -> None:
    seen = set[str]()
    for seed in range(250):
        path, body = drawn(Random(seed))
        found = told(own, body, shared(Random(seed), detailed=True), path)
        line, attempts = decided(own, body, shared(Random(seed), detailed=False), path)
        refused = line["decision"] in {"rejected", "blocked"}
        assert (found["action"] == "reject") is refused, (seed, found["why"])
        assert (found["rule"], found["residency"]) == (line.get("rule"), line.get("residency", [])), seed
        if not refused:
            backend = "us" if line["dialect"] is None else line["backend"]  # on paths of no API nothing is chosen
            assert (found["backend"], found["model"]) == (backend, line["upstream_model"]), seed
            assert plan(found) == attempts, seed
        seen.add(line["reason"])
    words = {"weighted", "canary", "fallback", "only", "cheapest", "least_busy", "sticky", "fastest", "balanced"}
    assert words | {"listed", "default", "residency", "context_length_exceeded"} <= seen


def decided(
    own: Plan, body: dict[str, Any], state: Shared, path: str
) -> tuple[dict[str, Any], list[tuple[str, str | None, str | None]]]:
    """The log line of an exchange, and the attempts that were planned."""
    book = Playbook(own, state)
    book.sends(request_headers(path))
    due = list(book.sends(request_body(json.dumps(body).encode())).effects)
    while due:
        order = due.pop()
        if isinstance(order, Inspect):
            due += book.sends(Inspected(order.ticket, cast("Any", order.work).run())).effects
    choice = book.transaction.choice
    planned = [] if choice is None else choice.plan
    line = logged(book.leaves())
    return line, [(each.destination.name, each.model or line["model"], each.traits.region) for each in planned]
