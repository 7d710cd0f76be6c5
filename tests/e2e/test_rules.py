"""Through the real Envoy: rules of a model choose the backend by a plug-in's signal, by the body, and by findings."""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from extproc.ext import registered
from extproc.testing.clients import Ending
from tests.e2e.gateway import Gateway, gateway, post, site
from tests.seams.distributions import install_acme
from tests.seams.toys import EVERY

pytestmark = pytest.mark.envoy

POLICY: Final = """\
version: 1
backends:
  - {name: north, url: $north/v1, api: openai, credential: {bearer: {env: NORTH_KEY}}}
  - {name: south, url: $south/v1, api: openai}
  - {name: private, url: $private/openai/v1, api: openai}
default_backend: none
models:
  - name: auto
    rules:
      - {name: personal, when: 'findings.exists(f, f.kind == "email")', to: [{backend: private, model: local}]}
      - {name: paying, when: 'tier != "free"', to: [{backend: north, model: large}]}
      - {name: agents, when: 'tools > 0', to: [{backend: south, model: agent}]}
    targets: [{backend: south, model: small}]
limits: {request_timeout: 20s, drain_timeout: 5s}
"""
PIPELINE: Final = "pipelines: [{name: p, match: {path: /v1/}, request: [{use: pii, kinds: [email], action: mask}]}]\n"
MAIL: Final = "to jane.doe@example.com"
FREE: Final = ("x-tier", "free")
GOLD: Final = ("x-tier", "gold")


@pytest.fixture(
    scope="module",
    params=[("h2", "buffered"), pytest.param(("grpcio", "full-duplex"), marks=pytest.mark.deep)],
    ids="-".join,
)
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, Gateway]]:
    """Two gateways whose processors find the plug-ins: the policy of one has no pipeline, that of the other masks."""
    transport, profile = request.param
    folder = tmp_path_factory.mktemp("modules")
    install_acme(folder)
    found = {"PYTHONPATH": str(folder)}
    with (
        registered(*EVERY),
        site(POLICY, transport, environ=found) as first,
        gateway(first, profile) as bare,
        site(POLICY + PIPELINE, transport, environ=found) as second,
        gateway(second, profile) as masking,
    ):
        yield bare, masking


@pytest.fixture
def bare(both: tuple[Gateway, Gateway]) -> Gateway:
    """The gateway whose policy has no pipeline."""
    return both[0]


@pytest.fixture
def masking(both: tuple[Gateway, Gateway]) -> Gateway:
    """The gateway whose policy has one that masks."""
    return both[1]


def said(text: str, **more: Any) -> bytes:
    return json.dumps({"model": "auto", "messages": [{"role": "user", "content": text}], **more}).encode()


def led(of: Gateway, provider: str, body: bytes, *headers: tuple[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The body that reached the provider, and the log line; everything is as after any test then."""
    of.site.begin()
    answer, record = of.ask(body, "http1", *headers, provider=provider)
    line = of.line(answer)
    of.check()
    body_there: dict[str, Any] = json.loads(record.body)
    assert (line["backend"], line["upstream_model"]) == (provider, body_there["model"])
    assert record.header("x-extproc-cluster") in {None, provider}
    return body_there, line


def test_a_plug_in_s_signal_decides_without_any_pipeline(bare: Gateway) -> None:
    body, line = led(bare, "north", said(MAIL), GOLD)
    assert (line["rule"], body["model"]) == ("paying", "large")
    assert body["messages"][0]["content"] == MAIL
    assert "pipeline" not in line


def test_the_body_decides_without_any_pipeline(bare: Gateway) -> None:
    tool = {"type": "function", "function": {"name": "f"}}
    body, line = led(bare, "south", said("hi", tools=[tool]), FREE)
    assert (line["rule"], body["model"], line["signals"]) == ("agents", "agent", {"tools": 1})
    body, line = led(bare, "south", said("x" * 400_000, tools=[tool]), FREE)
    assert (line["rule"], body["model"]) == ("agents", "agent")
    body, line = led(bare, "south", said(MAIL), FREE)
    assert (line.get("rule"), body["model"]) == (None, "small")


def test_a_rule_that_cannot_be_evaluated_refuses_the_request(bare: Gateway) -> None:
    bare.site.begin()
    answer = bare.send(post(said("hi"), ("x-tier", "planted")))
    assert (answer.status, answer.ending) == (503, Ending.COMPLETE)
    assert json.loads(answer.body)["error"]["code"] == "routing_failed"
    line = bare.line(answer)
    assert (line["decision"], line["reason"], line["rule"]) == ("rejected", "routing_failed", "paying")
    bare.check()


def test_a_masked_request_goes_to_another_backend(masking: Gateway) -> None:
    body, line = led(masking, "private", said(MAIL), GOLD)
    assert (line["rule"], line["decision"]) == ("personal", "masked")
    assert body["messages"][0]["content"] == "to [EMAIL_1]"
    body, line = led(masking, "north", said("nothing to mask"), GOLD)
    assert (line["rule"], line["decision"]) == ("paying", "allowed")
