"""What is named as not inspected, and what is read although it is carried in base64."""

import base64
import json

import pytest

from extproc.payload import Document
from extproc.payload.base64 import SHORTEST, SHORTEST_SIGNED
from tests.gathered import gathered
from tests.payload.shapes import PDF, PNG, SHAPES, WAV, plain

NOTE = "Dear Alice, the meeting is at noon — your card 4111 1111 1111 1111 stays with Bob."
NOTE64 = base64.b64encode(NOTE.encode()).decode()
NOISE64 = base64.b64encode(bytes(range(256))).decode()

NAMED = {
    "chat": [
        ("/messages/2/content/1/image_url/url", "image"),
        ("/messages/2/content/2/image_url/url", "image"),
        ("/messages/2/content/3/input_audio/data", "audio"),
        ("/messages/2/content/4/file/file_data", "file"),
        ("/messages/2/content/5/file/file_id", "file"),
    ],
    "completion_tokens": [("/prompt", "tokens")],
    "chat_answer": [("/choices/0/message/audio/data", "audio")],
    "responses": [
        ("/input/1/content/1/image_url", "image"),
        ("/input/1/content/2/file_id", "image"),
        ("/input/1/content/3/file_data", "file"),
        ("/input/1/content/4/file_url", "file"),
        ("/input/5/output/image_url", "image"),
    ],
    "responses_answer": [("/output/2/result", "image")],
    "anthropic": [
        ("/messages/1/content/1/source/data", "image"),
        ("/messages/1/content/2/source/url", "image"),
        ("/messages/1/content/3/source/data", "file"),
        ("/messages/1/content/5/source/file_id", "file"),
        ("/messages/3/content/1/content/1/source/data", "image"),
    ],
    "mcp_result": [
        ("/result/content/1/data", "image"),
        ("/result/content/2/data", "audio"),
        ("/result/content/5/resource/blob", "file"),
    ],
}


def read(value: object) -> Document:
    return Document.read(json.dumps(value).encode())


def named(value: object) -> list[tuple[str, str]]:
    return [(uninspected.pointer, uninspected.reason) for uninspected in read(value).uninspected]


@gathered("name", SHAPES)
def test_images_sounds_and_files_are_named_where_the_apis_put_them(name: str) -> None:
    assert named(plain(SHAPES[name])) == NAMED.get(name, [])


@gathered(
    ("value", "found"),
    [
        ({"url": "data:image/png;base64,AAAA"}, [("/url", "image")]),
        ({"note": "data:audio/wav;base64," + WAV}, [("/note", "audio")]),
        ({"note": "data:video/mp4;base64,AAAA"}, [("/note", "video")]),
        (["data:application/pdf;base64," + PDF], [("/0", "file")]),
        ({"note": "data:IMAGE/PNG;Base64,AAAA"}, [("/note", "image")]),
        ({"note": "data:image/png;name=a;base64,AAAA"}, [("/note", "image")]),
        ({"note": "data: we have none"}, []),
        ({"data": PNG}, [("/data", "image")]),
        ({"data": NOISE64}, [("/data", "binary")]),
        ({"content": NOISE64}, []),
        ({"data": PNG, "type": "image"}, [("/data", "image")]),
        ({"data": NOISE64, "mimeType": "audio/ogg"}, [("/data", "audio")]),
        ({"mimeType": "application/zip", "blob": NOISE64}, [("/blob", "file")]),
        ({"type": "image", "data": "short=="}, [("/data", "image")]),
        ({"type": "url_citation", "url": "https://example.com"}, []),
        ({"type": "file_citation", "file_id": "file-1"}, []),
        ({"embedding": NOISE64}, []),
        ({"data": {"url": "https://example.com"}}, []),
        ({"type": "redacted_thinking", "data": NOISE64}, [("/data", "encrypted")]),
        ({"type": "thinking", "signature": NOISE64}, [("/signature", "encrypted")]),
        ({"type": "reasoning", "encrypted_content": NOISE64.replace("+", "-")}, [("/encrypted_content", "encrypted")]),
        ({"type": "reasoning.encrypted", "data": NOISE64, "format": "openai-responses-v1"}, [("/data", "encrypted")]),
        (
            {"extra_content": {"google": {"thought_signature": NOISE64}}},
            [("/extra_content/google/thought_signature", "encrypted")],
        ),
        ({"functionCall": {}, "thoughtSignature": NOISE64}, [("/thoughtSignature", "encrypted")]),
        (
            {"candidates": [{"content": {"parts": [{"text": "", "thoughtSignature": NOISE64}]}}]},
            [("/candidates/0/content/parts/0/thoughtSignature", "encrypted")],
        ),
        (
            {"request": {"contents": [{"parts": [{"functionCall": {}, "thoughtSignature": NOISE64}]}]}},
            [("/request/contents/0/parts/0/thoughtSignature", "encrypted")],
        ),
        (
            {"candidates": [{"content": {"parts": [{"functionCall": {"args": {"thoughtSignature": NOISE64}}}]}}]},
            [("/candidates/0/content/parts/0/functionCall/args/thoughtSignature", "binary")],
        ),
        (
            {"delta": {"thinking_blocks": [{"type": "thinking", "thinking": "", "signature": NOISE64}]}},
            [("/delta/thinking_blocks/0/signature", "encrypted")],
        ),
        (
            {"delta": {"content_blocks": [{"index": 0, "delta": {"signature": NOISE64}}]}},
            [("/delta/content_blocks/0/delta/signature", "encrypted")],
        ),
        ({"audio": {"id": "", "data": "", "transcript": ""}}, []),
        ({"type": "image", "data": "", "url": "", "image_url": {"url": ""}}, []),
        ({"type": "file", "file_id": "", "file_url": ""}, []),
        ({"type": "x", "mimeType": "image/png", "type ": "y", "data": NOISE64}, [("/data", "image")]),
    ],
)
def test_what_a_string_carries_is_named_by_what_it_says_and_what_stands_around_it(
    value: object, found: list[tuple[str, str]]
) -> None:
    assert named(value) == found


def texts(value: object) -> list[tuple[str, str]]:
    return [(passage.pointer, passage.text) for passage in read(value).passages if passage.kind == "text"]


@pytest.mark.parametrize("spelt", [NOTE64, NOTE64.rstrip("="), NOTE64[:40] + "\n" + NOTE64[40:]])
def test_text_in_base64_is_read_and_edited_in_base64(spelt: str) -> None:
    for prefix in ("data:text/plain;base64,", "data:;base64,", "data:text/csv;charset=utf-8;base64,", ""):
        document = read({"file_data": prefix + spelt, "content": "x"})
        passage = document.passages[0]
        assert (passage.pointer, passage.text) == ("/file_data#", NOTE)
        assert not document.uninspected
        start = NOTE.index("4111")
        edited = document.edit({0: [(start, start + 19, "[CARD_1]")]})
        value = json.loads(edited)["file_data"]
        assert value.startswith(prefix)
        assert base64.b64decode(value[len(prefix) :]).decode() == NOTE.replace("4111 1111 1111 1111", "[CARD_1]")
        assert edited.endswith(b', "content": "x"}')
        [place] = document.places(0, [(start, start + 19)])
        assert (place.pointer, place.start, place.end) == ("/file_data", len(prefix), len(prefix + spelt))


def test_json_in_base64_is_opened_and_edited() -> None:
    text = json.dumps({"content": "alice", "x": [12345678]})
    document = read(["data:application/json;base64," + base64.b64encode(text.encode()).decode()])
    assert [passage.pointer for passage in document.passages] == ["/0##/content", "/0##/x", "/0##/x/0"]
    [value] = json.loads(document.edit({0: [(0, 5, "b")], 2: [(0, 8, "c")]}))
    assert base64.b64decode(value.partition(",")[2]).decode() == '{"content": "b", "x": [0]}'


def test_an_image_that_is_written_as_text_is_read_and_named() -> None:
    svg = "<svg><text>alice@example.com</text></svg>"
    value = {"image_url": "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()}
    assert texts(value) == [("/image_url#", svg)]
    assert named(value) == [("/image_url", "image")]


def test_what_carries_nothing_stays_text_and_so_does_what_points_elsewhere() -> None:
    value = {
        "data": "plain words, no base64",
        "url": "https://example.com",
        "image_url": "https://example.com/a.png",
        "result": '{"content":"a"}',
    }
    assert texts(value) == [
        ("/data", "plain words, no base64"),
        ("/url", "https://example.com"),
        ("/image_url", "https://example.com/a.png"),
        ("/result#/content", "a"),
    ]


def test_base64_is_told_from_a_word_by_its_length_or_its_first_bytes() -> None:
    assert texts({"data": "A" * (SHORTEST - 1)})
    assert named({"data": "A" * SHORTEST}) == [("/data", "binary")]
    assert texts({"data": PNG[: SHORTEST_SIGNED - 1]})
    assert named({"data": PNG[:SHORTEST_SIGNED]}) == [("/data", "image")]


def test_words_behind_base64_are_read() -> None:
    value = {"data": PNG + " and alice@example.com"}
    assert texts(value) == [("/data", PNG + " and alice@example.com")]


@pytest.mark.parametrize("payload", [b"RIFF\0\0\0\0WEBPVP8 ", b"RIFF\0\0\0\0AVI LIST", b"RIFF\0\0\0\0????????"])
def test_containers_are_told_by_what_is_in_them(payload: bytes) -> None:
    reason = {b"WEBP": "image", b"AVI ": "video"}.get(payload[8:12], "binary")
    assert named({"data": base64.b64encode(payload).decode()}) == [("/data", reason)]


def test_a_film_is_told_by_its_first_box() -> None:
    assert named({"data": base64.b64encode(b"\0\0\0\x18ftypmp42\0\0\0\0").decode()}) == [("/data", "video")]
