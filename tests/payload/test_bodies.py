import json

import pytest

from extproc.payload import Document, read
from extproc.protocol.errors import ClientError


def said(document: Document) -> list[tuple[str, str]]:
    return [(passage.pointer, passage.text) for passage in document.passages]


@pytest.mark.parametrize(
    ("content_type", "body", "found"),
    [
        ("application/json", b'{"content":"a"}', [("/content", "a")]),
        ("", b'{"content":"a"}', [("/content", "a")]),
        ("Application/Problem+JSON; charset=utf-8", b'{"content":"a"}', [("/content", "a")]),
        ("text/plain", b'{"content":"a"}', [("#/content", "a")]),
        ("text/plain; charset=latin-1", b"\xe9", [("", "é")]),
        ("application/x-ndjson", b'{"content":"a"}\n{}\n["b"]', [("#/0/content", "a"), ("#/2/0", "b")]),
        ("application/xml", b"<a/>", [("", "<a/>")]),
        ("application/x-www-form-urlencoded", b"prompt=a+b", [("part:prompt", "a b")]),
        ('multipart/form-data; boundary="x y"', b"--x y\r\n\r\na\r\n--x y--", [("part:", "a")]),
        ("application/octet-stream", b"plain words", [("", "plain words")]),
        ("application/octet-stream", b'{"content":"a"}', [("#/content", "a")]),
        ("nonsense", b"words", [("", "words")]),
        ("image/svg+xml", b"<svg/>", [("", "<svg/>")]),
    ],
)
def test_a_body_is_read_by_its_content_type(content_type: str, body: bytes, found: list[tuple[str, str]]) -> None:
    document = read(body, content_type)
    assert said(document) == found
    assert document.edit({0: [(0, 1, "x")]}) != body


@pytest.mark.parametrize(
    ("content_type", "body", "reason"),
    [
        ("image/png", b"\x89PNG\0", "image"),
        ("audio/mpeg", b"ID3\0", "audio"),
        ("video/mp4", b"\0\0", "video"),
        ("application/octet-stream", b"\0\1", "content_type"),
        ("application/grpc", b"\xff", "content_type"),
        ("text/plain; charset=utf-16", b"a\0", "charset"),
        ("image/png", b"words", "image"),
        ("image/png", json.dumps({"data": "x"}).encode(), "image"),
    ],
)
def test_a_body_that_is_no_text_is_named(content_type: str, body: bytes, reason: str) -> None:
    document = read(body, content_type)
    assert [(named.pointer, named.reason) for named in document.uninspected] == [("", reason)]
    assert document.edit({}) is body


def test_what_is_said_to_be_json_and_is_not_is_the_clients_error() -> None:
    with pytest.raises(ClientError):
        read(b"words", "application/json")
