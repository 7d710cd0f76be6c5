"""Lines with a response: the tokens that it reports, who counted them, and what they cost."""

import json
from typing import Any, Final

import pytest

from extproc.explain.explanation import Explanation, explain
from extproc.explain.lines import read_line
from extproc.policy import loads
from extproc.transaction import Plan, Shared

POLICY: Final = """\
version: 1
backends:
  - name: claude
    url: http://127.0.0.1:1/v1
    api: anthropic
    models:
      - name: sonnet
        input_usd_per_mtok: 3
        output_usd_per_mtok: 15
        cached_input_usd_per_mtok: 0.3
        cache_creation_input_usd_per_mtok: 3.75
models: [{name: sonnet, targets: [{backend: claude}]}]
pipelines: [{name: p, response: [{use: pii, action: report}]}]
"""


def told(answer: Any, kind: str) -> Explanation:
    request = {"model": "sonnet", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}
    response = {"status": 200, "headers": {"content-type": kind}, "body": answer}
    line = {"path": "/v1/messages", "body": request, "response": response}
    return explain(Plan.compile(loads(POLICY), {}), Shared(detailed=True), read_line(json.dumps(line).encode()))


USAGE: Final = {
    "input_tokens": 10,
    "output_tokens": 20,
    "cache_read_input_tokens": 100,
    "cache_creation_input_tokens": 1000,
}
STREAM: Final = "".join(
    f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
    for event in (
        {"type": "message_start", "message": {"id": "m", "role": "assistant", "content": [], "usage": USAGE}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 20}},
        {"type": "message_stop"},
    )
)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"type": "message", "role": "assistant", "content": [], "usage": USAGE}, "application/json"),
        (STREAM, "text/event-stream"),
    ],
    ids=["json", "stream"],
)
def test_a_line_with_a_response_has_its_tokens_of_each_kind_and_their_cost(answer: Any, kind: str) -> None:
    found = told(answer, kind)
    assert found.usage is not None
    assert (found.usage.input_tokens, found.usage.output_tokens) == (1110, 20)
    assert (found.usage.cached_input_tokens, found.usage.cache_creation_input_tokens) == (100, 1000)
    assert found.usage.usage_source == "provider"
    assert found.cost_usd == pytest.approx((10 * 3 + 100 * 0.3 + 1000 * 3.75 + 20 * 15) / 1e6)
