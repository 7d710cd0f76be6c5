import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.apis.events import Channel, StreamEvent, StreamReader, rewrite
from tests.apis.events.client import documents
from tests.apis.events.samples import STREAMS, choice, chunk, event

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
TEXTS = st.text(max_size=9).map("a {}".format) | st.just("")
"""New texts: none of them looks like a word of an API."""

DIALECTS = ["openai.chat", "openai.responses", "anthropic.messages", "mcp"]
CONTENT = Channel(("choices", 0, "message", "content"))


def read(dialect: str, raw: bytes) -> StreamEvent:
    (one,) = StreamReader(dialect).feed(raw)
    return one


def strings(value: object) -> list[str]:
    """Every string in a document that is a value."""
    match value:
        case str():
            return [value]
        case list():
            return [each for item in value for each in strings(item)]
        case dict():
            return [each for item in value.values() for each in strings(item)]
    return []


@given(st.sampled_from(sorted(STREAMS)), st.lists(st.text(max_size=9), min_size=1, max_size=3))
def test_the_same_texts_give_the_very_bytes(name: str, pieces: list[str]) -> None:
    dialect, make = STREAMS[name]
    for raw in make(pieces):
        one = read(dialect, raw)
        assert rewrite(one, {}) is raw
        assert rewrite(one, {each.channel: each.text for each in one.deltas}) == raw


@given(st.sampled_from(sorted(STREAMS)), st.lists(st.text(max_size=9), min_size=1, max_size=3), TEXTS)
def test_a_rewritten_event_has_the_new_texts_and_is_else_the_same(name: str, pieces: list[str], new: str) -> None:
    dialect, make = STREAMS[name]
    for raw in make(pieces):
        one = read(dialect, raw)
        again = read(dialect, rewrite(one, {each.channel: new for each in one.deltas}))
        whole = [each for each in again.deltas if each.text or not each.channel.whole]
        assert [(each.channel, each.text) for each in whole] == [
            (each.channel, new) for each in one.deltas if new or not each.channel.whole
        ]
        assert (again.kind, again.ends, again.opens, again.keeps) == (
            one.kind,
            one.ends,
            one.opens,
            one.keeps,
        ) or not new
        assert without(again) == without(one)


def without(one: StreamEvent) -> bytes:
    """The event's bytes without its strings: texts, and what is empty now and so no longer told."""
    return re.sub(rb'"(?:[^"\\]|\\.)*"', b"", one.raw)


@given(st.sampled_from(DIALECTS), JSON, st.booleans())
def test_every_string_of_any_document_is_told_and_can_be_replaced(dialect: str, value: Any, typed: bool) -> None:
    document = {"type": "response.x.delta", "delta": value} if typed else {"choices": [{"delta": value}]}
    one = read(dialect, event(document))
    told = [each.text for each in one.deltas]
    for text in strings(value):
        # A word that stands where a dialect has words of its own may pass; a text with a blank in it never.
        assert not text or text in told or re.fullmatch(r"[!-~]{0,256}", text)
    (after,) = documents(rewrite(one, {each.channel: "" for each in one.deltas}))
    assert not any(" " in text for text in strings(after))


MARKED = "a marked text"


@pytest.mark.parametrize("name", sorted(STREAMS))
def test_a_text_planted_in_any_string_of_a_real_event_is_told(name: str) -> None:
    dialect, make = STREAMS[name]
    for raw in make(["Hello", " you"]):
        for found in re.finditer(rb'"(?:[^"\\]|\\.)*"(\s*:)?', raw):
            if found[1]:
                continue
            planted = raw[: found.start()] + json.dumps(MARKED).encode() + raw[found.end() :]
            assert MARKED in [each.text for each in read(dialect, planted).deltas], planted


def test_only_the_string_is_replaced_whatever_stands_around_it() -> None:
    raw = b': c\r\nid:1\r\ndata: {"n":12345678901234567890, "choices":[{"delta":\r\n'
    raw += b'data:{"content" : "a\\u0041"},"e":1e400}]}\r\n\r\n'
    assert rewrite(read("openai.chat", raw), {CONTENT: 'x"\r\n\\é'}) == raw.replace(
        b'"a\\u0041"', '"x\\"\\r\\n\\\\é"'.encode()
    )


def test_a_long_number_is_replaced_by_another_number() -> None:
    raw = b'data: {"result":{"card" : 4012888888881881 ,"e":[1,-12345678.5e3]}}\n\n'
    one = read("mcp", raw)
    first, second = (each.channel for each in one.deltas)
    assert rewrite(one, {first: "4012888888881881"}) is raw
    assert rewrite(one, {first: "[CARD]"}) == raw.replace(b"4012888888881881", b"0")
    assert rewrite(one, {first: 'a "b"', second: "c"}) == (
        raw.replace(b"4012888888881881", b"0").replace(b"-12345678.5e3", b"0")
    )


def test_half_a_character_in_a_new_text_stays_one() -> None:
    raw = chunk([choice({"content": "a"})])
    assert rb'"content": "\ud83d"' in rewrite(read("openai.chat", raw), {CONTENT: "\ud83d"})


def test_the_first_of_several_pieces_on_one_channel_gets_its_whole_text() -> None:
    raw = chunk([choice({"content": "ab"}), choice({"content": "cd"})])
    one = read("openai.chat", raw)
    assert rewrite(one, {CONTENT: "abcd"}) == raw
    assert rewrite(one, {CONTENT: "abc"}) == raw.replace(b'"ab"', b'"abc"').replace(b'"cd"', b'""')


def test_lines_that_are_not_json_are_replaced_as_they_are_and_stay_lines() -> None:
    raw = b"data: my card\ndata:no \xff\n\n"
    one = read("openai.chat", raw)
    first, second = one.deltas
    assert rewrite(one, {first.channel: "a\r\nb", second.channel: second.text}) == b"data: a b\ndata:no \xff\n\n"


def token(text: str, *others: str) -> dict[str, Any]:
    alternatives = [{"token": each, "bytes": list(each.encode()), "logprob": -2.5} for each in others]
    return {"token": text, "bytes": list(text.encode()), "logprob": -0.5, "top_logprobs": alternatives}


def probable(*tokens: dict[str, Any], content: str = "Hi you") -> StreamEvent:
    return read("openai.chat", chunk([choice({"content": content}, logprobs={"content": tokens, "refusal": None})]))


def test_log_probabilities_leave_with_a_text_that_is_not_changed() -> None:
    one = probable(token("Hi"), token(" you"))
    assert [each.text for each in one.deltas] == ["Hi you"]
    assert rewrite(one, {CONTENT: "Hi you"}) == one.raw


def test_log_probabilities_are_taken_away_from_a_text_that_is_changed() -> None:
    one = probable(token("Hi"), token(" you", " Bob"))
    (after,) = documents(rewrite(one, {CONTENT: "Hi"}))
    assert after["choices"][0]["logprobs"] is None
    assert after["choices"][0]["delta"] == {"content": "Hi"}


def test_alternatives_to_the_tokens_are_told_and_taken_away_when_changed() -> None:
    one = probable(token("Hi", "Yo", "bob@x.com"), token(" you"))
    assert [(each.text, each.form) for each in one.deltas] == [("Hi you", "string"), ("Yo\nbob@x.com", "tokens")]
    (after,) = documents(rewrite(one, {one.deltas[1].channel: "Yo\n[EMAIL]"}))
    assert (after["choices"][0]["logprobs"], after["choices"][0]["delta"]["content"]) == (None, "Hi you")


def test_log_probabilities_that_spell_another_text_are_a_text_of_their_own() -> None:
    one = probable(token("bob"), token("@x"))
    assert [(each.text, each.form, each.channel.whole) for each in one.deltas] == [
        ("Hi you", "string", False),
        ("bob@x", "tokens", False),
    ]
    assert rewrite(one, {each.channel: each.text for each in one.deltas}) == one.raw
    assert b"@x" not in rewrite(one, {one.deltas[1].channel: "bob"})


def test_log_probabilities_of_the_responses_api_become_an_empty_list() -> None:
    item = {"id": "m", "content": [{"type": "output_text", "text": "Hi", "logprobs": [token("Hi")]}]}
    for document in (
        {"type": "response.output_text.delta", "delta": "Hi", "logprobs": [token("Hi")]},
        {"type": "response.output_text.done", "text": "Hi", "logprobs": [token("Hi")]},
        {"type": "response.completed", "response": {"output": [item]}},
    ):
        one = read("openai.responses", event(document))
        assert [each.text for each in one.deltas] == ["Hi"]
        assert '"logprobs": []' in rewrite(one, {one.deltas[0].channel: "[M]"}).decode()


def test_log_probabilities_of_completions_are_read_too() -> None:
    known = {
        "tokens": ["Hi", " you"],
        "token_logprobs": [-1, -1],
        "top_logprobs": [{"bob@x.com": -1}],
        "text_offset": [0, 2],
    }
    one = read("openai.completions", event({"choices": [{"index": 0, "text": "Hi you", "logprobs": known}]}))
    assert [each.text for each in one.deltas] == ["Hi you", "bob@x.com"]
    assert b"bob" not in rewrite(one, {Channel(("choices", 0, "text")): "Hi"})
