"""Through the real Envoy: nothing that hides text, a fact or a path from the pipelines reaches a provider."""

import json
from typing import Final

import pytest

from extproc.gateway.bootstrap import Profile
from extproc.testing.clients import ClientRequest
from tests.e2e.conftest import Shared
from tests.e2e.gateway import Gateway
from tests.hiding import READ, REFUSED, places

pytestmark = pytest.mark.envoy

SAMPLED: Final = 9
"""One in so many rows of the table: the core is shown all of them (tests/transaction/test_hiding.py)."""

HIDING: Final = """\
version: 1
backends: [{name: north, url: $north/openai/v1, api: openai}]
default_backend: north
models: [{name: chat, targets: [{backend: north}]}]
pipelines:
  - name: agents
    match: {path: /mcp/}
    request:
      - {use: pattern, name: no-shell, regex: ., action: block, when: 'mcp.tool == "shell"'}
      - {use: pii, kinds: [email, credit_card], action: block}
  - name: apis
    match: {path: /v1/}
    request:
      - {use: size, max_messages: 2, action: block}
      - {use: pattern, name: no-tools, regex: Titan, action: block, when: 'tools > 0'}
      - {use: pii, kinds: [email, credit_card], action: block}
"""


@pytest.fixture
def hiding(shared: Shared, profile: Profile) -> Gateway:
    return shared(HIDING, profile)


def statuses(gateway: Gateway, requests: list[ClientRequest]) -> list[int]:
    """What the client gets for each. Envoy may close the connection of a request that it refuses."""
    return [gateway.send(request).status for request in requests]


def post(path: str, body: bytes, kind: str = "application/json") -> ClientRequest:
    return ClientRequest(target=path, headers=(("content-type", kind),) if kind else (), body=body)


def test_what_hides_text_reaches_nobody(hiding: Gateway) -> None:
    rows = places()[::SAMPLED]
    assert {READ, REFUSED, "binary", "tokens", "content_type", "malformed"} <= {row.outcome for row in rows}
    got = statuses(hiding, [post(row.path, row.body, row.kind) for row in rows])
    wanted = [400 if row.outcome == REFUSED else 403 for row in rows]
    assert [(row.name, status) for row, status in zip(rows, got, strict=True)] == [
        (row.name, status) for row, status in zip(rows, wanted, strict=True)
    ]
    assert hiding.site.received == 0


CALL: Final = '"method":"tools/call","params":{"name":"shell","arguments":{}}'


def test_what_hides_a_fact_reaches_nobody(hiding: Gateway) -> None:
    told = [
        ("/v1/chat/completions", '{"model":"chat","x":1e999,"messages":[{},{},{}]}'),
        ("/v1/responses", '{"model":"chat","messages":[],"input":[{},{},{}]}'),
        ("/v1/chat/completions", '{"model":"chat","x":1e999,"messages":["Titan"],"functions":[{}]}'),
        ("/mcp", f'{{"json\\u0072pc":"2.0",{CALL}}}'),
        ("/mcp", f'[{{"jsonrpc":"2.0",{CALL}}}]'),
        ("/mcp", f'{{"jsonrpc":"2.0",{CALL},"x":"\\ud800"}}'),
        ("/mcp", f'{{"jsonrpc":"2.0",{CALL},"method":"ping"}}'),
    ]
    got = statuses(hiding, [post(path, body.encode()) for path, body in told])
    assert got == [403] * len(told)
    assert hiding.site.received == 0


@pytest.mark.parametrize(
    "path", ["/v1/files", "/openai/v1/files", "/OPENAI/v1//files/", "/v1;a/%66iles?x", "/mcp", "/mcp/"]
)
def test_no_spelling_of_a_path_leads_around_its_pipeline(hiding: Gateway, path: str) -> None:
    body = json.dumps({"x": "john.doe@example.com"}).encode()
    assert statuses(hiding, [post(path, body)]) == [403]
    assert hiding.site.received == 0
