"""Through the real Envoy: tokens, cost and verdict are in the access log, and tokens count for a rate limit."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from extproc.gateway.bootstrap import Json, Profile
from extproc.testing import eventually
from extproc.testing.clients import ClientRequest, Disconnect, End, ScriptStep, Until
from tests.e2e.bodies import said
from tests.e2e.gateway import PROFILES, gateway, manager, post, site
from tests.e2e.ratelimit import rate_limits

pytestmark = pytest.mark.envoy

POLICY: Final = """\
version: 1
backends:
  - {name: north, url: $north/v1, api: openai, models: [{name: m, input_usd_per_mtok: 100, output_usd_per_mtok: 1000}]}
  - {name: claude, url: $claude/v1, api: anthropic}
models:
  - {name: chat, targets: [{backend: north, model: m}]}
  - {name: opus, targets: [{backend: claude}]}
pipelines:
  - name: p
    request: [{use: pattern, name: titan, regex: 'Titan', action: block}]
    response: [{use: pii, action: ACTION}]
usage: {metadata: {costs: [{name: llm_cost, expression: 'input_tokens + 100 * output_tokens'}]}}
"""
DOCS: Final = Path(__file__).parents[2] / "docs" / "usage.md"


def snippets() -> Iterator[Any]:
    """The YAML of the page about usage."""
    for block in DOCS.read_text(encoding="utf-8").split("```yaml\n")[1:]:
        yield yaml.safe_load(block.partition("```")[0])


def logged(lines: Path) -> list[dict[str, Any]]:
    """Envoy's access log, once it has ended."""
    return [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]


STREAMED: Final[dict[str, Any]] = {"stream": True, "stream_options": {"include_usage": True}}


@pytest.mark.parametrize("action", ["report", "mask"])
@pytest.mark.parametrize("profile", PROFILES)
def test_the_access_log_has_tokens_cost_and_verdict_of_every_exchange(
    profile: Profile, action: str, tmp_path: Path
) -> None:
    lines = tmp_path / "access.log"
    with site(POLICY.replace("ACTION", action), "h2") as before:
        with gateway(before, profile, access_log=lines) as running:
            records = [
                running.line(running.send(request))
                for request in (
                    post(said("hello there")),
                    post(said("hello there", **STREAMED)),
                    post(said("write to a@b.de", **STREAMED)),
                    post(said("Titan")),
                    post(said("hello", "nobody's")),
                    post(said("hello", "opus", max_tokens=9), target="/v1/messages"),
                    ClientRequest("GET", "/v1/models", (), b""),
                )
            ]
        entries = logged(lines)
    assert len(entries) == len(records)
    for entry, record in zip(entries, records, strict=True):
        served = record["input_tokens"] is not None
        assert entry["input_tokens"] == (record["input_tokens"] if served else 0)
        assert entry["output_tokens"] == (record["output_tokens"] if served else 0)
        assert entry["total_tokens"] == entry["input_tokens"] + entry["output_tokens"]
        assert entry["llm_cost"] == entry["input_tokens"] + 100 * entry["output_tokens"]
        assert entry["verdict"] == record["decision"]
        assert entry["cost_usd"] == (pytest.approx(record["cost_usd"]) if "cost_usd" in record else served and None)
    assert [entry["verdict"] for entry in entries] == [
        "allowed",
        "allowed",
        "allowed" if action == "report" else "masked",
        "blocked",
        "rejected",
        "allowed",
        "allowed",
    ]


def test_a_client_that_leaves_has_its_tokens_in_the_record_alone(tmp_path: Path) -> None:
    """Envoy takes no metadata for an exchange whose client has left."""
    lines = tmp_path / "access.log"
    with site(POLICY.replace("ACTION", "mask"), "h2") as before:
        with gateway(before, "buffered", access_log=lines) as running:
            body = said("hello there", "opus", stream=True, max_tokens=9)
            steps: list[ScriptStep] = [body, End(), Until(1500), Disconnect("close")]
            running.send(post(steps, target="/v1/messages", do="gap-50ms+events-200"))
            record = before.processor.told(lambda line: line["decision"] == "cut")
        (entry,) = logged(lines)
    assert record["input_tokens"] is not None
    assert entry["input_tokens"] is None


def limited(whole: Json, port: int) -> None:
    """What the page says, with the port of the test's rate limit service."""
    named = {each["name"]: each for each in snippets() if "name" in each}
    rate_filter, cluster = named["envoy.filters.http.ratelimit"], named["ratelimit"]
    (endpoint,) = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
    endpoint["endpoint"]["address"]["socket_address"] = {"address": "127.0.0.1", "port_value": port}
    whole["static_resources"]["clusters"].append(cluster)
    filters = manager(whole)["http_filters"]
    filters.insert(len(filters) - 1, rate_filter)


@pytest.mark.parametrize("profile", PROFILES)
def test_tokens_of_a_response_count_for_the_rate_limit_of_the_next_request(profile: Profile) -> None:
    with ExitStack() as stack:
        service, port = stack.enter_context(rate_limits(limit=8))
        before = stack.enter_context(site(POLICY.replace("ACTION", "mask"), "h2"))
        running = stack.enter_context(gateway(before, profile, partial(limited, port=port)))
        name, counted = "model=m", list[tuple[str, int]]()
        for body in (said("one two"), said("one two", **STREAMED)):
            record = running.line(running.send(post(body)))
            counted.append((name, record["input_tokens"] + record["output_tokens"]))
            assert eventually(lambda: [each for each in service.hits if each[1]] == counted)
        assert running.send(post(said("one two"))).status == 429
        assert service.hits[-1] == (name, 0)
