"""Parts of streams that cannot be read are named, and what is past a limit is not read."""

import json
from typing import Any

import pytest

from extproc.apis.events import UnreadableStreamError
from extproc.apis.events.leaves import MAX_DEPTH, MAX_TOKENS
from extproc.apis.streams import StreamReader
from extproc.apis.streams.sequences import sequence
from extproc.payload import read_json
from tests.apis.events.samples import choice, chunk, event
from tests.apis.streams.test_reader import SEALED, read, told
from tests.payload.shapes import PNG

UNREAD = [
    ("openai.responses", {"type": "response.image_generation_call.partial_image", "partial_image_b64": PNG}, "image"),
    ("openai.responses", {"type": "response.audio.delta", "delta": "UklG"}, "audio"),
    ("openai.responses", {"type": "x", "item": {"type": "image_generation_call", "result": PNG}}, "image"),
    ("openai.responses", {"type": "x", "item": {"type": "reasoning", "encrypted_content": SEALED}}, "encrypted"),
    ("openai.chat", {"choices": [choice({"audio": {"data": "UklG"}})]}, "audio"),
    ("openai.chat", {"choices": [choice({"images": [{"type": "image_url", "image_url": {"url": PNG}}]})]}, "image"),
    (
        "openai.chat",
        {"choices": [choice({"images": [{"image_url": {"url": f"data:image/png;base64,{PNG}"}}]})]},
        "image",
    ),
    ("openai.chat", {"choices": [choice({"content": [{"type": "file", "file": {"file_data": SEALED}}]})]}, "file"),
    (
        "openai.chat",
        {"choices": [choice({"reasoning_details": [{"type": "reasoning.encrypted", "data": SEALED}]})]},
        "encrypted",
    ),
    ("openai.chat", {"choices": [{"index": 0, "message": {"audio": {"data": "UklG"}}}]}, "audio"),
    (
        "anthropic.messages",
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": SEALED}},
        "encrypted",
    ),
    (
        "anthropic.messages",
        {"type": "content_block_start", "index": 0, "content_block": {"type": "redacted_thinking", "data": SEALED}},
        "encrypted",
    ),
    (
        "anthropic.messages",
        {"type": "content_block_start", "index": 0, "content_block": {"type": "image", "source": {"data": SEALED}}},
        "image",
    ),
    ("mcp", {"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "audio", "data": SEALED}]}}, "audio"),
    (
        "mcp",
        {"jsonrpc": "2.0", "id": 1, "result": {"contents": [{"mimeType": "application/pdf", "blob": SEALED}]}},
        "file",
    ),
]


@pytest.mark.parametrize(("dialect", "document", "reason"), UNREAD)
def test_images_sounds_files_and_sealed_parts_are_named_as_in_a_whole_body(
    dialect: str, document: dict[str, Any], reason: str
) -> None:
    assert [named for _, named in read(dialect, document).unread] == [reason]
    if not str(document.get("type")).startswith("response.audio"):  # its name says nothing to a reader of bodies
        assert [each.reason for each in read_json(json.dumps(document).encode()).uninspected] == [reason]


def test_an_image_elsewhere_is_named_and_its_address_is_read() -> None:
    one = read("openai.chat", {"choices": [choice({"images": [{"image_url": {"url": "https://example.com/a.png"}}]})]})
    assert [named for _, named in one.unread] == ["image"]
    assert [text for _, text in told(one)] == ["https://example.com/a.png"]


@pytest.mark.parametrize(
    "empty", [{"audio": {"id": "", "data": "", "transcript": ""}}, {"images": []}, {"images": None}]
)
def test_an_empty_string_hides_nothing(empty: dict[str, Any]) -> None:
    one = read("openai.chat", {"choices": [choice({"content": "4", **empty})]})
    assert one.unread == ()


def test_what_a_stream_breaks_off_is_told_and_ends_everything() -> None:
    reader = StreamReader("openai.chat")
    assert reader.feed(chunk([choice({"content": "a"})])[:-1]) == []
    (one,) = reader.close()
    assert (told(one), one.ends, one.ended) == ([("/choices/0/message/content", "a")], ((),), False)
    assert reader.close() == []


def test_an_event_at_the_limit_of_its_size_is_read_and_one_past_it_is_not() -> None:
    small, large = chunk([choice({"content": "a"})]), chunk([choice({"content": "a" * 50})])
    assert StreamReader("openai.chat", len(large)).feed(small + large)
    reader = StreamReader("openai.chat", len(large) - 1)
    with pytest.raises(UnreadableStreamError) as caught:
        reader.feed(small + large + b"data: tail")
    assert (caught.value.reason, caught.value.rest) == ("size", large + b"data: tail")
    assert [each.raw for each in caught.value.events] == [small]
    with pytest.raises(UnreadableStreamError):
        reader.feed(small)


def test_the_limit_of_size_holds_for_events_of_a_known_shape() -> None:
    small, large = chunk([choice({"content": "a"})]), chunk([choice({"content": "a" * 50})])
    reader = StreamReader("openai.chat", len(large) - 1)
    assert reader.feed(small)
    with pytest.raises(UnreadableStreamError):
        reader.feed(large)


COMPLEX = [
    ("[" * MAX_DEPTH + "1" + "]" * MAX_DEPTH, "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)),
    ("[" + "1," * (MAX_TOKENS - 3) + "1]", "[" + "1," * (MAX_TOKENS - 2) + "1]"),
    ("[]", "[" * 200_000),
]


@pytest.mark.parametrize(("fits", "does_not"), COMPLEX)
def test_an_event_at_the_limits_of_complexity_is_read_and_one_past_them_is_not(fits: str, does_not: str) -> None:
    assert read("mcp", fits).kind == "other"
    reader, small = StreamReader("mcp"), event({"a": "b"})
    with pytest.raises(UnreadableStreamError) as caught:
        reader.feed(small + event(does_not) + b"data: tail")
    assert (caught.value.reason, caught.value.rest) == ("complexity", event(does_not) + b"data: tail")
    assert [each.raw for each in caught.value.events] == [small]
    with pytest.raises(UnreadableStreamError) as again:
        reader.feed(small)
    assert again.value.rest == small
    assert reader.close() == []


def test_no_rendering_shows_what_a_stream_says() -> None:
    one = read("openai.chat", {"choices": [choice({"content": "marker77"})], "marker77@": "marker77"})
    assert "marker77" not in f"{one!r} {one.deltas!r} {[each.channel for each in one.deltas]!r}"
    with pytest.raises(UnreadableStreamError) as caught:
        StreamReader("openai.chat", 20).feed(one.raw)
    assert "marker77" not in f"{caught.value!r} {caught.value}"


@pytest.mark.parametrize("blank", [b" ", b"\t"])
def test_blanks_behind_a_document_take_no_time_of_their_own(blank: bytes) -> None:
    # A token was sought from each of them on, over all that follow: half an hour for these, and no meter stops it.
    body = b'{"choices":[]}' + blank * (1 << 20)
    (event,) = StreamReader("openai.chat").feed(b"data: " + body + b"\n\n")
    assert (event.doubt, event.deltas) == ("", ())
    chunk = b'{"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"a"}}]}'
    found = sequence(b"[" + chunk + b"," + chunk + b"]" + blank * (1 << 20))
    assert found is not None
    assert found.documents == (chunk, chunk)
