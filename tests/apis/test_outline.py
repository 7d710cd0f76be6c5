"""What conditions and limits ask about, read from bodies in every spelling that the text reader accepts."""

import json

import pytest
from hypothesis import given

from extproc.apis import outline
from extproc.apis.counts import NOTHING, UNTOLD, Counts, count
from extproc.apis.mcp import request as mcp
from extproc.payload import Document
from extproc.protocol.errors import ClientError
from tests.gathered import gathered
from tests.payload.texts import bodies


@gathered(
    ("body", "counts"),
    [
        ('{"messages":[{},{}]}', (2, 0, 0)),
        ('{"x":1e999,"messages":[{},{}],"tools":[{}]}', (2, 0, 1)),
        ('{"x":"\\ud800","messages":[{},{}]}', (2, 0, 0)),
        ('{"m\\u0065ssages":[{},{}],"\\u0074ools":[{}]}', (2, 0, 1)),
        ('{"messages":[{},{}],"messages":[]}', (2, 0, 0)),
        ('{"messages":[],"messages":[{},{}]}', (2, 0, 0)),
        ('{"messages":[],"input":[{},{},{}]}', (3, 0, 0)),
        ('{"input":[],"messages":[{},{},{}]}', (3, 0, 0)),
        ('{"Messages":[{},{}],"TOOLS":[{}]}', (2, 0, 1)),
        ('{"me\u017fsages":[{}]}', (1, 0, 0)),
        ('{"tools":[{}],"functions":[{},{}]}', (0, 0, 3)),
        ('{"tools":{"a":1,"name":"x"},"messages":"hello"}', (1, 0, 1)),
        ('{"tools":null,"functions":false,"messages":""}', (0, 0, 0)),
        ('[{"messages":[{}]},{"messages":[{},{}],"tools":[{}]}]', (2, 0, 1)),
        ('{"tools":[{}]}\n\n{"messages":[{},{}]}', (2, 0, 1)),
        ('{"requests":[{"custom_id":"a","params":{"tools":[{}],"messages":[{}]}},{"params":1},2]}', (1, 0, 1)),
        ('{"custom_id":"a","body":{"messages":[{},{}]}}\n{"body":[]}', (2, 0, 0)),
        ('{"method":"initialize","params":{"capabilities":{"tools":{"listChanged":true}}}}', (0, 0, 0)),
        ('{"seed":' + "9" * 5000 + ',"tools":[{}]}', (0, 0, 1)),
        ('{"a":[{"type":"image"},{"type":"text","type":"input_image"},{"t\\u0079pe":"image_url"}]}', (0, 3, 0)),
        ('{"type":"image","type":"image_url"}', (0, 1, 0)),
        ('{"type":["image"],"tools":[]}', (0, 0, 0)),
        ('{"content":[{"type":"image_file"},{"type":"Image"}]}', (0, 2, 0)),
        ('{"tools":{"type":"function"},"messages":{"role":"user"}}', (1, 0, 1)),
        ('{"tools":{},"messages":{}}', (0, 0, 0)),
        ('{"contents":[{},{}],"messages":[]}', (2, 0, 0)),
        ('{"request":{"contents":[{},{}],"tools":[{}]}}', (2, 0, 1)),
        ('{"message":"a","chat_history":[{},{},{}]}', (3, 0, 0)),
        ('{"thread":{"messages":[{},{}]},"additional_messages":[{}]}', (2, 0, 0)),
        ('[[{"messages":[{},{}]}],[[{"tools":[{}]}]]]', (2, 0, 1)),
        ('"text"', (0, 0, 0)),
        ('\ufeff{"x":[NaN,-Infinity],"tools":[{}]}', (0, 0, 1)),
    ],
)  # fmt: skip
def test_messages_images_and_tools_are_counted_however_they_are_written(
    body: str, counts: tuple[int, int, int]
) -> None:
    assert count(body.encode(), declared=False) == Counts(*counts)


def test_bytes_of_another_charset_hide_no_tool() -> None:
    assert count(b'{"x":"\xe9","tools":[{}]}').tools == 1


@pytest.mark.parametrize("body", ["{", "[see below]", "{name}, hello", " \ufeff{}", "[" * 100_000])
def test_what_is_no_json_cannot_be_counted_if_it_is_said_to_be_json_and_has_nothing_if_not(body: str) -> None:
    assert count(body.encode()) == UNTOLD
    assert count(body.encode(), declared=False) == NOTHING


@pytest.mark.parametrize(
    "body",
    [
        '{"tools":[],}',
        '{"tools":[]} x',
        '{}{"tools":[]}',
        "{'tools':[]}",
        '/* a */ {"tools":[]}',
        '// a\n[{"tools":[]},]',
        '\ufeff {/**/"tools":[],}',
        '\x1e{"tools":[]}\n',
        '{"a":1}\r{"tools":[]}',
    ],
)
def test_what_a_lenient_reader_takes_for_an_object_cannot_be_counted_whatever_it_is_said_to_be(body: str) -> None:
    assert count(body.encode(), declared=False) == UNTOLD


@given(bodies())
def test_whatever_the_text_reader_reads_has_an_outline(body: bytes) -> None:
    try:
        Document.read(body)
    except ClientError:
        return
    assert outline.read(body) is not None or not body.strip(b" \t\r\n").startswith((b"{", b"["))


def calls(value: object) -> object:
    body = value if isinstance(value, str) else json.dumps(value)
    found = outline.read(body.encode())
    assert found is not None
    return mcp.calls(found)


SHELL = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "shell"}}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (SHELL, [("tools/call", "shell")]),
        ([SHELL], [("tools/call", "shell")]),
        ([{"method": "ping"}, SHELL, SHELL, 1], [("ping", ""), ("tools/call", "shell")]),
        ({"method": "ping", "params": {"name": "shell"}}, [("ping", "")]),
        ({"method": "tools/call"}, [("tools/call", "")]),
        ({"method": 1}, [("", "")]),
        ({"Method": "tools/call", "PARAMS": {"Name": "shell"}}, [("tools/call", "shell")]),
        ('{"method":1,"method":"tools/call","params":{"name":"a","name":"b"}}', [(mcp.CALL, "a"), (mcp.CALL, "b")]),
        ('{"method":"tools/call","params":{"name":"a"},"method":"ping"}', [("tools/call", "a"), ("ping", "")]),
        ('{"method":"tools/call","params":{"name":"a"},"params":{"name":"b"}}', [(mcp.CALL, "a"), (mcp.CALL, "b")]),
        ('{"m\\u0065thod":"tools\\/call","params":{"n\\u0061me":"\\u0061"},"x":"\\ud800"}', [("tools/call", "a")]),
        ('{"method":"tools/call","params":{"name":"a\\ud800"}}', [("tools/call", "a\ufffd")]),
        ({}, [("", "")]),
        ([], [("", "")]),
    ],
)  # fmt: skip
def test_every_call_that_a_reader_may_see_is_told(body: object, expected: list[tuple[str, str]]) -> None:
    assert calls(body) == tuple(expected)


def test_more_calls_than_the_limit_cannot_be_told() -> None:
    many = [{"method": f"m{number}"} for number in range(mcp.MAX_CALLS + 1)]
    assert calls(many[1:]) is not None
    assert calls(many) is None


@pytest.mark.parametrize(
    ("body", "identity"),
    [
        (SHELL, b"7"),
        ({**SHELL, "id": "a"}, b'"a"'),
        ('{"json\\u0072pc":"2.0","id":1e999}', b"1e999"),
        ('{"jsonrpc":"2.0","id":1,"id":2}', b"null"),
        ('{"jsonrpc":"2.0","id":"\\ud800"}', b"null"),
        ({"jsonrpc": "2.0", "id": "x" * (mcp.MAX_ID - 2)}, b'"' + b"x" * (mcp.MAX_ID - 2) + b'"'),
        ({"jsonrpc": "2.0", "id": "x" * (mcp.MAX_ID - 1)}, b"null"),
        ({"jsonrpc": "2.0", "id": {"name": 1}}, b"null"),
        ([SHELL], b"null"),
        ({"method": "tools/call"}, None),
    ],
)
def test_an_error_answers_the_id_of_the_message(body: object, identity: bytes | None) -> None:
    written = (body if isinstance(body, str) else json.dumps(body)).encode()
    found = outline.read(written)
    assert found is not None
    told = mcp.message(found)
    assert (told and told.id) == identity
    assert told is None or mcp.suspected(written)


def test_no_text_stands_in_a_repr() -> None:
    assert "shell" not in repr(outline.read(json.dumps(SHELL).encode()))
