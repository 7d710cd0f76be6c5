import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.payload import Document, TextLimitError, read_multipart
from extproc.payload.fieldvalue import parse
from tests.payload.shapes import PDF, PNG, WAV

FORM = (
    "--b4\r\n"
    'Content-Disposition: form-data; name="prompt"\r\n\r\nPaint é a cat\r\n'
    "--b4\r\n"
    'Content-Disposition: form-data; name="file"; filename="alice.jsonl"\r\n'
    'Content-Type: application/octet-stream\r\n\r\n{"content": "\\u0061lice"}\r\n'
    "--b4\r\n"
    "content-disposition: form-data; name=\"notes\"; filename*=UTF-8''al%69ce%20%e2%82%ac.txt\r\n"
    "content-type: text/plain; charset=ISO-8859-1\r\n\r\nGr\xfc\xdfe\r\n"
    "--b4--\r\n"
).replace("é", "é".encode().decode("latin-1"))

FILE = 'Content-Disposition: form-data; name="f"; filename="a"'


def part(headers: str, content: bytes) -> bytes:
    return b"--b4\r\n" + headers.encode() + b"\r\n\r\n" + content + b"\r\n"


def read(*parts: bytes) -> Document:
    return read_multipart(b"".join(parts) + b"--b4--", "b4")


def said(document: Document) -> list[tuple[str, str]]:
    return [
        (passage.pointer, passage.text) for passage in document.passages if not passage.pointer.endswith("/headers")
    ]


def named(document: Document) -> list[tuple[str, str]]:
    return [(uninspected.pointer, uninspected.reason) for uninspected in document.uninspected]


def test_fields_files_and_their_names_are_read() -> None:
    document = read_multipart(FORM.encode("latin-1"), "b4")
    assert said(document) == [
        ("part:prompt", "Paint é a cat"),
        ("part:file#/content", "alice"),
        ("part:notes/filename", "alice €.txt"),
        ("part:notes", "Grüße"),
    ]
    headers = [passage.text for passage in document.passages if passage.pointer == "part:file/headers"]
    assert headers == [
        'Content-Disposition: form-data; name="file"; filename="alice.jsonl"\r\nContent-Type: application/octet-stream'
    ]
    assert not document.uninspected


@pytest.mark.parametrize(
    ("pointer", "edit", "old", "new"),
    [
        ("part:prompt", (6, 7, "—"), "Paint \xc3\xa9", "Paint \xe2\x80\x94"),
        ("part:file#/content", (0, 1, '"'), "\\u0061lice", '\\"lice'),
        ("part:notes/filename", (0, 5, "ünd"), "al%69ce%20", "%C3%BCnd%20"),
        ("part:notes", (2, 3, "ü"), "Gr\xfc", "Gr\xfc"),
        ("part:notes", (2, 3, "€"), "Gr\xfc", "Gr?"),
        ("part:file/headers", (55, 60, 'a"\r\né'), "alice.jsonl", "a%22%0D%0A\xc3\xa9.jsonl"),
    ],
)
def test_an_edit_is_written_as_its_part_is_and_leaves_the_rest(
    pointer: str, edit: tuple[int, int, str], old: str, new: str
) -> None:
    document = read_multipart(FORM.encode("latin-1"), "b4")
    [index] = [index for index, passage in enumerate(document.passages) if passage.pointer == pointer]
    assert document.edit({index: [edit]}) == FORM.replace(old, new, 1).encode("latin-1")


@pytest.mark.parametrize(
    ("headers", "content", "found"),
    [
        (FILE + "\r\nContent-Type: image/png", base64.b64decode(PNG), "image"),
        (FILE + "\r\nContent-Type: audio/wav", base64.b64decode(WAV), "audio"),
        (FILE, base64.b64decode(PDF), "file"),
        ('Content-Disposition: form-data; name="f"\r\nContent-Type: text/plain; charset=utf-16', b"a\0", "charset"),
    ],
)  # fmt: skip
def test_what_is_no_text_is_named(headers: str, content: bytes, found: str) -> None:
    document = read(part(headers, content))
    assert named(document) == [("part:f", found)]
    assert said(document) == []


def test_an_image_that_is_text_is_read_and_named() -> None:
    document = read(
        part('Content-Disposition: form-data; name="f"\r\nContent-Type: image/svg+xml', b"<svg>alice</svg>")
    )
    assert named(document) == [("part:f", "image")]
    assert said(document) == [("part:f", "<svg>alice</svg>")]


def test_a_transfer_encoding_is_named_and_its_bytes_are_read() -> None:
    headers = 'Content-Disposition: form-data; name="f"\r\nContent-Transfer-Encoding: base64'
    document = read(part(headers, b"YWxpY2U="))
    assert named(document) == [("part:f", "encoding")]
    assert said(document) == [("part:f", "YWxpY2U=")]


def test_base64_in_a_field_for_it_is_read_or_named() -> None:
    headers = 'Content-Disposition: form-data; name="image_url"'
    assert named(read(part(headers, f"data:image/png;base64,{PNG}".encode()))) == [("part:image_url", "image")]
    text = base64.b64encode(b"alice lives here").decode()
    assert said(read(part(headers, f"data:text/plain;base64,{text}".encode()))) == [
        ("part:image_url#", "alice lives here")
    ]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"", []),
        (b"no boundary", [("preamble", "no boundary")]),
        (
            b"before\r\n--b4\r\n\r\nx\r\n--b4--\r\nafter",
            [("preamble", "before"), ("part:", "x"), ("epilogue", "after")],
        ),
        (b"--b4\n\nx\n--b4--", [("part:", "x")]),
        (b"--b4 \t\r\n\r\n--b4\r\n--b4--", [("part:", ""), ("part:", "")]),
        (b"--b4\r\n\r\nno end", [("part:", "no end")]),
        (b"--b4\r\nonly: fields\r\n--b4--", [("part:", "")]),
        (b"--b4\r\n\r\na --b4 \r\n--b44\r\nb\r\n--b4--", [("part:", "a --b4 \r\n--b44\r\nb")]),
        (b"--b4--\r\n--b4\r\n\r\nhidden", [("epilogue", "--b4\r\n\r\nhidden")]),
    ],
)
def test_odd_and_broken_bodies_are_read_to_the_last_byte(body: bytes, found: list[tuple[str, str]]) -> None:
    assert said(read_multipart(body, "b4")) == found


def test_a_body_without_a_boundary_is_all_preamble() -> None:
    assert said(read_multipart(b"--\r\n\r\nx", "")) == [("preamble", "--\r\n\r\nx")]


CONTENT = st.text(st.sampled_from('aé😀-b4\r\n "{}'), max_size=12)
EOL = st.sampled_from(["\r\n", "\n"])


@given(st.lists(st.tuples(CONTENT, st.booleans()), max_size=3), EOL, st.data())
def test_the_parts_of_any_form_are_read_and_edited_alone(
    parts: list[tuple[str, bool]], eol: str, data: st.DataObject
) -> None:
    boundary = "xyz.1"
    texts, body = list[str](), ""
    for number, (content, typed) in enumerate(parts):
        text = content.rstrip("\r\n") + "!"
        texts.append(text)
        kind = f"{eol}Content-Type: text/plain" if typed else ""
        body += f'--{boundary}{eol}Content-Disposition: form-data; name="prompt"{kind}{eol}{eol}{text}{eol}'
        assert number < 3
    whole = (body + f"--{boundary}--{eol}").encode()
    document = read_multipart(whole, boundary)
    assert [text for pointer, text in said(document) if pointer == "part:prompt"] == texts
    if not texts:
        return
    chosen = data.draw(st.integers(0, len(texts) - 1))
    index = [index for index, passage in enumerate(document.passages) if passage.pointer == "part:prompt"][chosen]
    start = data.draw(st.integers(0, len(texts[chosen])))
    passage = document.passages[index]
    edited = document.edit({index: [(start, len(texts[chosen]), "[ü]")]})
    head = whole[: passage.start] + texts[chosen][:start].encode()
    assert edited == head + "[ü]".encode() + whole[passage.end :]


@given(
    st.binary(max_size=20),
    st.lists(st.sampled_from([b"\r\n--b4", b"--b4\r\n", b"--", b"\r\n\r\n", b"\n", b"x: y"]), max_size=9),
)
def test_any_bytes_are_read_and_no_word_between_delimiters_is_left_out(noise: bytes, pieces: list[bytes]) -> None:
    body = noise.join(pieces)
    document = read_multipart(body, "b4")
    assert document.edit({}) is body
    left = bytearray(body)
    for passage in document.passages:
        if passage.source < 4:
            left[passage.start : passage.end] = b" " * (passage.end - passage.start)
    assert not bytes(left).replace(b"--b4", b"").strip(b" \t\r\n-")


def test_the_number_of_parts_is_bounded() -> None:
    body = part("a: b", b"x") * 2 + b"--b4--"
    read_multipart(body, "b4", limit=4)
    with pytest.raises(TextLimitError):
        read_multipart(body, "b4", limit=3)


def test_json_in_parts_counts_with_them() -> None:
    headers = 'Content-Disposition: form-data; name="metadata"'
    body = part(headers, json.dumps([None] * 5).encode()) + b"--b4--"
    read_multipart(body, "b4", limit=9)
    with pytest.raises(TextLimitError):
        read_multipart(body, "b4", limit=8)


@pytest.mark.parametrize(
    ("field", "value", "parameters"),
    [
        ("", "", {}),
        ("Text/Plain", "text/plain", {}),
        ("a/b;Boundary=x", "a/b", {"boundary": "x"}),
        ('a/b ; boundary = "x;\\"y" ; c=d', "a/b", {"boundary": 'x;"y', "c": "d"}),
        ("a/b;x=1;x=2", "a/b", {"x": "1"}),
        ("a/b;;=;x", "a/b", {}),
    ],
)
def test_a_field_is_a_value_with_parameters(field: str, value: str, parameters: dict[str, str]) -> None:
    found = parse(field)
    assert (found.value, found.parameters) == (value, parameters)
