"""The record has what an exchange cost, at the prices of the backend and the model that served it, and the region."""

import json
from collections.abc import Mapping
from typing import Any, Final

import pytest
from msgspec.structs import replace

from extproc.policy import loads
from extproc.protocol.modes import BodyMode
from extproc.protocol.record import Record
from extproc.testing.playbook import Playbook, request_body, request_headers, response_body, response_headers
from extproc.transaction import Plan
from tests.gathered import gathered

POLICY: Final = """\
version: 1
backends:
  - name: one
    url: http://127.0.0.1:1/v1
    api: openai
    region: eu
    models: [{name: dear, input_usd_per_mtok: 100, output_usd_per_mtok: 1000, cached_input_usd_per_mtok: 10}]
  - name: two
    url: http://127.0.0.1:2/v1
    api: openai
    models: [{name: cheap, input_usd_per_mtok: 1, output_usd_per_mtok: 10}]
models:
  - {name: chat, targets: [{backend: one, model: dear}], fallback: [{backend: two, model: cheap}]}
  - {name: dear, targets: [{backend: one}]}
  - {name: unpriced, targets: [{backend: two}]}
pipelines: [{name: p, response: [{use: pii, action: block}]}]
"""
PLAN: Final = Plan.compile(loads(POLICY), {})
COUNTS: Final = {"prompt_tokens": 20, "completion_tokens": 30, "prompt_tokens_details": {"cached_tokens": 10}}


def exchanged(model: str, answer: Mapping[str, Any], attributes: Mapping[str, str] = {}, status: int = 200) -> Record:
    with Playbook(PLAN, configuration=PLAN.fingerprint, response=BodyMode.BUFFERED) as envoy:
        envoy.sends(request_headers("/v1/chat/completions", ("content-type", b"application/json")))
        envoy.sends(request_body(json.dumps({"model": model, "messages": []}).encode()))
        headers = response_headers(status, ("content-type", b"application/json"))
        envoy.sends(replace(headers, attributes={**headers.attributes, **attributes}))
        envoy.sends(response_body(json.dumps(answer).encode()))
        return envoy.leaves()


RETRIED: Final = {"upstream.request_attempt_count": "2", "xds.cluster_name": "two:retry"}


@gathered(
    ("model", "usage", "attributes", "cost", "region"),
    [
        ("chat", COUNTS, {}, 10 * 100 + 10 * 10 + 30 * 1000, "eu"),
        ("dear", COUNTS, {}, 10 * 100 + 10 * 10 + 30 * 1000, "eu"),
        ("chat", COUNTS, RETRIED, 20 * 1 + 30 * 10, None),
        ("unpriced", COUNTS, {}, None, None),
        ("nobody's", COUNTS, {}, None, None),
    ],
)
def test_an_exchange_costs_what_its_tokens_cost_where_it_was_served(
    model: str, usage: Mapping[str, Any], attributes: Mapping[str, str], cost: float | None, region: str | None
) -> None:
    record = exchanged(model, {"choices": [], "usage": usage}, attributes)
    assert record.cost_usd == (None if cost is None else pytest.approx(cost / 1e6))
    assert record.region == region


def test_a_response_that_is_blocked_was_paid_for() -> None:
    message = {"role": "assistant", "content": "write to a@b.de"}
    record = exchanged("dear", {"choices": [{"index": 0, "message": message}], "usage": COUNTS})
    assert record.decision == "blocked"
    assert record.cost_usd == pytest.approx((10 * 100 + 10 * 10 + 30 * 1000) / 1e6)
