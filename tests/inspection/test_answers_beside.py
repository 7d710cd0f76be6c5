"""Strings of a streamed JSON text of which a member beside them says that they are no text."""

import json
from base64 import b64encode
from typing import Any

import pytest

from extproc.payload.json.hints import MAX_HINT, MAX_KEPT, MAX_STRINGS, MAX_TAKEN
from tests.gathered import gathered
from tests.inspection.answering import answer, run
from tests.inspection.judging import judged
from tests.inspection.test_streamed_as_whole import alike, blocking, every, masking, outcome, vault
from tests.inspection.twins import TWINS, Twin, _messages

ADDRESS = "bob@example.com"
CODED = b64encode(ADDRESS.encode()).decode()
NOISE = b64encode(bytes(range(256))).decode()
MASKED = b64encode(b"[EMAIL_1]").decode()

READ: dict[str, Any] = {
    "data and its encoding": {"encoding": "base64", "data": CODED},
    "data and its type": {"type": "base64", "media_type": "text/plain", "data": CODED},
    "capitals": {"Type": "BASE64", "Data": CODED},
    "a source": {"type": "document", "source": {"type": "base64", "media_type": "text/plain", "data": CODED}},
    "a media type": {"mimeType": "text/plain", "data": CODED},
}
"""Words in front of the string: it is read."""

NAMED: dict[str, tuple[Any, str]] = {
    "content and its encoding": ({"encoding": "base64", "content": CODED}, "binary"),
    "capitals": ({"Encoding": "Base64", "Content": CODED}, "binary"),
    "content and its encoding behind": ({"content": CODED, "encoding": "base64"}, "binary"),
    "a value and its encoding behind": ({"value": CODED, "a": {"b": ["c"]}, "contentEncoding": "base64"}, "binary"),
    "a long content": ({"content": b64encode(ADDRESS.encode() * 50).decode(), "encoding": "base64"}, "binary"),
    "a film's pictures": ({"type": "video", "video": ["https://a/1.jpg", "https://a/2.jpg"]}, "video"),
    "a film's pictures, its type behind": ({"video": ["https://a/1.jpg"], "type": "video"}, "video"),
    "names in capitals": ({"Type": "image_url", "Image_url": {"Url": "https://a/b.png"}}, "image"),
    "a picture": ({"type": "image", "signature": "x", "source": {"data": NOISE}}, "image"),
    "a picture of a thread": ({"type": "image_file", "image_file": {"file_id": "file-1"}}, "image"),
    "a document's address": ({"type": "document", "url": "https://a/b.pdf"}, "file"),
    "a document's address, its type behind": ({"url": "https://a/b.pdf", "type": "document"}, "file"),
}

BEHIND: dict[str, Any] = {
    "data and its encoding": {"data": CODED, "encoding": "base64"},
    "data and its type": {"data": CODED, "media_type": "text/plain", "type": "base64"},
    "capitals": {"Data": CODED, "Type": "BASE64"},
}
"""Words behind the string, which is out by then: it is named."""

HARMLESS: dict[str, Any] = {
    "another encoding": {"encoding": "utf-8", "content": "abcdefgh", "data": "abcd"},
    "no base64": {"encoding": "base64", "content": "not base64!", "type": "file", "name": "main"},
    "a word": {"mimeType": "text/plain", "data": "john"},
    "a word, its type behind": {"data": "john", "mimeType": "text/plain"},
    "another type": {"data": "abcdefgh", "url": "https://a/b", "type": "row"},
    "an encoding two objects away": {"encoding": "base64", "a": {"b": {"c": {"content": CODED}}}},
}


@pytest.mark.parametrize("name", ["content", "tool_calls"])
@pytest.mark.parametrize("title", READ)
def test_base64_that_is_said_to_be_such_is_read_alike(title: str, name: str) -> None:
    for behind in ("", " and words"):
        text = json.dumps(READ[title]) + behind
        for step in (1, 5000):
            said, counts, unread, blocked = alike(TWINS[name], masking(), every(text, step))
            assert said == text.replace(CODED, MASKED)
            assert (sum(counts.values()), unread, blocked) == (1, set(), None)


@gathered("name", ["content", "tool_calls"])
@gathered("title", NAMED)
def test_what_is_said_to_be_no_text_is_named_alike(title: str, name: str) -> None:
    value, reason = NAMED[title]
    for behind in ("", " and words"):
        text = json.dumps(value) + behind
        for step in (1, 5000):
            *_, blocked = alike(TWINS[name], masking(), every(text, step))
            assert blocked is not None
            said, _, unread, _ = outcome(TWINS[name], masking(), every(text, step), streamed=True, blocks=False)
            assert said == text
            assert reason in unread


@pytest.mark.parametrize("title", BEHIND)
def test_what_is_said_once_the_string_is_out_is_named(title: str) -> None:
    for step in (1, 5000):
        *_, unread, blocked = outcome(
            TWINS["tool_calls"], masking(), every(json.dumps(BEHIND[title]), step), streamed=True
        )
        assert unread == {"binary"}
        assert blocked is not None


@pytest.mark.parametrize("title", HARMLESS)
def test_other_words_beside_a_string_change_nothing(title: str) -> None:
    text = json.dumps(HARMLESS[title])
    for step in (1, 5000):
        assert alike(TWINS["tool_calls"], masking(), every(text, step)) == (text, {}, set(), None)


@gathered("title", [*READ, *NAMED])
def test_the_input_of_a_tool_is_judged_alike(title: str) -> None:
    value = READ[title] if title in READ else NAMED[title][0]
    whole, stream = _input(value)
    verdict = judged(blocking(), whole, vault(), restores=True, blocks_unread=True, name="pipeline")
    for step in (1, 5000):
        one = answer(blocking(), "anthropic.messages", vault())
        out = run(one, stream.stream(every(json.dumps(value), step)))
        assert one.blocked == verdict.blocked
        if verdict.blocked is None:
            assert json.loads(stream.of_stream(out)) == json.loads(verdict.body)["content"][0]["input"]


def _input(value: Any) -> tuple[bytes, Twin]:
    block = {"type": "tool_use", "id": "t", "name": "look"}
    whole = {"id": "m", "type": "message", "role": "assistant", "content": [{**block, "input": value}]}
    return json.dumps(whole).encode(), _messages(block, "input_json_delta", "partial_json", "input")


def _unread(value: str) -> set[str]:
    return set(outcome(TWINS["tool_calls"], masking(), every(value, 50), streamed=True, blocks=False)[2])


def test_a_string_is_kept_up_to_a_length_and_told_by_its_beginning_beyond() -> None:
    for size in (MAX_KEPT - 4, MAX_KEPT, MAX_KEPT + 4):
        text = b64encode(b"a" * (size // 4 * 3)).decode()
        assert len(text) == size
        assert _unread(json.dumps({"content": text, "encoding": "base64"})) == {"binary"}
        assert _unread(json.dumps({"content": text[:-3] + "...", "encoding": "base64"})) == (
            {"binary"} if size > MAX_KEPT else set()
        )


@pytest.mark.parametrize(("blanks", "unread"), [(0, "binary"), (1, "complexity")])
def test_a_string_with_more_blanks_than_are_skipped_cannot_be_told(blanks: int, unread: str) -> None:
    text = b64encode(b"a" * MAX_KEPT).decode()
    half = MAX_KEPT // 2
    spread = text[:half] + " " * (MAX_TAKEN - MAX_KEPT + blanks) + text[half:]
    assert _unread(json.dumps({"content": spread, "encoding": "base64"})) == {unread}
    assert not _unread(json.dumps({"content": spread, "encoding": "utf-8"}))


def test_a_word_about_a_string_counts_up_to_a_length() -> None:
    media = "text/plain;x=" + "y" * MAX_HINT
    assert _unread(json.dumps({"data": CODED, "media_type": media})) == {"binary"}
    assert _unread(json.dumps({"data": CODED, "media_type": "base64"[:2] + "x" * MAX_HINT})) == {"binary"}
    assert not _unread(json.dumps({"data": CODED, "type": "x" * MAX_HINT + "base64"}))


@pytest.mark.parametrize(("count", "unread"), [(MAX_STRINGS, {"image"}), (MAX_STRINGS + 1, {"image", "complexity"})])
def test_strings_of_an_object_are_kept_up_to_a_number(count: int, unread: set[str]) -> None:
    urls = ["https://a/b.png"] * count
    assert _unread(json.dumps({"image_url": urls, "type": "image"})) == unread
    assert not _unread(json.dumps({"data": ["a row of a table"] * count, "type": "table"}))
    assert not _unread(json.dumps({"a": {"b": {"data": ["a row of a table"] * count}}, "mimeType": "text/plain"}))
    rows = [{"data": "a row of a table"}] * count
    assert not _unread(json.dumps({"rows": rows, "mimeType": "text/plain"}))
    inner = {**{f"x{number}": {"url": "https://a/b.png"} for number in range(count)}, "type": "image"}
    assert _unread(json.dumps(inner)) == unread


def test_a_word_that_is_said_again_says_no_more() -> None:
    words = ",".join(['"type":"base64"', '"type":"x"', '"mimeType":"text/plain"'] * 1000)
    assert not _unread(f'{{{words},"data":"{CODED}"}}')
    assert _unread(f'{{"data":"{CODED}",{words}}}') == {"binary"}
    assert _unread(f'{{{words},"mimeType":"image/png","data":"{CODED}"}}') == {"image"}
