from urllib.parse import parse_qsl, quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.payload import Document, TextLimitError, read_form
from extproc.payload.forms import may_name
from extproc.payload.names import KNOWN
from tests.gathered import gathered


def said(document: Document) -> list[tuple[str, str, str]]:
    return [(passage.pointer, passage.kind, passage.text) for passage in document.passages]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"", []),
        (b"prompt=Hello%2C+Bob", [("part:prompt", "text", "Hello, Bob")]),
        (b"a=1&&a", [("part:a", "name", "a"), ("part:a", "text", "1"), ("part:a", "name", "a")]),
        (b"=x", [("part:", "text", "x")]),
        (b"%70rompt=%C3%A9%ff", [("part:prompt", "text", "é\udcff")]),
        (b"prompt=%zz%4", [("part:prompt", "text", "%zz%4")]),
        (b"prompt=a=b", [("part:prompt", "text", "a=b")]),
        ("prompt=é".encode(), [("part:prompt", "text", "é")]),
        (b"prompt=%7B%22content%22%3A%22%5Cu0041%22%7D", [("part:prompt#/content", "text", "A")]),
    ],
)
def test_a_form_is_read(body: bytes, found: list[tuple[str, str, str]]) -> None:
    assert said(read_form(body)) == found


TEXT = st.text(max_size=8)


@given(st.lists(st.tuples(TEXT, TEXT), max_size=4), st.sampled_from([quote, quote_plus]))
def test_a_form_says_what_the_standard_library_reads_of_it(fields: list[tuple[str, str]], write: type[str]) -> None:
    body = "&".join(f"{write(name)}={write(value)}" for name, value in fields).encode()
    pairs = parse_qsl(body.decode(), keep_blank_values=True)
    want = [
        text for name, value in pairs for text in ([] if name in KNOWN or not name else [name]) + [value][: len(value)]
    ]
    plain = [passage.text for passage in read_form(body).passages if passage.text and passage.source == 0]
    opened = {value for _, value in pairs if value[:1] in {"{", "["}}
    assert plain == [text for text in want if text not in opened or text in plain]


def spelt(char: str, way: str) -> str:
    if way == "raw" and (char.isalnum() or not char.isascii()):
        return char
    if way == "plus" and char == " ":
        return "+"
    return "".join(f"%{byte:02{'X' if way == 'plus' else 'x'}}" for byte in char.encode())


@given(
    st.lists(st.tuples(st.sampled_from("a é😀&=+%\n"), st.sampled_from(["raw", "plus", "hex"])), max_size=8), st.data()
)
def test_an_edit_leaves_the_spelling_of_all_other_characters(
    characters: list[tuple[str, str]], data: st.DataObject
) -> None:
    spellings = [spelt(*character) for character in characters]
    document = read_form(f"n=1&prompt={''.join(spellings)}&x".encode())
    index = next(index for index, passage in enumerate(document.passages) if passage.pointer == "part:prompt")
    assert document.passages[index].text == "".join(char for char, _ in characters)
    start = data.draw(st.integers(0, len(spellings)))
    end = data.draw(st.integers(start, len(spellings)))
    edited = document.edit({index: [(start, end, "[é 1]")]})
    middle = "".join(spellings[:start]) + "%5B%C3%A9%201%5D" + "".join(spellings[end:])
    assert edited == f"n=1&prompt={middle}&x".encode()


def test_json_in_a_field_is_edited_through_both_spellings() -> None:
    document = read_form(b"data=%7b%22content%22:+%22\\u0061%20b%22}")
    assert said(document) == [("part:data#/content", "text", "a b")]
    assert document.edit({0: [(0, 1, '"')]}) == b"data=%7b%22content%22:+%22%5C%22%20b%22}"
    [place] = document.places(0, [(2, 3)])
    assert (place.pointer, place.start, place.end) == ("part:data", 20, 21)


def test_the_number_of_fields_is_bounded() -> None:
    read_form(b"a=1&b=2", limit=2)
    with pytest.raises(TextLimitError) as caught:
        read_form(b"a=1&b=2&c=3", limit=2)
    assert caught.value.limit == "values"


@given(st.binary(max_size=40))
def test_any_bytes_are_a_form(body: bytes) -> None:
    document = read_form(body)
    assert document.edit({}) is body
    edited = document.edit({index: [(0, 0, "x")] for index in range(len(document.passages))})
    assert len(edited) == len(body) + len(document.passages)


MULTIPART = "multipart/form-data; boundary=q"
URLENCODED = "application/x-www-form-urlencoded"


def part(disposition: str, content: str = "x") -> bytes:
    return f"--q\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{content}\r\n--q--\r\n".encode()


@gathered(
    ("body", "kind", "may"),
    [
        (b"model=m", URLENCODED, True),
        (b"a=1&MODEL=m", URLENCODED, True),
        (b"mod%65l=m", URLENCODED, True),
        (b"prompt=hello", URLENCODED, False),
        (b'{"model": "m"}', "application/json", False),
        (part('name="model"'), MULTIPART, True),
        (part("name=model"), MULTIPART, True),
        (part("\r\n\tname=Model"), MULTIPART, True),
        (part("name*=utf-8''mod%65l"), MULTIPART, True),
        (part('name="mo\\del"'), MULTIPART, True),
        (part('name="=?utf-8?q?mod?="'), MULTIPART, True),
        (part('name="model"').replace(b"Content", b"CONTENT").replace(b"\r", b""), "Multipart/Mixed", True),
        (part('name="file"; filename="a.txt"', "the model"), MULTIPART, False),
        (part('name="file"; filename="model.bin"'), MULTIPART, True),
    ],
)
def test_a_form_is_searched_for_a_field_by_whatever_reader_it_is_for(body: bytes, kind: str, may: bool) -> None:
    assert may_name(body, kind, "model") is may
