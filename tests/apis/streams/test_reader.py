import base64
import json
import re
from collections.abc import Sequence
from typing import Any

import pytest

from extproc.apis.events import StreamEvent
from extproc.apis.events.event import within
from extproc.apis.streams import StreamReader
from extproc.payload import read_json
from extproc.payload.limits import SHORT
from tests.apis.events.samples import choice, chunk, event
from tests.gathered import gathered


def read(dialect: str, data: object, name: str = "") -> StreamEvent:
    (one,) = StreamReader(dialect).feed(event(data, name))
    return one


def told(one: StreamEvent) -> list[tuple[str, str]]:
    """Places and texts; a star behind what comes whole, a brace behind JSON text."""
    return [(each.channel.where + "*" * each.channel.whole + "{" * each.channel.json, each.text) for each in one.deltas]


def call(**function: str) -> dict[str, Any]:
    return {"tool_calls": [{"index": 2, "id": "call_1", "type": "function", "function": function}]}


SEALED = base64.b64encode(bytes(range(128, 256))).decode()

CHAT = [
    ({"content": "a"}, [("/choices/1/message/content", "a")]),
    ({"refusal": "a"}, [("/choices/1/message/refusal", "a")]),
    (
        {"reasoning_content": "a", "content": ""},
        [("/choices/1/message/reasoning_content", "a"), ("/choices/1/message/content", "")],
    ),
    ({"never_heard_of": "a"}, [("/choices/1/message/never_heard_of", "a")]),
    ({"never": {"heard_of": "a"}}, [("/choices/1/message/never/heard_of", "a")]),
    (
        call(name="f", arguments='{"'),
        [
            ("/choices/1/message/tool_calls/2/function/name*", "f"),
            ("/choices/1/message/tool_calls/2/function/arguments", '{"'),
        ],
    ),
    ({"function_call": {"arguments": "1"}}, [("/choices/1/message/function_call/arguments", "1")]),
    ({"audio": {"id": "audio_1", "transcript": "a"}}, [("/choices/1/message/audio/transcript", "a")]),
    ({"content": [{"type": "text", "text": "a"}]}, [("/choices/1/message/content", "a")]),
    (
        {"content": ["a", {"index": 2, "text": "b"}]},
        [("/choices/1/message/content", "a"), ("/choices/1/message/content/2/text", "b")],
    ),
    ({"unknown_list": [{"text": "a"}]}, [("/choices/1/message/unknown_list/0/text*", "a")]),
    ({"role": "assistant"}, []),
    ({"role": "my card is 4111"}, [("/choices/1/message/role", "my card is 4111")]),
    ({"thinking_blocks": [{"type": "thinking", "signature": SEALED}]}, []),
    ({"reasoning_details": [{"type": "reasoning.encrypted", "data": SEALED}]}, []),
    (
        {"thinking_blocks": [{"type": "thinking", "signature": "no base64"}]},
        [("/choices/1/message/thinking_blocks/0/signature*", "no base64")],
    ),
]


@pytest.mark.parametrize(("delta", "texts"), CHAT)
def test_every_string_of_a_chat_delta_that_is_no_word_of_the_api_is_a_text(
    delta: dict[str, Any], texts: list[tuple[str, str]]
) -> None:
    one = read("openai.chat", json.loads(chunk([choice(delta, 1)])[6:]))
    assert told(one) == texts
    assert one.opens == (("choices", 1),)


RESPONSES = [
    ("output_text.delta", {"content_index": 3, "delta": "a"}, [("/output/2/content/3/text", "a")]),
    ("output_text.done", {"content_index": 3, "text": "a"}, [("/output/2/content/3/text*", "a")]),
    ("refusal.delta", {"content_index": 3, "delta": "a"}, [("/output/2/content/3/refusal", "a")]),
    ("reasoning_text.delta", {"content_index": 0, "delta": "a"}, [("/output/2/content/0/text", "a")]),
    ("reasoning_summary_text.delta", {"summary_index": 1, "delta": "a"}, [("/output/2/summary/1/text", "a")]),
    ("reasoning_summary_part.done", {"summary_index": 1, "part": {"text": "a"}}, [("/output/2/summary/1/text*", "a")]),
    ("function_call_arguments.delta", {"delta": "a"}, [("/output/2/arguments", "a")]),
    (
        "function_call_arguments.done",
        {"name": "f", "arguments": "{}"},
        [("/output/2/name*", "f"), ("/output/2/arguments*", "{}")],
    ),
    ("mcp_call_arguments.delta", {"delta": "a"}, [("/output/2/arguments", "a")]),
    ("custom_tool_call_input.delta", {"delta": "a"}, [("/output/2/input", "a")]),
    ("code_interpreter_call_code.done", {"code": "a"}, [("/output/2/code*", "a")]),
    ("brand_new.delta", {"delta": "a"}, [("/output/2/response.brand_new", "a")]),
    ("brand_new.done", {"text": "a"}, [("/output/2/response.brand_new*", "a")]),
    ("brand_new.thing", {"text": "a", "code": "b"}, [("/text*", "a"), ("/code*", "b")]),
    (
        "output_text.annotation.added",
        {"annotation": {"type": "url_citation", "title": "a"}},
        [("/annotation/title*", "a")],
    ),
    (
        "output_item.done",
        {"item": {"id": "1", "content": [{"type": "output_text", "text": "a"}]}},
        [("/output/2/content/0/text*", "a")],
    ),
    (
        "completed",
        {"response": {"id": "r", "instructions": "be", "output": [{"arguments": "a"}]}},
        [("/instructions*", "be"), ("/output/0/arguments*", "a")],
    ),
    ("audio.delta", {"delta": "UklGRg=="}, []),
]


@pytest.mark.parametrize(("kind", "more", "texts"), RESPONSES)
def test_texts_of_the_responses_api_have_the_place_that_they_get_in_the_answer(
    kind: str, more: dict[str, Any], texts: list[tuple[str, str]]
) -> None:
    document = {"type": f"response.{kind}", "sequence_number": 41, "item_id": "msg_1", "output_index": 2, **more}
    one = read("openai.responses", document, f"response.{kind}")
    assert told(one) == texts
    assert one.number is not None
    assert one.raw[slice(*one.number)] == b"41"


MESSAGES = [
    ("content_block_start", {"content_block": {"type": "text", "text": "a"}}, [("/content/4/text", "a")]),
    (
        "content_block_start",
        {"content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {"q": "a"}}},
        [("/content/4/name*", "f"), ("/content/4/input/q*", "a")],
    ),
    ("content_block_delta", {"delta": {"type": "text_delta", "text": "a"}}, [("/content/4/text", "a")]),
    ("content_block_delta", {"delta": {"type": "thinking_delta", "thinking": "a"}}, [("/content/4/thinking", "a")]),
    ("content_block_delta", {"delta": {"type": "input_json_delta", "partial_json": "a"}}, [("/content/4/input{", "a")]),
    ("content_block_delta", {"delta": {"type": "signature_delta", "signature": SEALED}}, []),
    ("content_block_delta", {"delta": {"type": "signature_delta", "signature": "a"}}, [("/content/4/signature*", "a")]),
    ("content_block_delta", {"delta": {"type": "new_delta", "new": "a"}}, [("/content/4/new", "a")]),
    (
        "content_block_delta",
        {"delta": {"type": "citations_delta", "citation": {"type": "char_location", "cited_text": "a"}}},
        [("/content/4/citation/cited_text*", "a")],
    ),
    (
        "message_delta",
        {"delta": {"stop_reason": "stop_sequence", "stop_sequence": "END"}},
        [("/delta/stop_sequence*", "END")],
    ),
    ("error", {"error": {"type": "overloaded_error", "message": "a"}}, [("/error/message*", "a")]),
    ("unknown_event", {"what": {"text": "a"}}, [("/what/text*", "a")]),
]


@pytest.mark.parametrize(("kind", "more", "texts"), MESSAGES)
def test_texts_of_anthropics_messages_have_the_place_that_they_get_in_the_message(
    kind: str, more: dict[str, Any], texts: list[tuple[str, str]]
) -> None:
    assert told(read("anthropic.messages", {"type": kind, "index": 4, **more}, kind)) == texts


KINDS = [
    ("openai.chat", {"choices": [choice({"content": "a"})]}, "delta", ()),
    ("openai.chat", {"choices": [choice({"content": "a"}, 3, "stop")]}, "finish", (("choices", 3),)),
    ("openai.chat", {"choices": [], "usage": {"total_tokens": 1}}, "usage", ()),
    ("openai.chat", {"error": {"message": "a"}}, "error", ((),)),
    ("openai.chat", "[DONE]", "done", ((),)),
    (
        "openai.completions",
        {"choices": [{"index": 0, "text": "", "finish_reason": "stop"}]},
        "finish",
        (("choices", 0),),
    ),
    ("openai.responses", {"type": "response.output_text.delta", "delta": "a"}, "delta", ()),
    (
        "openai.responses",
        {"type": "response.output_text.done", "text": "a", "output_index": 1, "content_index": 2},
        "finish",
        (("output", 1, "content", 2, "text"),),
    ),
    (
        "openai.responses",
        {"type": "response.content_part.done", "output_index": 1, "content_index": 2},
        "finish",
        (("output", 1, "content", 2),),
    ),
    ("openai.responses", {"type": "response.output_item.done", "output_index": 1}, "finish", (("output", 1),)),
    ("openai.responses", {"type": "response.completed", "response": {}}, "done", ((),)),
    ("openai.responses", {"type": "error", "code": "server_error", "message": "a"}, "error", ((),)),
    ("anthropic.messages", {"type": "content_block_stop", "index": 1}, "finish", (("content", 1),)),
    (
        "anthropic.messages",
        {"type": "content_block_delta", "index": 1, "delta": {"type": "signature_delta", "signature": "x"}},
        "delta",
        (("content", 1, "thinking"),),
    ),
    (
        "anthropic.messages",
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
        "finish",
        (("content",), ("message",)),
    ),
    ("anthropic.messages", {"type": "message_delta", "delta": {}, "usage": {}}, "usage", ()),
    ("anthropic.messages", {"type": "message_stop"}, "done", ((),)),
    ("anthropic.messages", {"type": "ping"}, "alive", ()),
    ("mcp", {"jsonrpc": "2.0", "id": 1, "error": {"code": -1, "message": "a"}}, "error", ()),
    ("mcp", {"jsonrpc": "2.0", "method": "notifications/progress"}, "other", ()),
]


@pytest.mark.parametrize(("dialect", "document", "kind", "ends"), KINDS)
def test_an_event_says_what_it_does_and_what_it_ends(dialect: str, document: object, kind: str, ends: object) -> None:
    one = read(dialect, document)
    assert (one.kind, one.ends) == (kind, ends)


def test_a_channel_closes_with_the_part_of_the_answer_it_lies_in() -> None:
    one = read("openai.chat", {"choices": [choice({}, 3, "stop")]})
    assert within(("choices", 3, "message", "content"), one.ends)
    assert not within(("choices", 2, "message", "content"), one.ends)


def test_names_and_words_of_an_api_are_told_if_somebody_has_an_interest_in_one() -> None:
    document = {"result": {"bob@x.com": 1, "content": 2, "4111-1111": {"text": "a"}}}
    assert [each.text for each in read("mcp", document).deltas] == ["a"]
    asked: list[Sequence[str]] = []

    def plain(words: Sequence[str]) -> bool:
        asked.append(words)
        return False

    (one,) = StreamReader("mcp", plain=plain).feed(event(document))
    assert asked == [["bob@x.com", "4111-1111"]]
    assert [(each.text, one.raw[each.start : each.end]) for each in one.deltas] == [
        ("bob@x.com", b'"bob@x.com"'),
        ("4111-1111", b'"4111-1111"'),
        ("a", b'"a"'),
    ]
    assert "4111" not in repr(one.deltas)
    assert len({each.channel for each in one.deltas}) == 3


DIALECTS = ["openai.chat", "openai.completions", "openai.responses", "anthropic.messages", "mcp", "unheard of"]
CARD = 4012888888881881
NUMBERS = [
    {"jsonrpc": "2.0", "id": 1, "result": {"structuredContent": {"card": CARD}}},
    {"choices": [{"index": 0, "delta": {"content": CARD}}]},
    {"choices": [{"index": 0, "delta": {"tool_calls": [{"function": {"arguments": {"card": CARD}}}]}}]},
    {"choices": [{"index": 0, "text": CARD}]},
    {"choices": [{"index": CARD, "delta": {}}]},
    {"type": "response.output_text.delta", "output_index": CARD, "delta": "a"},
    {"type": "response.completed", "response": {"output": [{"content": [{"text": CARD}]}]}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": CARD}},
    {"type": "content_block_delta", "index": CARD, "delta": {}},
    {"type": "never heard of", "cached_tokens": CARD},
    {"embedding": [0.123456789, CARD, 1]},
    [CARD],
    CARD,
]


@gathered("document", NUMBERS)
@gathered("dialect", DIALECTS)
def test_a_long_number_is_a_text_that_comes_whole(dialect: str, document: object) -> None:
    one = read(dialect, json.dumps(document))
    (number,) = (each for each in one.deltas if each.form == "number")
    assert (number.text, one.raw[number.start : number.end]) == (str(CARD), str(CARD).encode())
    assert (number.channel.whole, number.channel.json) == (True, False)
    assert str(CARD) not in f"{one!r} {one.deltas!r} {[each.channel.where for each in one.deltas]}"


@pytest.mark.parametrize("said", ["1234567", "-1234567", "1234567.5", "1234567e-3", "123456", "0.1234567", "-123456"])
def test_of_a_stream_the_same_numbers_are_told_as_of_a_whole_body(said: str) -> None:
    body = f'{{"a": {said}, "b": [1, {said}], "created": {said}, "c": 5}}'
    whole = [each.text for each in read_json(body.encode()).passages if each.kind == "number"]
    assert [each.text for each in read("mcp", body).deltas if each.form == "number"] == whole
    assert len(whole) == (2 if re.match(rf"-?\d{{{SHORT + 1}}}", said) else 0)


COUNTS = [
    {"created": 1700000000, "choices": [], "usage": {"prompt_tokens": 1234567, "completion_tokens": 999999999}},
    {"type": "response.created", "sequence_number": 123456789, "response": {"created_at": 1700000000}},
    {"type": "message_start", "message": {"usage": {"input_tokens": 123456789}}},
    {"choices": [{"index": 0, "logprobs": {"content": [{"bytes": [104], "logprob": -1.23456789e-7}]}}]},
    {"choices": [{"index": 0, "token_ids": [151645, 128009], "delta": {}}], "embedding": [0.0123456789, -0.987654321]},
    {"jsonrpc": "2.0", "id": 170000, "result": {}},
]


@gathered("document", COUNTS)
@gathered("dialect", DIALECTS)
def test_times_and_counts_are_no_texts_however_long(dialect: str, document: object) -> None:
    assert [each.text for each in read(dialect, document).deltas if each.form == "number"] == []


def test_the_identifier_that_a_client_gave_its_request_is_no_text_and_any_other_is() -> None:
    assert told(read("mcp", {"jsonrpc": "2.0", "id": CARD, "result": {}})) == []
    assert told(read("mcp", {"jsonrpc": "2.0", "id": 1, "result": {"id": CARD}})) == [("/result/id*", str(CARD))]
    assert told(read("mcp", {"id": CARD})) == [("/id*", str(CARD))]


@pytest.mark.parametrize("dialect", ["openai.chat", "openai.responses", "anthropic.messages", "mcp"])
def test_of_a_name_given_twice_both_values_are_told(dialect: str) -> None:
    data = '{"type":"content_block_delta","choices":[{"index":0,"delta":{"content":"one","cont\\u0065nt":"two"}}]}'
    one = read(dialect, data)
    assert [each.text for each in one.deltas][-2:] == ["one", "two"]
    assert len({each.channel for each in one.deltas}) == len(one.deltas)
    assert all(each.channel.whole for each in one.deltas)
