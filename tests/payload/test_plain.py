import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.payload import Document, read_plain

MARKED = "an address: alice@example.com."
START, END = MARKED.index("alice"), len(MARKED) - 1


def said(document: Document) -> list[tuple[str, str]]:
    return [(passage.pointer, passage.text) for passage in document.passages]


@pytest.mark.parametrize("charset", ["", "utf-8", "UTF8", "us-ascii", "latin-1", "ISO-8859-1", "windows-1252"])
def test_a_text_is_one_passage_and_edits_leave_the_rest(charset: str) -> None:
    wide = "é" if "1" in charset else "é😀"
    body = (wide + MARKED).encode("latin-1" if "1" in charset else "utf-8")
    document = read_plain(body, charset)
    assert said(document) == [("", wide + MARKED)]
    edited = document.edit({0: [(len(wide) + START, len(wide) + END, "[é]")]})
    assert edited == body.replace(b"alice@example.com", "[é]".encode("latin-1" if "1" in charset else "utf-8"))


def test_bytes_that_are_not_in_the_charset_go_on_as_they_came() -> None:
    body = b"\xff\xfe alice \xc3"
    document = read_plain(body)
    assert document.edit({0: [(3, 8, "bob")]}) == b"\xff\xfe bob \xc3"


def test_what_the_charset_cannot_write_becomes_a_question_mark() -> None:
    assert read_plain(b"a\xe9", "latin-1").edit({0: [(0, 1, "—")]}) == b"?\xe9"
    assert read_plain(b"a").edit({0: [(0, 1, "\ud800")]}) == b"?"


def test_an_unknown_charset_is_named() -> None:
    document = read_plain(b"abc", "utf-16")
    assert not document.passages
    assert [(named.pointer, named.reason) for named in document.uninspected] == [("", "charset")]
    assert document.edit({}) is document.body


@pytest.mark.parametrize("charset", ["utf-8", "latin-1"])
def test_a_text_that_is_json_is_opened(charset: str) -> None:
    body = ' {"content": "\\u0061lice", "ké": 1}'.encode(charset)
    document = read_plain(body, charset)
    assert said(document) == [("#/content", "alice"), ("#/ké", "ké")]
    assert document.edit({0: [(0, 5, "é")]}) == ' {"content": "é", "ké": 1}'.encode(charset)


@given(st.binary(max_size=40), st.sampled_from(["", "latin-1"]), st.data())
def test_any_bytes_are_text_and_stay_outside_of_an_edit(body: bytes, charset: str, data: st.DataObject) -> None:
    document = read_plain(body, charset)
    assert document.edit({}) is body
    if [pointer for pointer, _ in said(document)] != [""]:
        return
    text = document.passages[0].text
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    codec = charset or "utf-8"
    head, tail = (part.encode(codec, "surrogateescape") for part in (text[:start], text[end:]))
    assert document.edit({0: [(start, end, "[x]")]}) == head + b"[x]" + tail
