"""Through the real Envoy: MCP servers, whose tools are allowed, pinned and hidden, and whose sessions stay theirs."""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from extproc.apis.mcp.pins import pin
from extproc.gateway.bootstrap import Profile
from extproc.testing.clients import ClientRequest, ClientResponse, Ending
from extproc.testing.clients.answer import Field
from tests.e2e.conftest import Shared
from tests.e2e.gateway import Gateway
from tests.e2e.mcp_server import STREAMS, McpStandIn, mcp_server

pytestmark = [pytest.mark.envoy, pytest.mark.parametrize("transport", ["h2"])]

SHELL: Final = {"name": "shell", "description": "runs anything", "inputSchema": {"type": "object"}}
SEARCH: Final = {"name": "search", "description": "ask jane@example.com", "inputSchema": {"type": "object"}}
EVIL: Final = {"name": "evil", "description": "once harmless, now not", "inputSchema": {"type": "object"}}
PINS: Final = {"search": pin(json.dumps(SEARCH).encode()), "evil": pin(b'{"description":"once harmless"}')}

POLICY: Final = """\
version: 1
backends:
  - {{name: main, url: "http://127.0.0.1:{main}/deep/mcp", api: mcp, credential: {{bearer: {{env: NORTH_KEY}}}}}}
  - {{name: pool, url: "http://127.0.0.1:{pool}/mcp", api: mcp}}
  - {{name: gone, url: "http://127.0.0.1:1/else", api: mcp}}
mcp:
  methods: {{deny: [resources/read]}}
  tools: {{deny: [shell]}}
  servers:
    - {{name: heavy, backend: pool, tools: ["heavy_*"]}}
    - {{name: main, backend: main}}
    - {{name: gone, path: /mcp/gone, backend: gone}}
    - {{name: pinned, path: /mcp/pinned, backend: main, pins: {{tools: {pins}, unpinned: report}}}}
pipelines:
  - name: tools
    request: [{{use: pii, kinds: [email], action: mask}}]
    response: [{{use: pii, kinds: [email], action: mask}}]
"""


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[McpStandIn, McpStandIn]]:
    with mcp_server("main", SHELL, SEARCH, EVIL) as main, mcp_server("pool", SHELL) as pool:
        yield main, pool


@pytest.fixture
def gateway(servers: tuple[McpStandIn, McpStandIn], shared: Shared, profile: Profile) -> Gateway:
    main, pool = servers
    main.requests.clear()
    pool.requests.clear()
    return shared(POLICY.format(main=main.port, pool=pool.port, pins=json.dumps(PINS)), profile)


def asks(method: str, identity: object = 1, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": identity, "method": method, "params": params}


def sends(gateway: Gateway, body: object, *fields: Field, target: str = "/mcp", method: str = "POST") -> ClientResponse:
    raw = b"" if body is None else json.dumps(body).encode()
    kind: tuple[Field, ...] = () if body is None else (("content-type", "application/json"),)
    accept = ("accept", "application/json, text/event-stream")
    response = gateway.send(ClientRequest(method, target, (*kind, accept, *fields), raw))
    assert response.ending is Ending.COMPLETE
    return response


def messages(response: ClientResponse) -> list[Any]:
    """The messages of a response, whatever its form is."""
    if response.header("content-type") != "text/event-stream":
        return [response.json()]
    lines = response.body.decode().split("\n")
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]


@pytest.mark.parametrize("streams", [False, True], ids=["json", "events"])
def test_a_client_sees_and_calls_what_it_may(
    gateway: Gateway, servers: tuple[McpStandIn, McpStandIn], streams: bool
) -> None:
    main, pool = servers
    form: tuple[Field, ...] = ((STREAMS, "1"),) if streams else ()
    # The first server of the path begins the session; its id leads there and nowhere else.
    began = sends(gateway, asks("initialize", protocolVersion="2025-06-18"), *form)
    session: Field = ("mcp-session-id", began.header("mcp-session-id") or "")
    assert session[1].startswith("pool:pool-")
    assert messages(began)[-1]["result"]["serverInfo"]["name"] == "pool"
    assert sends(gateway, {"jsonrpc": "2.0", "method": "notifications/initialized"}, session).status == 202
    listed = messages(sends(gateway, asks("tools/list"), session, *form))[-1]
    assert listed == {"jsonrpc": "2.0", "id": 1, "result": {"tools": []}}
    lift = asks("tools/call", 2, name="heavy_lift", arguments={"to": "joe@example.com"})
    called = sends(gateway, lift, session, *form)
    (text,) = messages(called)[-1]["result"]["content"]
    assert text["text"] == 'pool got {"to": "[EMAIL_1]"}'
    assert [each.headers.get("mcp-session-id") for each in pool.requests[1:]] == [session[1].removeprefix("pool:")] * 3
    # Another server's tool: it gets the call, its own credential, and no session of another's.
    sends(gateway, asks("tools/call", 3, name="search", arguments={}), session, *form)
    (got,) = main.requests
    assert (got.path, got.headers["authorization"]) == ("/deep/mcp", "Bearer north-secret-1")
    assert "mcp-session-id" not in got.headers
    assert sends(gateway, None, session, method="DELETE").status == 200
    assert pool.requests[-1].method == "DELETE"
    assert sends(gateway, asks("ping"), session, *form).status == 404
    assert sends(gateway, asks("ping"), ("mcp-session-id", "other:1")).status == 404


def test_what_is_denied_is_answered_as_json_rpc_and_reaches_no_server(
    gateway: Gateway, servers: tuple[McpStandIn, McpStandIn]
) -> None:
    denied = [
        (asks("tools/call", 7, name="Shell"), 200, 7, -32602),
        (asks("resources/read", "x", uri="file:///"), 200, "x", -32601),
        ({"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "shell"}}, 403, None, -32602),
        ({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": 1}}, 400, None, -32600),
    ]
    for body, status, identity, code in denied:
        response = sends(gateway, body)
        assert response.status == status
        assert (response.json()["id"], response.json()["error"]["code"]) == (identity, code)
        assert response.header("x-extproc-decision") == "rejected"
    batch = sends(gateway, [asks("tools/call", 1, name="search"), asks("tools/call", 2, name="shell")])
    assert (batch.status, [each["id"] for each in batch.json()]) == (200, [1, 2])
    assert [each.requests for each in servers] == [[], []]
    allowed = sends(gateway, [asks("ping", 1), asks("ping", 2)])
    assert [each["id"] for each in allowed.json()] == [1, 2]


@pytest.mark.parametrize("streams", [False, True], ids=["json", "events"])
def test_lists_hold_pinned_tools_and_masked_descriptions(gateway: Gateway, streams: bool) -> None:
    form: tuple[Field, ...] = ((STREAMS, "1"),) if streams else ()
    response = sends(gateway, asks("tools/list"), *form, target="/mcp/pinned")
    masked = {**SEARCH, "description": "ask [EMAIL_1]"}
    assert messages(response)[-1]["result"]["tools"] == [masked]
    line = gateway.line(response)
    assert line["backend"] == "main"
    found = {(each["processor"], each["kind"], each["action"]) for each in line["findings"]}
    assert found == {("mcp", "tool_changed", "block"), ("pii", "email", "mask")}


def test_a_server_that_is_gone_is_told_as_json_rpc(gateway: Gateway) -> None:
    for path in ("/mcp/gone", "/MCP/gone/?x=1"):
        response = sends(gateway, asks("ping"), target=path)
        assert response.status == 503
        assert (response.json()["jsonrpc"], response.json()["error"]["code"]) == ("2.0", -32000)


def test_the_stream_of_a_get_is_filtered(gateway: Gateway) -> None:
    response = sends(gateway, None, target="/mcp/pinned", method="GET")
    changed, pushed = messages(response)
    assert changed["method"] == "notifications/tools/list_changed"
    assert [each["name"] for each in pushed["result"]["tools"]] == ["search"]
    assert response.body.startswith(b"event: message\nid: 0\ndata: ")
