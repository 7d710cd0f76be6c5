"""Through the real Envoy: what `extproc explain` says of random requests is what the running gateway does with them."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any, Final, TypeAlias

import msgspec
import pytest

from extproc.explain.explanation import Explanation, explain
from extproc.explain.lines import read_line
from extproc.policy import read_secrets
from extproc.server.files import load, read_file
from extproc.testing.clients import ClientRequest, ClientResponse, Ending
from extproc.transaction import Plan, Shared
from tests.e2e.gateway import KEYS, TAG, Gateway, gateway, site, tagged

pytestmark = pytest.mark.envoy

REQUESTS: Final = 1_000
SEED: Final = 13

POLICY: Final = """\
version: 1
backends:
  - name: north
    url: $north/v1
    api: openai
    region: us
    credential: {bearer: {env: NORTH_KEY}}
    models:
      - {name: listed}
      - {name: cheap, input_usd_per_mtok: 0.1, output_usd_per_mtok: 0.2, features: [], context_tokens: 1000}
      - {name: able, input_usd_per_mtok: 3, output_usd_per_mtok: 9, features: [tools, images], context_tokens: 100000}
  - name: south
    url: $south/openai/v1
    api: openai
    region: eu
    models: [{name: plain, input_usd_per_mtok: 1, output_usd_per_mtok: 1, features: [], context_tokens: 20000}]
  - {name: claude, url: $claude/v1, api: anthropic, region: us, credential: {header: x-api-key, env: CLAUDE_KEY}}
  - {name: own, url: $own/v1, api: anthropic, region: eu}
default_backend: north
unknown_models: pass
models:
  - name: auto
    rules:
      - {name: personal, when: 'findings.exists(f, f.processor == "pii")', to: [{backend: south, model: local}]}
      - {name: agents, when: 'tools > 1 || images > 0', to: [{backend: north, model: agent}]}
      - {when: 'headers["x-team"] == "payments" && !stream', to: [{backend: south, model: paying}]}
    targets: [{backend: north, model: small}]
    fallback: [{backend: south, model: spare}]
  - {name: opus, targets: [{backend: claude, model: claude-opus}], fallback: [{backend: own}]}
  - {name: both, targets: [{backend: south, model: s}], fallback: [{backend: claude, model: c}]}
  - name: thrifty
    strategy: cheapest
    targets: [{backend: north, model: able}, {backend: north, model: cheap}, {backend: south, model: plain}]
  - name: faithful
    strategy: sticky
    sticky_by: tenant
    targets: [{backend: north, model: f}, {backend: south, model: g}]
residency:
  - {name: europe, when: 'tenant.region == "eu"', regions: [eu]}
  - {name: phones, when: 'findings.exists(f, f.kind == "phone")', regions: [eu, us]}
tenants: {from: {header: x-tenant}, known: {acme: {region: eu}, globex: {region: us}}}
pipelines:
  - name: strict
    match: {headers: {x-strict: "1"}}
    request: [{use: secrets, action: block}, {use: pii, kinds: [email, phone], action: block}]
  - name: usual
    match: {path: /v1/}
    request: [{use: secrets, action: block}, {use: pii, kinds: [email, phone], action: mask}]
    body_limit: 20KB
limits: {request_timeout: 20s, drain_timeout: 5s}
"""

PATHS: Final = (
    "/v1/chat/completions",
    "/v1/chat/completions",
    "/v1/chat/completions?x=1",
    "/v1/messages",
    "/v1/responses",
    "/v1/embeddings",
    "/v1/other",
    "/elsewhere",
)
UNKNOWN: Final = "nobody-has-it"
MODELS: Final = (
    "auto",
    "auto",
    "auto",
    "opus",
    "both",
    "thrifty",
    "thrifty",
    "faithful",
    "listed",
    UNKNOWN,
    "",
    None,
    7,
)
TEXTS: Final = (
    "hello",
    "write to jane.doe@example.com, please",
    "call +49 30 901820 or mail x@y.example.org",
    "AKIAIOSFODNN7EXAMPLX and wJalrXUtnFEMI",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    'grüße, 你好 \u2028 \\u0041 "quoted"',
    "x" * 30_000,
)
TENANTS: Final = ("acme", "acme", "globex", "nobody")
Sent: TypeAlias = tuple[str, tuple[tuple[str, str], ...], bytes]
"""A path, header fields and a body."""


@pytest.fixture(scope="module")
def running() -> Iterator[Gateway]:
    with site(POLICY, "h2") as before, gateway(before, "buffered") as whole:
        yield whole


def test_a_thousand_random_requests_are_decided_as_explain_says(running: Gateway) -> None:
    random = Random(SEED)
    policy = load(running.processor.policy)
    plan, shared = Plan.compile(policy, read_secrets(policy, KEYS, read_file)), Shared()
    running.site.begin()
    seen, models, statuses = set[tuple[str, str | None, str | None]](), set[str | None](), set[int]()
    for number in range(REQUESTS):
        path, fields, body = drawn(random)
        said = explain(plan, shared, read_line(line(path, fields, body)))
        tag = tagged()
        answer = running.send(ClientRequest(target=path, headers=(*fields, (TAG, tag)), body=body))
        assert answer.ending is Ending.COMPLETE, (number, answer)
        assert done(running, answer, tag) == foretold(said), (number, path, fields, body[:200], said.why)
        seen.add((said.action, said.rule, said.backend))
        models.add(said.model)
        statuses.add(said.status)
    assert {action for action, _, _ in seen} == {"allow", "mask", "block", "reject"}
    assert {rule for _, rule, _ in seen} == {None, "personal", "agents", "rule-3"}
    assert {backend for _, _, backend in seen} == {None, "north", "south", "claude"}
    # Each model of a strategy was chosen, and residency and tenants refused some.
    assert models >= {"cheap", "able", "plain", "f", "g"}
    assert statuses >= {200, 400, 403, 404, 413, 503}
    running.check()


def drawn(random: Random) -> Sent:
    """A request that clients send, or one that they should not."""
    path = random.choice(PATHS)
    fields = [("content-type", "application/json")]
    more = (("x-tenant", random.choice(TENANTS)), ("x-extproc-cluster", "own"))
    for name, value in (("x-team", "payments"), ("x-strict", "1"), *more):
        if random.random() < 0.25:
            fields.append((name, value))
    body: dict[str, Any] = {"messages": [message(random) for _ in range(random.randint(1, 3))], "max_tokens": 5}
    model = random.choice(MODELS)
    if model is not None:
        body["model"] = model
    if random.random() < 0.3:
        body["stream"] = random.choice((True, False, None, "yes"))
    if random.random() < 0.3:
        tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
        body["tools"] = [tool] * random.randint(0, 3)
    if path == "/v1/responses":
        body["input"] = body.pop("messages")
    data = json.dumps(body, ensure_ascii=random.random() < 0.5).encode()
    if random.random() < 0.05:
        data = data[: random.randint(1, len(data))]
    return path, tuple(fields), data


def message(random: Random) -> dict[str, Any]:
    text = random.choice(TEXTS)
    parts: list[dict[str, Any]] = [{"type": "text", "text": text}]
    if random.random() < 0.1:
        parts.append({"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}})
    content = text if random.random() < 0.7 else parts
    return {"role": random.choice(("user", "assistant", "system")), "content": content}


def line(path: str, fields: tuple[tuple[str, str], ...], body: bytes) -> bytes:
    """The request as `explain` takes it. The body's very bytes, unless it is no JSON."""
    try:
        json.loads(body)
    except ValueError:
        raw = msgspec.Raw(json.dumps(body.decode("utf-8", "replace")).encode())
    else:
        raw = msgspec.Raw(body)
    return msgspec.json.encode({"path": path, "headers": dict(fields), "body": raw})


def done(running: Gateway, answer: ClientResponse, tag: str) -> dict[str, Any]:
    """What became of a request: the status, who got it, the path, and the body that he got or the client's answer."""
    if answer.status != 200:
        assert running.site.found(tag) == []
        return {"status": answer.status, "backend": None, "model": None, "body": json.loads(answer.body)}
    record = running.forwarded(tag)
    backend = next(name for name, _ in running.site.found(tag))
    body, model = record.body.decode("utf-8", "replace"), answer.header("x-extproc-model")
    # A name that only the client knows is not recorded, so that `explain` has none.
    return {"status": 200, "backend": backend, "model": None if model == UNKNOWN else model, "body": body}


def foretold(said: Explanation) -> dict[str, Any]:
    if said.status != 200:
        assert isinstance(said.answer, msgspec.Raw)
        return {"status": said.status, "backend": None, "model": None, "body": json.loads(bytes(said.answer))}
    body = bytes(said.body).decode() if isinstance(said.body, msgspec.Raw) else said.body
    return {"status": 200, "backend": said.backend, "model": said.model, "body": body}
