"""JSON-RPC messages are read strictly: what two readers could take for two things is refused."""

import json
from typing import Any, Final

import pytest

from extproc.apis.mcp import request as mcp
from extproc.apis.mcp.message import MAX_BATCH, MAX_METHOD, MAX_NAME, RpcMessage, read
from extproc.protocol.errors import ClientError
from tests.gathered import gathered

CALL: Final[dict[str, Any]] = {
    "jsonrpc": "2.0",
    "id": 7,
    "method": "tools/call",
    "params": {"name": "search", "arguments": {"name": "other", "method": "ping"}},
}


def refused(body: bytes) -> str:
    with pytest.raises(ClientError) as caught:
        read(body)
    assert caught.value.status == 400
    return caught.value.code


def message(**more: Any) -> bytes:
    return json.dumps({**CALL, **more}).encode()


def test_messages_are_told_apart_and_say_what_they_ask_for() -> None:
    asked = [
        CALL,
        {"jsonrpc": "2.0", "id": "a", "method": "resources/read", "params": {"uri": "file:///x"}},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 1, "result": {"content": []}},
    ]
    found = read(json.dumps(asked).encode())
    assert found.batch
    assert found.messages == (
        RpcMessage(b"7", "tools/call", "search", "search"),
        RpcMessage(b'"a"', "resources/read", None, "file:///x"),
        RpcMessage(b"", "notifications/initialized"),
        RpcMessage(b"1", ""),
    )
    assert read(message()).messages == found.messages[:1]


def test_escapes_spell_the_same_names() -> None:
    written = rb' {"\u006asonrpc":"2.0","id":1,"method":"tools\u002fcall","params":{"n\u0061me":"se\u0061rch"} } '
    assert read(written).messages == (RpcMessage(b"1", "tools/call", "search", "search"),)


@gathered(
    "body",
    [
        b"",
        b"ping",
        b'{"jsonrpc":"2.0","method":"ping"',
        b'{"jsonrpc":"2.0","method":"ping"} {"jsonrpc":"2.0","method":"tools/call"}',
        b'{"jsonrpc":"2.0","method":"ping",}',
        b'{"jsonrpc":"2.0",/* */"method":"ping"}',
        b"\xef\xbb\xbf" + message(),
        message().decode().encode("utf-16"),
        b'{"jsonrpc":"2.0","method":"p\xff"}',
        b'{"jsonrpc":"2.0","method":"ping","params":{"x":NaN}}',
        b"[" * 100_000,
        b'"ping"',
    ],
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    assert refused(body) in {"empty_body", "invalid_json", "invalid_utf8", "nesting_too_deep"}


@gathered(
    "body",
    [
        # two readings of a name that is repeated, in the message and in its parameters
        b'{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call","params":{"name":"x"}}',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"},"params":{"name":"y"}}',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","name":"y"}}',
        b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}',
        # readers that ignore case
        b'{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}',
        b'{"jsonrpc":"2.0","id":1,"METHOD":"tools/call","params":{"name":"x"}}',
        '{"jsonrpc":"2.0","id":1,"method":"tools/call","param\u017f":{"name":"y"},"params":{"name":"x"}}'.encode(),
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","Name":"y"}}',
        message(method="Tools/Call"),
        # wrong types
        message(params={"name": 5}),
        message(params={"name": None}),
        message(params={"name": ["search"]}),
        message(params={"name": ""}),
        message(params=["search"]),
        message(params="search"),
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call"}',
        message(method=["tools/call"]),
        message(method="tools/call "),
        message(method="tools/call\u0000"),
        message(method=""),
        message(jsonrpc="1.0"),
        message(jsonrpc=2.0),
        b'{"id":1,"method":"ping"}',
        message(id=None),
        message(id=[1]),
        message(id=True),
        # neither a request nor a response, or both
        message(result={}),
        b'{"jsonrpc":"2.0","id":1}',
        b'{"jsonrpc":"2.0","id":1,"result":{},"error":{}}',
        # batches
        b"[]",
        b"[[" + message() + b"]]",
        b"[" + message() + b",1]",
        b"[" + message() + b',{"jsonrpc":"2.0","method":"ping","method":"tools/call"}]',
    ],
)
def test_json_that_is_no_message_for_every_reader_is_refused(body: bytes) -> None:
    assert mcp.CODES[refused(body)] in {-32600, -32700}


def test_limits_are_kept_to_the_last_and_not_exceeded() -> None:
    whole = b"[%s]" % b",".join([message()] * MAX_BATCH)
    assert len(read(whole).messages) == MAX_BATCH
    assert refused(b"[%s]" % b",".join([message()] * (MAX_BATCH + 1))) == "invalid_request"
    assert read(message(params={"name": "n" * MAX_NAME})).messages[0].tool == "n" * MAX_NAME
    assert refused(message(params={"name": "n" * (MAX_NAME + 1)})) == "invalid_request"
    assert read(message(method="m" * MAX_METHOD)).messages[0].method == "m" * MAX_METHOD
    assert refused(message(method="m" * (MAX_METHOD + 1))) == "invalid_request"
    assert read(message(id="i" * (mcp.MAX_ID - 2))).messages[0].id
    assert refused(message(id="i" * (mcp.MAX_ID - 1))) == "invalid_request"


def test_errors_answer_each_request_of_a_body_with_a_status_that_clients_read() -> None:
    denied = ClientError(403, "mcp_tool_denied", "No.")
    one = mcp.RpcCalls((b"7",))
    assert json.loads(one.error(denied)) == {
        "jsonrpc": "2.0",
        "id": 7,
        "error": {"code": -32602, "message": "No.", "data": {"code": "mcp_tool_denied"}},
    }
    many = mcp.RpcCalls((b'"a"', b"1"), batch=True)
    assert [each["id"] for each in json.loads(many.error(denied))] == ["a", 1]
    nobody = mcp.RpcCalls((), batch=True)
    assert json.loads(nobody.error(denied))["id"] is None
    gone, busy = ClientError(404, mcp.SESSION_GONE, "No."), ClientError(503, "overloaded", "No.")
    assert [each.status(denied) for each in (one, many, nobody)] == [200, 200, 403]
    assert [one.status(gone), one.status(busy)] == [404, 503]
