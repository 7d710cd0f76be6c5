"""However a confined request is spelt and sent, in whatever mode, nothing steers it to a backend elsewhere."""

import gzip
import json
from random import Random
from typing import Any, Final

from extproc.policy import loads
from extproc.protocol.effects import Effect, Override, Proceed, Reject
from extproc.protocol.headers import Field
from extproc.protocol.modes import BodyMode
from extproc.testing.playbook import Playbook, request_body, request_headers
from extproc.transaction import Plan, Shared

EXCHANGES: Final = 800
POLICY: Final = """\
version: 1
backends:
  - {name: eu, url: "http://127.0.0.1:1/v1", api: openai, region: eu, models: [{name: shared}]}
  - {name: us, url: "http://127.0.0.1:2/v1", api: openai, region: us, models: [{name: shared}, {name: theirs}]}
  - {name: lab, url: "http://127.0.0.1:3/v1", api: anthropic}
DEFAULT
unknown_models: pass
models:
  - name: auto
    rules: [{name: team, when: 'headers["x-team"] == "b"', to: [{backend: us, model: b}], fallback: [{backend: eu}]}]
    targets: [{backend: us, weight: 5}, {backend: eu}]
    fallback: [{backend: eu, model: spare}]
    strategy: STRATEGY
  - {name: far, targets: [{backend: us}, {backend: lab}]}
residency:
  - {name: agents, when: tools > 0, regions: [eu]}
  - {name: europe, when: 'headers["x-region"] == "eu"', regions: [eu]}
limits: {request_body: 64KiB}
"""
DEFAULTS: Final = ("default_backend: us", "default_backend: eu", "default_backend: route", "default_backend: lab", "")
PATHS: Final = (
    "/v1/chat/completions",
    "/v1/messages",
    "/v1/files",
    "/V1//chat/completions",
    "/elsewhere",
    "/v1/models/x",
)
MODELS: Final = ("auto", "far", "shared", "theirs", "made-up", "", 7)
MODES: Final = (BodyMode.BUFFERED, BodyMode.FULL_DUPLEX_STREAMED, BodyMode.STREAMED, BodyMode.NONE)


class Sent:
    """A random request; `confined`: its body or a header asks for the region, or nobody can read what it says."""

    def __init__(self, random: Random) -> None:
        body: dict[str, Any] = {"model": random.choice(MODELS), "messages": [{"role": "user", "content": "hi"}]}
        tools: Any = random.choice((None, [], [{}], [{}, {}]))
        if tools is not None:
            body["tools"] = tools
        self.data = json.dumps(body).encode()
        self.fields: list[Field] = [("content-type", b"application/json")]
        self.confined = bool(tools)
        self.path = random.choice(PATHS)
        self.method = random.choice(("POST", "POST", "POST", "PUT", "GET"))
        if random.random() < 0.2:
            self.fields.append(("x-region", b"eu"))
            self.confined = True
        if random.random() < 0.3:
            self.fields.append(("x-team", random.choice((b"a", b"b"))))
        if random.random() < 0.2:
            self.fields.append(("x-extproc-cluster", b"us"))
        self._disguise(random)

    def _disguise(self, random: Random) -> None:
        """Make it hard, or impossible, to read."""
        way = random.randrange(8)
        if way == 0:
            self.fields.append(("content-encoding", b"gzip"))
            self.data = gzip.compress(self.data)
        elif way == 1:
            self.fields.append(("content-encoding", b"x-own"))
            self.confined = True
        elif way == 2:
            self.data = self.data[:-5]
            self.confined = True
        elif way == 3:
            self.data = b" " * 70_000 + self.data
            self.confined = True
        elif way == 4:
            self.fields.append(("upgrade", b"websocket"))
            self.confined = True

    def played(self, envoy: Playbook, random: Random, mode: BodyMode) -> list[Effect]:
        effects = list(envoy.sends(request_headers(self.path, *self.fields, method=self.method)).effects)
        left, pieces = self.data, 1 if mode is BodyMode.BUFFERED else random.choice((1, 1, 3))
        for number in range(pieces):
            held = mode is not BodyMode.NONE or any(isinstance(each, Override) for each in effects)
            if not held or any(isinstance(each, Reject) for each in effects):
                break
            size = len(left) if number == pieces - 1 else len(left) // 2
            effects += envoy.sends(request_body(left[:size], end=number == pieces - 1)).effects
            left = left[size:]
        return effects


def steered(effects: list[Effect]) -> list[str]:
    """The clusters that Envoy is told of."""
    headers = [each.headers for each in effects if isinstance(each, Proceed) and each.headers is not None]
    return [value.decode() for each in headers for name, value in each.set if name == "x-extproc-cluster"]


def state(random: Random) -> Shared:
    shared = Shared(random.random())
    shared.overridden.add(b"")
    for name in ("eu", "us", "lab"):
        if random.random() < 0.2:
            shared.health.limited(name, "", 0.0, 60.0)
    return shared


def test_nothing_steers_a_confined_request_elsewhere() -> None:
    plans = [
        Plan.compile(loads(POLICY.replace("DEFAULT", default).replace("STRATEGY", strategy)), {})
        for default in DEFAULTS
        for strategy in ("weighted", "least_busy", "sticky")
    ]
    led = {True: set[str](), False: set[str]()}
    refused = 0
    for seed in range(EXCHANGES):
        random = Random(seed)
        sent, own = Sent(random), random.choice(plans)
        mode = random.choice(MODES)
        effects = sent.played(Playbook(own, state(random), request=mode), random, mode)
        clusters = steered(effects)
        led[sent.confined].update(clusters)
        rejected = any(isinstance(each, Reject) for each in effects)
        refused += sent.confined and rejected
        if sent.confined:
            # Without a cluster, Envoy's own routes would decide.
            assert set(clusters) <= {"eu"}, (seed, sent.path, sent.fields)
            assert rejected or clusters, (seed, sent.path, sent.fields)
    assert led == {True: {"eu"}, False: {"eu", "us", "lab"}}
    assert refused > EXCHANGES / 10
