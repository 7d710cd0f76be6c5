"""Tools are taken out of lists, and messages out of batches, byte for byte; and tools have pins."""

import json
from collections.abc import Iterable
from hashlib import sha256
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.apis.mcp.listing import MAX_MESSAGES, MAX_TOOLS, cuts, listed, without
from extproc.apis.mcp.pins import UnpinnableError, pin
from extproc.protocol.errors import ClientError
from tests.gathered import gathered

SPACES: Final = st.sampled_from(["", " ", "\n  ", "\t"])


def kept(document: bytes, denied: Iterable[str] = ("bad",), methods: Iterable[str] = ("bad/method",)) -> bytes | None:
    """The document without what is denied; None if nothing of it stays."""
    tools, lost = frozenset(denied), frozenset(methods)
    found = cuts(document, lambda name, _: name not in tools, lambda method: method not in lost)
    return None if found.whole else without(document, found.spans)


@st.composite
def lists(draw: st.DrawFn) -> tuple[bytes, list[str], bytes]:
    """A result with a list of tools, their names, and the text around each of those that stay."""
    names = draw(st.lists(st.sampled_from(["good", "bad", "\u00fc", "b\\u0061d"]), max_size=8))
    tools = [f'{draw(SPACES)}{{"name":"{name}" , "x":[1,{{"tools":[]}}]}}{draw(SPACES)}' for name in names]
    text = f'{{ "jsonrpc":"2.0","id":1,"result":{{"nextCursor":"c", "tools" :[{",".join(tools)}]}} }}'
    return text.encode(), names, b""


@given(lists())
def test_the_tools_that_stay_keep_their_bytes(drawn: tuple[bytes, list[str], bytes]) -> None:
    document, names, _ = drawn
    found = kept(document)
    assert found is not None
    left = json.loads(found)["result"]["tools"]
    before = json.loads(document)["result"]["tools"]
    assert left == [each for each in before if each["name"] != "bad"]
    if all(name in {"good", "\u00fc"} for name in names):
        assert found == document
    for written in (b'{"name":"good" , "x":[1,{"tools":[]}]}',):
        assert found.count(written) == document.count(written)
    assert found.startswith(b'{ "jsonrpc":"2.0","id":1,"result":{"nextCursor":"c", "tools" :[')


@given(st.lists(st.sampled_from(["ok", "bad/method", "list"]), min_size=1, max_size=6), SPACES)
def test_messages_are_taken_out_of_a_batch_and_tools_out_of_those_that_stay(kinds: list[str], space: str) -> None:
    written = {
        "ok": '{"jsonrpc":"2.0","method":"notifications/message"}',
        "bad/method": '{"jsonrpc":"2.0","id":3,"method":"bad/method"}',
        "list": '{"jsonrpc":"2.0","id":9,"result":{"tools":[{"name":"bad"},{"name":"good"}]}}',
    }
    document = f"[{space}{f'{space},{space}'.join(written[each] for each in kinds)}{space}]".encode()
    found = kept(document)
    if all(each == "bad/method" for each in kinds):
        assert found is None
        return
    assert found is not None
    expected = [json.loads(written[each].replace('{"name":"bad"},', "")) for each in kinds if each != "bad/method"]
    assert json.loads(found) == expected


@gathered(
    "document",
    [
        b'{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"good"}],"tools":[{"name":"bad"}]}}',
        b'{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"good","name":"bad"}]}}',
        b'{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"good","Name":"bad"}]}}',
        b'{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"good","Description":"x"}]}}',
        b'{"jsonrpc":"2.0","id":1,"result":{"Tools":[{"name":"bad"}]}}',
        b'{"jsonrpc":"2.0","id":1,"Result":{"tools":[{"name":"bad"}]}}',
        '{"jsonrpc":"2.0","id":1,"re\u017fult":{"tools":[{"name":"bad"}]}}'.encode(),
        b'{"jsonrpc":"2.0","id":1,"result":{},"result":{"tools":[{"name":"bad"}]}}',
        b'{"jsonrpc":"2.0","id":1,"result":{"tools":{"0":{"name":"bad"}}}}',
        b'{"jsonrpc":"2.0","id":1,"result":{"tools":["bad"]}}',
        b'{"jsonrpc":"2.0","id":1,"result":{"tools":[{"title":"bad"}]}}',
        b'{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":5}]}}',
        b'[[{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"bad"}]}}]]',
        b'{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"bad"}]}} x',
        b'{"jsonrpc":"2.0","method":5,"params":"tools"}',
    ],
)
def test_a_list_that_could_be_read_in_two_ways_is_refused(document: bytes) -> None:
    with pytest.raises(ClientError):
        kept(document)


def test_a_list_counts_whatever_request_it_answers() -> None:
    for identity in (b"1", b'"other"', b"null", b"1e0"):
        document = b'{"id":%s,"jsonrpc":"2.0","result":{"tools":[{"name":"bad"}]}}' % identity
        assert kept(document) == document.replace(b'{"name":"bad"}', b"")
    nameless = b'{"result":{"tools":[{"name":"bad"}]},"method":"x"}'
    assert kept(nameless) == nameless.replace(b'{"name":"bad"}', b"")
    called = b'{"jsonrpc":"2.0","id":1,"result":{"content":[],"structuredContent":{"tools":[{"name":"bad"}]}}}'
    assert kept(called) == called


def test_lists_are_read_up_to_their_limits() -> None:
    def page(count: int) -> bytes:
        return b'{"result":{"tools":[%s]}}' % b",".join([b'{"name":"good"}'] * count)

    assert kept(page(MAX_TOOLS)) == page(MAX_TOOLS)
    with pytest.raises(ClientError):
        kept(page(MAX_TOOLS + 1))
    batch = b"[%s]" % b",".join([b"{}"] * MAX_MESSAGES)
    assert kept(batch) == batch
    with pytest.raises(ClientError):
        kept(b"[%s]" % b",".join([b"{}"] * (MAX_MESSAGES + 1)))


TOOL: Final[dict[str, Any]] = {
    "name": "search",
    "title": "Search",
    "description": "Finds f\u00fcnf things.",
    "inputSchema": {"type": "object", "properties": {"q": {"type": "string"}, "n": {"maximum": 10}}},
    "annotations": {"readOnlyHint": True},
}


def test_a_pin_is_of_what_models_read_however_it_is_written() -> None:
    expected = pin(json.dumps(TOOL).encode())
    canonical = (
        '{"annotations":{"readOnlyHint":true},"description":"Finds f\u00fcnf things.","inputSchema":{"properties":'
        '{"n":{"maximum":10},"q":{"type":"string"}},"type":"object"},"title":"Search"}'
    )
    assert expected == sha256(canonical.encode()).hexdigest()
    turned = json.dumps(dict(reversed(TOOL.items())), ensure_ascii=False, indent=2).replace("10", "10.0")
    assert pin(turned.encode()) == expected
    assert pin(json.dumps({**TOOL, "name": "other", "icons": [], "_meta": {"x": 1}}).encode()) == expected


@gathered(
    "change",
    [
        {"title": "search"},
        {"description": "Finds f\u00fcnf things. "},
        {"annotations": {}},
        {"outputSchema": {}},
        {"inputSchema": {"type": "object"}},
        {"description": None},
    ],
)
def test_a_pin_changes_with_each_member_that_models_read(change: dict[str, Any]) -> None:
    assert pin(json.dumps({**TOOL, **change}).encode()) != pin(json.dumps(TOOL).encode())


@gathered(
    "tool",
    [
        b'{"name":"x","description":"good","description":"bad"}',
        b'{"name":"x","inputSchema":{"description":"good","description":"bad"}}',
        b'{"name":"x","inputSchema":{"maximum":NaN}}',
        b'{"name":"x","inputSchema":{"maximum":1e999}}',
        b'{"name":"x","description":"\\ud800"}',
        b'{"name":"x","inputSchema":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'["x"]',
    ],
)
def test_a_tool_that_readers_read_differently_has_no_pin(tool: bytes) -> None:
    with pytest.raises(UnpinnableError):
        pin(tool)


def test_the_tools_of_a_result_are_listed() -> None:
    assert listed(b'{"tools":[{"name":"a"},{"name":"b"} ]}') == (("a", b'{"name":"a"}'), ("b", b'{"name":"b"} '))
    assert listed(b'{"content":[]}') is None
