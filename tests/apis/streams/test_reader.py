import base64
import json
import re
from collections.abc import Sequence
from typing import Any

import pytest

from extproc.apis.events import StreamEvent, UnreadableStreamError
from extproc.apis.events.event import within
from extproc.apis.events.leaves import MAX_DEPTH, MAX_TOKENS
from extproc.apis.streams import StreamReader
from extproc.apis.streams.plain_lines import MAX_LINES, MAX_WORDS
from extproc.apis.streams.sequences import sequence
from extproc.payload import read_json
from extproc.payload.limits import SHORT
from tests.apis.events.samples import choice, chunk, event
from tests.gathered import gathered
from tests.payload.shapes import PNG


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


@pytest.mark.parametrize(
    ("data", "form", "json"),
    [
        ("plain text", "line", False),
        ('he said "so" and went', "line", True),
        ('"so", he said', "line", True),
        ("[warning] it said so", "line", False),
        ('[warning] it said "so"', "line", True),
        ('{"choices": [{"delta": {"content": "cut of', "fragment", True),
        ('  "name": 4111111111111111,', "fragment", True),
        ("[4111111111111111, 5500000000000004", "fragment", True),
        ('], "name": 1', "fragment", True),
        ("\ufeff{}", "line", False),
        ("{'a': 1}", "line", False),
        ("NaN,", "line", False),
    ],
)
def test_data_that_is_not_json_is_a_text_line_by_line(data: str, form: str, json: bool) -> None:
    raw = f": note\nid: 7\ndata: {data}\ndata:second\n\n".encode()
    (one,) = StreamReader("openai.chat").feed(raw)
    assert one.kind == "other"
    assert [(each.text, each.form, each.channel.json) for each in one.deltas] == [
        (data, form, json),
        ("second", "line", False),
    ]
    assert [raw[each.start : each.end].decode() for each in one.deltas] == [data, "second"]


WRONG = [
    "null",
    "17",
    '"a text"',
    '["a text"]',
    "{}",
    '{"choices": 1}',
    '{"choices": ["a text"]}',
    '{"choices": {"delta": "a text"}}',
    '{"choices": [{"index": -1, "delta": "a text"}]}',
    '{"type": 5, "text": "a text"}',
    '{"type": "content_block_delta", "index": "a text"}',
    '{"type": "response.x.delta", "output_index": true, "delta": {"y": ["a text"]}}',
]


@gathered("data", WRONG)
@gathered("dialect", DIALECTS)
def test_json_of_the_wrong_types_is_read_all_the_same(dialect: str, data: str) -> None:
    one = read(dialect, data)
    assert ("a text" in data) == ("a text" in [each.text for each in one.deltas])


def test_halves_of_characters_stay_in_pieces_and_become_the_replacement_character_in_whole_texts() -> None:
    one = read("openai.chat", '{"choices":[{"index":0,"delta":{"content":"a\\ud83d","refusal":"\\ud83d\\ude00"}}]}')
    assert [each.text for each in one.deltas] == ["a\ud83d", "😀"]
    one = read("openai.chat", '{"choices":[{"index":0,"note":"a\\ud83d"}]}')
    assert [each.text for each in one.deltas] == ["a\ufffd"]


def test_comments_and_blank_lines_are_events_without_texts() -> None:
    reader = StreamReader("openai.chat")
    events = reader.feed(b"\n: OPENROUTER PROCESSING\n\nevent: nothing\n\n")
    assert [(each.raw, each.kind, each.deltas) for each in events] == [
        (b"\n", "other", ()),
        (b": OPENROUTER PROCESSING\n\n", "alive", ()),
        (b"event: nothing\n\n", "other", ()),
    ]


PLAIN = [
    *(": ping", ":ping", ": keep-alive", ": OPENROUTER PROCESSING", ":", "", "retry: 3000", "id: 17", "id", "event"),
    *("event: message_start", "event:response.image_generation_call.partial_image", "event: a.v2", "id: abc_def"),
]
SAYING = [
    (": a text", "/comment/1*", "a text"),
    (":a@b.de", "/comment/1*", "a@b.de"),
    (": ping - 2024-05-01", "/comment/1*", "ping - 2024-05-01"),
    (": OPENROUTER PROCESSING x", "/comment/1*", "OPENROUTER PROCESSING x"),
    ("event: AKIAIOSFODNN7EXAMPLE", "/line/1*", "AKIAIOSFODNN7EXAMPLE"),
    ("event: " + "a" * (MAX_WORDS + 1), "/line/1*", "a" * (MAX_WORDS + 1)),
    ("id: 1234567", "/line/1*", "1234567"),
    ("id:a b", "/line/1*", "a b"),
    ("retry: 4012888888881881", "/line/1*", "4012888888881881"),
    ("unknown: field", "/line/1*", "unknown: field"),
    ("DATA: x", "/line/1*", "DATA: x"),
    ("no_colon", "/line/1*", "no_colon"),
    (" data: x", "/line/1*", " data: x"),
    ("data : x", "/line/1*", "data : x"),
    (": \x0b\x1c\x85", "/comment/1*", "\x0b\x1c\x85"),
    (': {"a": "b"', "/comment/1*{", '{"a": "b"'),
]


@gathered("data", [b"", b"data: [DONE]\n", b'data: {"a": 1}\n', b"data: 1\ndata: 2\n"])
@gathered("end", ["\n", "\r\n", "\r"])
@gathered("line", PLAIN)
def test_lines_that_say_nothing_are_no_texts(line: str, end: str, data: bytes) -> None:
    raw = f": ping\n{line}\n".encode() + data + (b"" if line == "" else b"\n")
    events = StreamReader("mcp").feed(raw.replace(b"\n", end.encode()))
    assert [each.text for one in events for each in one.deltas if each.form not in {"string", "line"}] == []
    assert [each.channel.path[0] for one in events for each in one.deltas if each.channel.path[0] != "data"] == []


@gathered("data", ["", "data: [DONE]\n", 'data: {"a": 1}\n'])
@gathered("end", ["\n", "\r\n", "\r"])
@gathered(("line", "where", "text"), SAYING)
def test_any_other_line_is_a_text(line: str, where: str, text: str, end: str, data: str) -> None:
    raw = f": ping\n{line}\n{data}retry: 1\n\n".replace("\n", end).encode()
    reader = StreamReader("mcp")
    (one,) = [*reader.feed(raw), *reader.close()]
    assert told(one) == [(where, text)]
    assert one.raw[one.deltas[0].start : one.deltas[0].end].decode() == text


@pytest.mark.parametrize("limit", [f": {'a' * MAX_WORDS}", f"event: {'a' * MAX_WORDS}", f"id: {'1' * SHORT}"])
def test_a_line_at_the_limit_of_what_says_nothing_is_no_text(limit: str) -> None:
    (one,) = StreamReader("mcp").feed(f"{limit}\n\n".encode())
    assert one.deltas == ()


def test_a_byte_order_mark_is_no_text_at_the_beginning_and_is_elsewhere() -> None:
    raw = b"\xef\xbb\xbf: ping\n\n"
    first, second = StreamReader("mcp").feed(raw * 2)
    assert (first.deltas, [each.text for each in second.deltas]) == ((), ["\ufeff: ping"])


def test_an_event_with_as_many_lines_as_the_limit_is_read_and_one_past_it_is_not() -> None:
    reader = StreamReader("mcp")
    assert reader.feed(b":\n" * (MAX_LINES - 1) + b"\n")[0].deltas == ()
    with pytest.raises(UnreadableStreamError) as caught:
        reader.feed(b":\n" * MAX_LINES + b"\n")
    assert caught.value.reason == "complexity"


@pytest.mark.parametrize("first", ["", "\ufeff", " \n", "\t"])
@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
def test_json_that_is_no_event_is_read_as_a_document(first: str, end: str) -> None:
    raw = f'{first}{{"error": {{\n  "message": "a text", "card": 4012888888881881}}}}{end}'.encode()
    reader = StreamReader("openai.chat")
    events = [*reader.feed(raw), *reader.close()]
    (one,) = (each for each in events if each.deltas)
    assert told(one) == [
        ("/error/message*", "a text"),
        ("/error/card/name*", "card"),
        ("/error/card*", "4012888888881881"),
    ]
    assert [one.raw[each.start : each.end] for each in one.deltas] == [
        b'"a text"',
        b'"card"',
        b"4012888888881881",
    ]
    assert one.kind == "error"


def test_data_over_several_lines_is_one_document_and_offsets_are_those_of_the_event() -> None:
    raw = (
        b'\xef\xbb\xbf: c\r\ndata: {"choices":[{"index":0,\r\n'
        b'data:"delta":{"content":"hi"},\r\nid: 1\r\ndata: "x":"y"}]}\r\n\r\n'
    )
    (one,) = StreamReader("openai.chat").feed(raw)
    assert told(one) == [("/choices/0/message/content", "hi"), ("/choices/0/x*", "y")]
    assert [raw[each.start : each.end] for each in one.deltas] == [b'"hi"', b'"y"']


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
