"""Requests on the paths of MCP servers: read strictly, allowed or refused as JSON-RPC, and sent to their server."""

import gzip
import json
from typing import Any, Final

import pytest

from extproc.apis.mcp.message import MAX_BATCH
from extproc.policy import Health, loads
from extproc.protocol.headers import Field
from extproc.protocol.messages import Side
from extproc.protocol.modes import BodyMode
from extproc.testing.playbook import request_body, request_headers
from extproc.transaction import Plan, Shared
from tests.gathered import gathered
from tests.transaction.mcp_played import BACKENDS, JSON, ONE, SECRETS, SSE, Played, call, dumped, message, plan, result

DENYING: Final = f"methods: {{deny: ['resources/*']}}, tools: {{deny: [shell, 'fs_*']}}, {ONE}"
MODES: Final = [BodyMode.BUFFERED, BodyMode.FULL_DUPLEX_STREAMED]
SEVERAL: Final = (
    "servers: [{name: files, backend: files, fallback: [spare], tools: ['fs_*']}, {name: search, backend: search}]"
)
SESSION: Final = "mcp-session-id"


@gathered("mode", MODES)
def test_what_is_allowed_goes_to_the_server_as_it_came(mode: BodyMode) -> None:
    body = b' {"jsonrpc" : "2.0", "id":1e0,"method":"tools/call","params":{"name":"search","arguments":{}}}\n'
    played = Played(plan(DENYING), mode).posts(body, ("authorization", b"Bearer theirs"), ("accept-encoding", b"gzip"))
    assert played.body(Side.REQUEST, body) == body
    assert played.sets["x-extproc-cluster"] == b"files"
    assert (played.sets[":path"], played.sets[":authority"]) == (b"/deep/mcp", b"files.example:9001")
    assert played.sets["authorization"] == b"Bearer planted-files-key"
    assert {"cookie", "accept-encoding"} <= played.removes
    record = played.replies(dumped(result())).record()
    assert (record["dialect"], record["path"], record["backend"]) == ("mcp", "/mcp", "files")
    assert (record["decision"], record["reason"], record["status"]) == ("allowed", "mcp", 200)


@gathered("mode", MODES)
@gathered(
    ("asked", "error"),
    [
        (call("shell", 7), (200, 7, -32602, "mcp_tool_denied")),
        (call("SHELL", "a"), (200, "a", -32602, "mcp_tool_denied")),
        (call("\uff53hell"), (200, 1, -32602, "mcp_tool_denied")),
        (call("fs_read"), (200, 1, -32602, "mcp_tool_denied")),
        (message("resources/read", uri="file:///x"), (200, 1, -32601, "mcp_method_denied")),
        # nobody waits for the answer to a notification
        (call("shell", None), (403, None, -32602, "mcp_tool_denied")),
        (b"no json", (400, None, -32700, "invalid_json")),
        (b'{"id":1,"method":"ping"}', (400, None, -32600, "invalid_request")),
        (call(5), (400, None, -32600, "invalid_request")),  # type: ignore[arg-type]
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}', (400, None, -32600, "repeated_member")),
    ],
)
def test_what_is_not_allowed_is_told_as_json_rpc(
    asked: object, error: tuple[int, object, int, str], mode: BodyMode
) -> None:
    played = Played(plan(DENYING), mode).posts(asked)
    assert played.error == error
    record = played.record()
    assert (record["decision"], record["reason"], record["status"]) == ("rejected", error[3], error[0])
    assert record.get("backend") is None


def test_a_batch_is_refused_as_a_whole_if_one_message_is() -> None:
    batch = [call("search", 1), message("notifications/progress", None), call("shell", "two"), message("ping", 3)]
    status, told = Played(plan(DENYING)).posts(batch).told
    assert (status, [each["id"] for each in told]) == (200, [1, "two", 3])
    assert {each["error"]["data"]["code"] for each in told} == {"mcp_tool_denied"}
    assert "none of them was sent on" in told[0]["error"]["message"]
    whole = dumped([call("search", 1), message("ping", 2)])
    assert Played(plan(DENYING)).posts(whole).body(Side.REQUEST, whole) == whole
    assert Played(plan(DENYING)).posts([message("ping")] * (MAX_BATCH + 1)).error[:3] == (400, None, -32600)


@gathered(
    ("fields", "kind", "status"),
    [
        ((), ("content-type", b"text/plain"), 415),
        ((), ("content-type", b"multipart/form-data; boundary=x"), 415),
        ((), ("content-type", b"application/json; charset=utf-16"), 415),
        ((), None, 415),
        ((("content-type", b"text/plain"),), JSON, 415),
        ((("content-encoding", b"secret"),), JSON, 415),
        ((("content-encoding", b"gzip"),), JSON, 400),
        ((("upgrade", b"websocket"),), JSON, 400),
        ((("mcp-method", b"ping"),), JSON, 400),
        ((("mcp-name", b"search"),), JSON, 400),
        ((("mcp-name", b"=?base64?c2VhcmNo?="),), JSON, 400),
        ((("mcp-method", b"tools/call"), ("mcp-method", b"ping")), JSON, 400),
    ],
)
def test_what_the_headers_say_otherwise_than_the_body_is_refused(
    fields: tuple[Field, ...], kind: Field | None, status: int
) -> None:
    played = Played(plan()).posts(call("shell"), *fields, kind=kind)
    assert played.error[:2] == (status, None)


def test_hints_in_headers_decide_nothing_and_agree() -> None:
    hints = (("mcp-method", b"tools/call"), ("mcp-name", b"=?base64?w7xtbGF1dA==?="))
    assert Played(plan()).posts(call("\u00fcmlaut"), *hints).refusal is None
    assert Played(plan(DENYING)).posts(call("shell"), ("mcp-name", b"shell")).error[3] == "mcp_tool_denied"


@pytest.mark.parametrize("mode", MODES)
def test_a_large_body_is_judged_in_a_thread(mode: BodyMode) -> None:
    for tool, error in (("shell", (200, 8, -32602, "mcp_tool_denied")), ("search", None)):
        body = dumped(call(tool, 8, text="word " * 100_000))
        played = Played(plan(DENYING), mode).posts(body)
        if error is None:
            assert played.body(Side.REQUEST, body) == body
        else:
            assert played.error == error


def test_a_body_beyond_the_limit_of_its_pipeline_is_refused_to_its_request() -> None:
    own = plan(more=f"{MASKING}    body_limit: 1KiB\n")
    assert Played(own).posts(call("x", 3, text="a" * 2000)).error == (200, 3, -32000, "request_too_large")


def test_a_compressed_body_is_judged_decompressed() -> None:
    packed = gzip.compress(dumped(call("shell")))
    fields = (JSON, ("content-encoding", b"gzip"))
    assert Played(plan(DENYING)).posts(packed, fields[1]).error[3] == "mcp_tool_denied"
    allowed = gzip.compress(dumped(call("search")))
    assert Played(plan(DENYING)).posts(allowed, fields[1]).body(Side.REQUEST, allowed) == allowed


@gathered("path", ["/MCP", "/mcp/", "//mcp", "/%6dcp", "/x/../mcp", "/mcp;v=1", "/mcp?a=1", "/mcp/.#x"])
def test_every_spelling_of_the_path_is_that_path(path: str) -> None:
    assert Played(plan(DENYING)).posts(call("shell"), path=path).error[3] == "mcp_tool_denied"
    query = b"?a=1" if "?" in path else b""
    assert Played(plan(DENYING)).posts(call("search"), path=path).sets[":path"] == b"/deep/mcp" + query


def test_below_the_path_and_beside_it_is_nothing() -> None:
    for path in ("/mcp/x", "/mcp2", "/deep/mcp"):
        status, told = Played(plan()).posts(call("search"), path=path).told
        assert (status, told["error"]["code"]) == (404, "not_found")


def test_streams_are_opened_and_sessions_ended_without_a_body() -> None:
    for method in ("GET", "DELETE"):
        played = Played(plan(DENYING)).asks(method, (SESSION, b"abc"))
        assert (played.refusal, played.sets["x-extproc-cluster"]) == (None, b"files")
        assert SESSION not in {*played.sets, *played.removes}
    for method in ("HEAD", "OPTIONS", "PUT", "PATCH", "FOO"):
        assert Played(plan()).asks(method).told[0] == 405
    assert Played(plan()).asks("POST", JSON).error == (400, None, -32700, "empty_body")
    assert Played(plan()).asks("GET", ("upgrade", b"websocket")).told[0] == 400


@pytest.mark.parametrize("mode", MODES)
def test_a_body_where_none_belongs_is_refused(mode: BodyMode) -> None:
    for body, refused in ((b"", False), (dumped(call("search")), True)):
        played = Played(plan(), mode)
        played._sends(request_headers("/mcp", method="GET"))
        played._sends(request_body(body))
        assert (played.refusal is not None) == refused


TENANTS: Final = "tenants: {from: {header: x-tenant-id}, known: {ops: {}, interns: {}, others: {}}}\n"
LISTS: Final = f"""\
tools: {{deny: [shell]}}, {ONE}, tenants: [
  {{name: ops, tools: {{allow: ["*"]}}, methods: {{deny: ["resources/*"]}}}},
  {{name: interns, tools: {{allow: [search]}}}}]"""


@gathered(
    ("tenant", "allowed"),
    [
        (b"ops", {"search", "write"}),
        (b"interns", {"search", "resources"}),
        (b"others", {"search", "write", "resources"}),
        (None, {"search", "write", "resources"}),
    ],
)
def test_a_tenant_has_lists_of_its_own(tenant: bytes | None, allowed: set[str]) -> None:
    own = plan(LISTS, TENANTS)
    fields: tuple[Field, ...] = () if tenant is None else (("x-tenant-id", tenant),)
    asked = {name: call(name) for name in ("search", "write", "shell")}
    asked["resources"] = message("resources/read", uri="file:///x")
    found = {name for name, body in asked.items() if Played(own).posts(body, *fields).refusal is None}
    assert found == allowed
    page = dumped(result(1, tools=[{"name": name} for name in ("search", "write", "shell")]))
    left = json.loads(Played(own).posts(message("tools/list"), *fields).replies(page).body(Side.RESPONSE, page))
    assert {each["name"] for each in left["result"]["tools"]} == allowed - {"resources"}


def test_a_tenant_that_is_not_served_is_told_so_as_json_rpc() -> None:
    own = plan(LISTS, TENANTS)
    assert Played(own).posts(call("search"), ("x-tenant-id", b"nobody")).error == (403, None, -32000, "tenant_unknown")
    twice = (("x-tenant-id", b"ops"), ("x-tenant-id", b"interns"))
    assert Played(own).asks("GET", *twice).error[3] == "tenant_unclear"


def test_the_log_names_the_calls_that_the_policy_has_recorded_and_those_that_are_refused() -> None:
    own = plan(DENYING, "recorded_signals: [mcp_method, mcp_tool]\n")
    for asked, signals in (
        (call("search"), {"mcp_method": "tools/call", "mcp_tool": "search"}),
        (call("shell"), {"mcp_method": "tools/call", "mcp_tool": "shell"}),
        (message("resources/read", uri="file:///x"), {"mcp_method": "resources/read", "mcp_tool": ""}),
        ([call("search"), call("other", 2)], {"mcp_method": None, "mcp_tool": None}),
    ):
        assert Played(own).posts(asked).record()["signals"] == signals
    assert Played(plan(DENYING)).posts(call("shell")).record().get("signals") is None


# -- servers and sessions


@gathered(
    ("asked", "backend"),
    [
        (message("initialize"), b"files"),
        (message("tools/list"), b"files"),
        (call("fs_read"), b"files"),
        (call("web"), b"search"),
        ([call("web"), message("ping", 2)], b"search"),
        (result(), b"files"),
    ],
)
def test_the_first_server_with_the_tool_serves_it(asked: object, backend: bytes) -> None:
    assert Played(plan(SEVERAL)).posts(asked).sets["x-extproc-cluster"] == backend


def test_a_batch_for_two_servers_and_a_tool_of_none_are_refused() -> None:
    status, told = Played(plan(SEVERAL)).posts([call("fs_read"), call("web", 2)]).told
    assert (status, [(each["id"], each["error"]["code"]) for each in told]) == (200, [(1, -32600), (2, -32600)])
    only = "servers: [{name: files, backend: files, tools: ['fs_*']}]"
    assert Played(plan(only)).posts(call("web")).error == (200, 1, -32602, "mcp_tool_denied")


ASKING: Final = """servers: [
  {name: ops, backend: files, when: 'tenant == "ops" && mcp.tool.startsWith("fs_")'},
  {name: lists, backend: spare, when: 'headers["x-lists"] == "1" && mcp.method == "tools/list"'},
  {name: rest, backend: search, when: 'mcp.tool != "nobody"'}]"""


@gathered(
    ("asked", "fields", "backend"),
    [
        (call("fs_read"), [("x-tenant-id", b"ops")], b"files"),
        (call("fs_read"), [("x-tenant-id", b"others")], b"search"),
        (call("web"), [("x-tenant-id", b"ops")], b"search"),
        (message("tools/list"), [("x-lists", b"1")], b"spare"),
        (message("tools/list"), [], b"search"),
    ],
)
def test_conditions_choose_the_server(asked: object, fields: list[Field], backend: bytes) -> None:
    own = plan(ASKING, TENANTS)
    assert Played(own).posts(asked, *fields).sets["x-extproc-cluster"] == backend
    assert Played(own).asks("GET", *fields).sets["x-extproc-cluster"] == b"search"


def test_a_request_that_no_condition_is_for_or_that_none_can_be_asked_about_goes_nowhere() -> None:
    own = plan(ASKING, TENANTS)
    assert Played(own).posts(call("nobody", 2)).error == (200, 2, -32602, "mcp_tool_denied")
    assert Played(own).posts(call("fs_read", 2), (SESSION, b"files:abc")).sets["x-extproc-cluster"] == b"search"
    status, told = Played(own).posts([call("fs_read"), message("ping", 2)]).told
    assert (status, {each["error"]["code"] for each in told}) == (200, {-32600})
    unknown = plan("servers: [{name: a, backend: files, when: 'stream && input_tokens > 0'}]")
    two = b'{"jsonrpc":"2.0","id":3,"method":"ping","params":{"stream":true},"stream":false}'
    assert Played(unknown).posts(two).error == (503, 3, -32000, "routing_failed")


def test_a_session_goes_back_to_the_backend_that_began_it_and_to_no_other() -> None:
    own, shared = plan(SEVERAL), Shared()
    shared.health.unreachable("files", 0.0, Health.model_validate({"cooldown": "1000s"}))
    began = Played(own, shared=shared).posts(message("initialize"))
    assert began.sets["x-extproc-cluster"] == b"spare"
    name = began.replies(dumped(result()), JSON, (SESSION, b"abc:1")).sets[SESSION]
    assert name == b"spare:abc:1"
    # The first backend is up again: the session stays where it is, in every request.
    for asked in (message("tools/list"), call("fs_read"), message("notifications/initialized", None), result(5)):
        played = Played(own).posts(asked, (SESSION, name))
        assert (played.sets["x-extproc-cluster"], played.sets[SESSION]) == (b"spare", b"abc:1")
    for method in ("GET", "DELETE"):
        played = Played(own).asks(method, (SESSION, name))
        assert (played.sets["x-extproc-cluster"], played.sets[SESSION]) == (b"spare", b"abc:1")
    # Another server's tool is called without the session's id, which is none of its own.
    played = Played(own).posts(call("web"), (SESSION, name))
    assert (played.sets["x-extproc-cluster"], SESSION in played.removes) == (b"search", True)
    assert SESSION not in played.sets
    # A client that writes another backend's name before its id gets no other tool by that.
    assert Played(own).posts(call("fs_read"), (SESSION, b"search:abc")).sets["x-extproc-cluster"] == b"files"


@gathered("name", [b"abc", b"none-such:abc", b"files:", b":abc", b"files", b"FILES:abc", b""])
def test_a_session_of_nobody_is_404_as_clients_know_it(name: bytes) -> None:
    for played in (
        Played(plan(SEVERAL)).posts(call("web"), (SESSION, name)),
        Played(plan(SEVERAL)).asks("GET", (SESSION, name)),
    ):
        assert played.error[0] == 404
        assert played.error[3] == "mcp_session_not_found"


def test_one_backend_keeps_the_names_of_its_sessions() -> None:
    played = Played(plan()).posts(message("initialize"))
    assert SESSION not in played.replies(dumped(result()), JSON, (SESSION, b"abc")).sets
    twice = Played(plan()).posts(message("ping"), (SESSION, b"a"), (SESSION, b"b"))
    assert twice.error[:3] == (400, None, -32600)


def test_a_server_that_is_down_is_told_to_the_request() -> None:
    shared = Shared()
    shared.health.unreachable("files", 0.0, Health.model_validate({"cooldown": "1000s"}))
    assert Played(plan(), shared=shared).posts(call("x", 9)).error == (503, 9, -32000, "backend_unavailable")


# -- inspection

MASKING: Final = """\
pipelines:
  - name: p
    request: [{use: pii, kinds: [email], action: mask}, {use: pattern, name: word, regex: forbidden, action: block}]
    response: [{use: pii, kinds: [email], action: mask}, {use: pattern, name: word, regex: forbidden, action: block}]
"""


def test_arguments_are_inspected_and_a_block_answers_the_call() -> None:
    own = plan(more=MASKING)
    body = dumped(call("send", to="jane@example.com", deep=[{"x": "jane@example.com"}]))
    played = Played(own).posts(body)
    assert played.body(Side.REQUEST, body) == body.replace(b"jane@example.com", b"[EMAIL_1]")
    played = Played(own).posts(call("send", 4, text="a forbidden thing"))
    assert played.error == (200, 4, -32000, "content_filter")
    assert played.record()["decision"] == "blocked"


RESULTS: Final[list[dict[str, Any]]] = [
    result(content=[{"type": "text", "text": "to jane@example.com"}]),
    result(content=[], structuredContent={"list": [{"mail": "jane@example.com"}]}),
    result(contents=[{"uri": "file:///x", "mimeType": "text/plain", "text": "jane@example.com"}]),
    result(messages=[{"role": "user", "content": {"type": "text", "text": "jane@example.com"}}]),
    result(tools=[{"name": "a", "description": "ask jane@example.com", "inputSchema": {"type": "object"}}]),
    {"jsonrpc": "2.0", "id": 1, "error": {"code": -32603, "message": "no jane@example.com", "data": {"x": "y"}}},
    message("sampling/createMessage", 9, messages=[{"role": "user", "content": {"text": "jane@example.com"}}]),
    message("elicitation/create", 9, message="are you jane@example.com?"),
    message("notifications/message", None, level="info", data="jane@example.com"),
]  # fmt: skip


@gathered("sent", RESULTS)
@gathered("filtered", [False, True])
def test_results_are_inspected_whole_and_streamed_alike(sent: dict[str, Any], filtered: bool) -> None:
    own = plan(f"tools: {{deny: [shell]}}, {ONE}" if filtered else ONE, MASKING)
    whole = dumped(sent)
    masked = whole.replace(b"jane@example.com", b"[EMAIL_1]")
    assert Played(own).posts(call("x")).replies(whole).body(Side.RESPONSE, whole) == masked
    stream = b": hi\n\nevent: message\r\nid: 4\r\ndata: %s\r\n\r\n" % whole
    for mode in MODES:
        for cut in (0, 1, 7, 64):
            played = Played(own, mode).posts(call("x")).replies(stream, SSE, cut=cut)
            assert played.body(Side.RESPONSE, stream) == stream.replace(whole, masked)
    # and on the stream that a GET opens
    played = Played(own).asks("GET").replies(stream, SSE, cut=9)
    assert played.body(Side.RESPONSE, stream) == stream.replace(whole, masked)


def test_a_result_that_is_blocked_is_an_error_of_the_call_whole_and_streamed() -> None:
    own = plan(more=MASKING)
    blocked = dumped(result(6, content=[{"type": "text", "text": "a forbidden thing"}]))
    assert Played(own).posts(call("x", 6)).replies(blocked).error == (200, 6, -32000, "content_filter")
    stream = b"data: %s\n\n" % blocked
    told = Played(own).posts(call("x", 6)).replies(stream, SSE, cut=11).body(Side.RESPONSE, stream)
    error = json.loads(told.partition(b"data:")[2])
    assert (error["id"], error["error"]["data"]["code"]) == (6, "content_filter")


def test_conditions_read_the_method_and_the_tool() -> None:
    rules = MASKING.replace(
        "action: mask}", 'action: mask, when: \'mcp.method == "tools/call" && mcp.tool == "send"\'}', 1
    )
    own = plan(more=rules)
    for tool, masked in (("send", True), ("other", False)):
        body = dumped(call(tool, to="jane@example.com"))
        found = Played(own).posts(body).body(Side.REQUEST, body)
        assert (b"[EMAIL_1]" in found) == masked


@pytest.mark.parametrize("mode", MODES)
def test_a_session_keeps_its_id_when_the_body_is_changed(mode: BodyMode) -> None:
    own = plan(SEVERAL, MASKING)
    body = dumped(call("fs_write", text="jane@example.com"))
    played = Played(own, mode).posts(body, (SESSION, b"files:abc"))
    assert played.body(Side.REQUEST, body) == body.replace(b"jane@example.com", b"[EMAIL_1]")
    assert played.sets[SESSION] == b"abc"
    assert Played(own, mode).asks("DELETE", (SESSION, b"files:abc")).sets[SESSION] == b"abc"


RESIDENCY: Final = """\
residency: [{name: eu-only, when: 'mcp.tool == "fs_read" || findings.exists(f, f.kind == "email")', regions: [eu]}]
"""


def test_no_request_leaves_its_regions_by_a_fallback_or_a_session() -> None:
    regions = BACKENDS.replace('/deep/mcp",', '/deep/mcp", region: us,')
    regions = regions.replace('spare.example/mcp",', 'spare.example/mcp", region: eu,')
    own = Plan.compile(loads(f"{regions}mcp: {{{SEVERAL}}}\n{MASKING}{RESIDENCY}", "policy.yaml"), SECRETS)
    assert Played(own).posts(call("fs_list")).sets["x-extproc-cluster"] == b"files"
    assert Played(own).posts(call("fs_read")).sets["x-extproc-cluster"] == b"spare"
    found = call("fs_list", to="jane@example.com")
    assert Played(own).posts(found).sets["x-extproc-cluster"] == b"spare"
    assert Played(own).posts(found, (SESSION, b"spare:abc")).sets["x-extproc-cluster"] == b"spare"
    for asked, name in ((call("fs_read", 4), b"files:abc"), (call("web", 4, to="jane@example.com"), b"spare:abc")):
        assert Played(own).posts(asked, (SESSION, name)).error == (503, 4, -32000, "residency")
    shared = Shared()
    shared.health.unreachable("spare", 0.0, Health.model_validate({"cooldown": "1000s"}))
    assert Played(own, shared=shared).posts(call("fs_read")).error[3] == "backend_unavailable"
