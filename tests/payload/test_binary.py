"""What is no text, at the bounds and past them; what is a text of the API's own; edits through every way of writing."""

import base64
import json

import pytest

from extproc.payload import Document, read, read_multipart
from extproc.payload.binary import MOST_FOREIGN, PDF_WITHIN, is_binary
from extproc.payload.names import KNOWN, TOKENS, is_own
from extproc.payload.opened import TOKEN_LISTS


@pytest.mark.parametrize(
    ("text", "binary"),
    [
        ("", False),
        ("words\t\r\n\v\f", False),
        ("\x1b[31mred\x1b[0m", False),
        ("\x1b]0;title", True),
        ("a\0b", True),
        ("\x7f", True),
        ("a %PDF- b", False),
        (" " * (PDF_WITHIN - 6) + "%PDF-1", True),
        (" " * (PDF_WITHIN - 5) + "%PDF-1", False),
        ("\udcff" + "a" * (MOST_FOREIGN - 1), False),
        ("\udcff" + "a" * (MOST_FOREIGN - 2), True),
        ("\udcff\udcfe" + "a" * 100, True),
        ("\xfe\xff" + "a" * 100, True),
        ("é" * 100, False),
    ],
)
def test_a_text_is_told_from_octets_that_are_none(text: str, binary: bool) -> None:
    assert is_binary(text) is binary


def named(value: object) -> list[tuple[str, str]]:
    return [(each.pointer, each.reason) for each in Document.read(json.dumps(value).encode()).uninspected]


def test_tokens_are_named_in_as_many_lists_as_the_limit_and_in_no_more() -> None:
    value: object = 15496
    for _ in range(TOKEN_LISTS):
        value = [value]
    assert named({"prompt": value}) == [("/prompt", "tokens")]
    assert named({"prompt": [value]}) == []


def test_a_prompt_is_named_once_however_many_lists_it_has() -> None:
    assert named({"prompt": [[1], [2], [3]], "input": ["a", 1, 2, 3]}) == [("/prompt", "tokens"), ("/input", "tokens")]


@pytest.mark.parametrize(
    "value",
    [
        {"arguments": {"input": [1, 2]}},
        {"arguments": json.dumps({"tokens": [1, 2]})},
        {"content": [{"type": "tool_use", "input": {"prompt": [1, 2]}}]},
        {"messages": [{"role": "tool", "content": json.dumps({"input": [1, 2]})}]},
        {"result": {"structuredContent": {"tokens": [1]}}},
        {"mine": {"input": [1, 2]}},
        {"data": [{"embedding": [0.5, 1]}], "bytes": [1, 2]},
        {"input": [{"role": "user", "content": "x"}], "prompt": ["a"]},
    ],
)
def test_numbers_that_are_no_prompt_are_not_named(value: object) -> None:
    assert named(value) == []


def test_a_name_is_an_apis_own_up_to_a_depth() -> None:
    names = ["usage", *["message"] * 7]
    assert is_own(names)
    assert not is_own([*names, "message"])
    assert is_own(["input"])
    assert not is_own(["created", "input"])
    assert is_own(["input", 0, "body", 3, None])
    assert not is_own(["input", None, "content"])
    assert KNOWN.keys() >= TOKENS


def numbers(value: object) -> list[str]:
    return [each.text for each in Document.read(json.dumps(value).encode()).passages if each.kind == "number"]


def test_a_counter_is_one_in_the_apis_own_objects_only() -> None:
    assert (
        numbers({"created": 4111111111111111, "usage": {"total_tokens": 12345678}, "data": [{"created_at": 1}]}) == []
    )
    assert numbers({"arguments": {"created": 4111111111111111}}) == ["4111111111111111"]
    assert numbers({"tools": [{"input_schema": {"properties": {"a": {"minimum": 12345678}}}}]}) == ["12345678"]


# -- edits


def edited(document: Document, pointer: str, old: str, new: str) -> bytes:
    [index] = [index for index, each in enumerate(document.passages) if each.pointer == pointer and old in each.text]
    start = document.passages[index].text.index(old)
    [place] = document.places(index, [(start, start + len(old))])
    assert place.end > place.start
    return document.edit({index: [(start, start + len(old), new)]})


def test_a_data_url_in_percent_is_edited_in_percent() -> None:
    document = Document.read(b'["data:text/plain,%6aohn%20at%2025%25 \\u00e9", "x"]')
    assert edited(document, "/0#", "john", "[N %]") == b'["data:text/plain,[N%20%25]%20at%2025%25%20%C3%A9", "x"]'


def test_the_header_of_a_data_url_is_edited_beside_its_text() -> None:
    url = "data:text/plain;name=john;base64," + base64.b64encode(b"to eve").decode()
    document = Document.read(json.dumps([url]).encode())
    assert json.loads(edited(document, "/0", "john", "[N]")) == [url.replace("john", "[N]")]
    [value] = json.loads(edited(document, "/0#", "eve", "[N]"))
    assert value.startswith("data:text/plain;name=john;base64,")
    assert base64.b64decode(value.partition("base64,")[2]) == b"to [N]"


def test_short_base64_is_edited_where_the_shape_says_base64_and_a_word_elsewhere() -> None:
    spelt = base64.b64encode(b"to eve!").decode()
    document = Document.read(json.dumps({"blob": spelt, "url": spelt}).encode())
    assert [each.text for each in document.passages] == ["to eve!", spelt]
    assert json.loads(edited(document, "/blob#", "eve", "[N]"))["blob"] == base64.b64encode(b"to [N]!").decode()


FIELD = '--b4\r\nContent-Disposition: form-data; name="a"; filename="{}"; x=eve\r\n\r\nx\r\n--b4--'


@pytest.mark.parametrize(
    ("name", "text", "old", "after"),
    [
        ("=?utf-8?Q?j=6Fhn?=", "john", "john", "[N]"),
        ("a=?utf-8?B?am9obg?=b", "ajohnb", "john", "a[N]b"),
        ("=?utf-8?Q?j=6F?= =?latin-1?q?hn=E9?=", "johné", "ohn", "[N]"),
        ("=?utf-8?Q?a_=22=0D=0Ab?=", "a    b", "a    b", "[N]"),
    ],
)
def test_encoded_words_are_read_and_replaced_whole(name: str, text: str, old: str, after: str) -> None:
    body = FIELD.format(name).encode()
    document = read_multipart(body, "b4")
    assert f'filename="{text}"' in document.passages[0].text
    changed = edited(document, "part:a/headers", old, "[N]")
    assert changed == body.replace(f'"{name}"'.encode(), f'"{after}"'.encode())
    assert edited(document, "part:a/headers", "eve", "[E]") == body.replace(b"eve", b"[E]")


def test_what_follows_encoded_words_that_cannot_be_read_stays() -> None:
    body = FIELD.format("=?utf-16?Q?j?=").encode()
    document = read(body, "multipart/form-data; boundary=b4")
    assert [(each.pointer, each.reason) for each in document.uninspected] == [("part:a/headers", "charset")]
    assert edited(document, "part:a/headers", "eve", "[E]") == body.replace(b"eve", b"[E]")
