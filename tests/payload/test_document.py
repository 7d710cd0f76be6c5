"""What is read of a body, against the standard library and by example."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.payload import Document, TextLimitError
from extproc.payload.json.members import members
from extproc.payload.limits import MAX_DEPTH, MAX_OPENED, MAX_VALUES
from extproc.protocol.errors import ClientError
from tests.gathered import gathered
from tests.payload.texts import bodies, expected, parse


def read(body: bytes | str) -> list[tuple[str, str, str]]:
    document = Document.read(body.encode() if isinstance(body, str) else body)
    return [(passage.pointer, passage.kind, passage.text) for passage in document.passages]


def outcome(body: bytes) -> object:
    """What is read, or the status of the client's error."""
    try:
        return read(body)
    except ClientError as error:
        return error.status


def begun(found: object) -> bool:
    """True if a string may begin as JSON and does not end as such: what is read of those is tested by example."""
    return isinstance(found, list) and any(text.lstrip(" \t\r\n")[:1] in {"{", "["} for _, _, text in found)


@given(bodies())
def test_every_string_name_and_long_number_is_read_in_order_with_its_place(body: bytes) -> None:
    want = list(expected(parse(body.decode())))
    assert begun(want) or read(body) == want


@given(bodies(), st.data())
def test_damaged_bodies_are_read_as_the_standard_library_reads_them_or_are_the_clients_error(
    body: bytes, data: st.DataObject
) -> None:
    damaged = bytearray(body)
    at = data.draw(st.integers(0, len(body)))
    damaged[at : at + data.draw(st.integers(0, 2))] = data.draw(
        st.sampled_from([b"", b'"', b",", b"}", b"{", b"[", b":", b"\\", b"1", b" ", b"\xff", b"\x00", b"\\ud800"])
    )
    try:
        want: object = list(expected(parse(damaged.decode())))
    except ValueError:
        want = 400
    assert begun(want) or outcome(bytes(damaged)) == want


@given(st.binary(max_size=16))
def test_any_bytes_are_read_or_are_the_clients_error(body: bytes) -> None:
    assert outcome(body) == 400 or Document.read(body).body is body


@gathered(
    ("body", "found"),
    [
        ('"a"', [("", "text", "a")]),
        ('""', [("", "text", "")]),
        (" 5 ", []),
        ("null", []),
        ("{}", []),
        ("[ ]", []),
        ('["a",["b"],{"content":"c"}]', [("/0", "text", "a"), ("/1/0", "text", "b"), ("/2/content", "text", "c")]),
        ('{"content":"\\u0040\\ud83d\\ude00\\/"}', [("/content", "text", "@😀/")]),
        ('{"content":"\\ud83d"}', [("/content", "text", "\ud83d")]),
        ('{"content":"\\\\ud83d"}', [("/content", "text", "\\ud83d")]),
        ('{"content":"x\\\\"}', [("/content", "text", "x\\")]),
        ('{"content":"x\\\\\\""}', [("/content", "text", 'x\\"')]),
        ('{"content":"a","content":"b"}', [("/content", "text", "a"), ("/content", "text", "b")]),
        ('[{"a":1,"\\u0061":2}]', [("/0/a", "name", "a"), ("/0/a", "name", "a")]),
        ('{"conten\\u0074":"a"}', [("/content", "text", "a")]),
        ('{"a/b~c":{"content":"d"}}', [("/a~1b~0c", "name", "a/b~c"), ("/a~1b~0c/content", "text", "d")]),
        ('{ "content" : "a" , "type":\n"b"\n}', [("/content", "text", "a"), ("/type", "text", "b")]),
    ],
)
def test_a_body_is_read(body: str, found: list[tuple[str, str, str]]) -> None:
    assert read(body) == found


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ('{"n":1234567}', ["1234567"]),
        ('{"n":123456}', []),
        ("4111111111111111", ["4111111111111111"]),
        ("[-4111111111111111.50]", ["-4111111111111111.50"]),
        ("[0.1234567890, 1.5e5, 12e1000000, 1.5e-10]", []),
        ("[1, 1.5e10, 2]", ["15000000000"]),
        ('{"n":4111111111111111e0}', ["4111111111111111"]),
        ("[0.5, 4.111111111111111E+15]", ["4111111111111111"]),
        ("[41111111111111110e-1, 1234567e-3]", ["4111111111111111", "1234567e-3"]),
        ("[1, 2, 3, 5555555, 4,6666666,7]", ["5555555", "6666666"]),
        ("[1, 2,\n5555555]", ["5555555"]),
        ('{"created":1716900000,"seed":123456789012,"index":1716900000}', ["1716900000"]),
        ('{"created":[1716900000]}', ["1716900000"]),
        ('{"input":[[15496,995],[128255]]}', []),
    ],
)
def test_whole_numbers_of_seven_digits_are_read_unless_they_are_times_and_counts(body: str, found: list[str]) -> None:
    assert [text for _, kind, text in read(body) if kind == "number"] == found


def test_items_behind_skipped_numbers_have_their_right_index() -> None:
    assert read('[1,2,[3],4.5,6,"a",7,8888888,"b"]') == [
        ("/5", "text", "a"),
        ("/7", "number", "8888888"),
        ("/8", "text", "b"),
    ]


@gathered(
    ("text", "found"),
    [
        ('{"content":"a"}', [("/x#/content", "a")]),
        (' [ "a" ]\n', [("/x#/0", "a")]),
        ("{}", []),
        ('{"content":"{\\"content\\":\\"a\\"}"}', [("/x#/content#/content", "a")]),
        ('{"content":"\\ud83d"}', [("/x#/content", "\ud83d")]),
        ('{"content":"a"}\n\n["b"] \r\n', [("/x#/0/content", "a"), ("/x#/1/0", "b")]),
        ('{"content":"a"}\n["\\ud83d"]', [("/x#/0/content", "a"), ("/x#/1/0", "\ud83d")]),
        ('{"content":"a"} 5\n["b"]', [("/x#/content", "a"), ("/x#", '5\n["b"]')]),
        ("[1]\n4111 1111 1111 1111\n[2]", [("/x", "[1]\n4111 1111 1111 1111\n[2]")]),
        ('{"content":"a"}["b"]', [("/x#/content", "a"), ("/x#", '["b"]')]),
        ("[link](to)", [("/x", "[link](to)")]),
        ("{not json}", [("/x", "{not json}")]),
        ('{"content":"a"', [("/x#/content", "a")]),
        ('{"content":"a\\u0040', [("/x#/content", "a@")]),
        ('{"content":"a"} trailing', [("/x#/content", "a"), ("/x#", "trailing")]),
        ('{"content":"a",}', [("/x#/content", "a"), ("/x#", "}")]),
        ('{"content":["a" "b"', [("/x#/content/0", "a"), ("/x#/content", '"b"')]),
        ('["{\\"content\\":\\"a", 1.', [("/x#/0#/content", "a"), ("/x#", "1.")]),
        ('["a\n", "b\\q"', [("/x#/0", "a\n"), ("/x#/0", "bq")]),
        ("[1, 2, three]", [("/x", "[1, 2, three]")]),
        ('"a"', [("/x", '"a"')]),
        ("123", [("/x", "123")]),
        ("\ufeff{}", []),
        (" \ufeff{}", [("/x", " \ufeff{}")]),
        ('{"content":["a",NaN,-Infinity,Infinity,"b"]}', [("/x#/content/0", "a"), ("/x#/content/4", "b")]),
        ("[NaNa]", [("/x", "[NaNa]")]),
        ("[--Infinity]", [("/x", "[--Infinity]")]),
        ("\xa0{}", [("/x", "\xa0{}")]),
    ],
)
def test_a_string_that_is_an_object_or_array_in_json_is_opened(text: str, found: list[tuple[str, str]]) -> None:
    body = json.dumps({"x": text})
    assert [(pointer, said) for pointer, kind, said in read(body) if kind == "text"] == found


def test_a_name_is_known_in_any_spelling_and_unknown_ones_are_text_inside_of_strings_too() -> None:
    body = json.dumps({"arguments": json.dumps({"alice@example.com": 1, "content": 2})})
    assert read(body) == [("/arguments#/alice@example.com", "name", "alice@example.com")]


@pytest.mark.parametrize("body", [b"", b" ", b"{", b'{"a":1,}', b"nul", b'"\xff"', b'{"a":"\xc3"}', b'"\x01"', b"[1]]"])
def test_a_body_that_is_no_json_is_the_same_error_as_everywhere(body: bytes) -> None:
    with pytest.raises(ClientError) as caught:
        Document.read(body)
    with pytest.raises(ClientError) as elsewhere:
        members(body)
    assert (caught.value.status, caught.value.code) == (elsewhere.value.status, elsewhere.value.code)
    if body != b"[1]]":
        assert caught.value.message.split()[:5] == elsewhere.value.message.split()[:5]


def test_the_nearest_member_gives_a_passage_its_name() -> None:
    document = Document.read(b'[{"tags":[["a"]],"note":"{\\"k\\":[\\"b\\"]}"},"c"]')
    assert [(p.text, p.name) for p in document.passages if p.kind == "text"] == [("a", "tags"), ("b", "k"), ("c", "")]


def test_no_text_and_no_pointer_stands_in_a_repr() -> None:
    document = Document.read(b'{"SECRET":"SECRET","url":"data:image/png;base64,AAAA","x":"{\\"SECRET\\":7777777}"}')
    shown = repr(document) + repr(document.passages) + repr(document.uninspected)
    assert len(document.uninspected) == 1
    assert not re.search("SECRET|7777777|AAAA", shown)


def nested(text: str, levels: int) -> str:
    for _ in range(levels):
        text = json.dumps([text])
    return text


@pytest.mark.parametrize(
    ("past", "at", "limit"),
    [
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "[" * MAX_DEPTH + "]" * MAX_DEPTH, "depth"),
        (nested("a", MAX_OPENED + 2), nested("a", MAX_OPENED + 1), "nesting"),
        ("[" + "null," * (MAX_VALUES - 1) + "1]", "[" + "null," * (MAX_VALUES - 2) + "1]", "values"),
    ],
    ids=["depth", "nesting", "values"],
)
def test_a_body_past_a_limit_is_refused_and_one_at_it_read(past: str, at: str, limit: str) -> None:
    Document.read(at.encode())
    with pytest.raises(TextLimitError) as caught:
        Document.read(past.encode())
    assert caught.value.limit == limit


def test_the_limit_on_values_counts_those_inside_of_strings() -> None:
    body = json.dumps([json.dumps(["a", None, None])] * 3).encode()
    Document.read(body, limit=16)
    with pytest.raises(TextLimitError):
        Document.read(body, limit=15)


@pytest.mark.parametrize(
    "text", ["[" * 10_000 + "]" * 10_000, "[" * 100_000 + "]", '{"a":' * 10_000 + "1" + "}" * 10_000]
)
def test_what_is_nested_too_deeply_to_be_checked_is_refused_in_a_body_and_in_a_string(text: str) -> None:
    for body in (text, json.dumps([text])):
        with pytest.raises(TextLimitError) as caught:
            Document.read(body.encode())
        assert caught.value.limit == "depth"
