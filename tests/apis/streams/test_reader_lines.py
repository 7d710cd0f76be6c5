"""Lines of events that are no JSON, or say nothing, or are JSON of other types."""

import pytest

from extproc.apis.events import UnreadableStreamError
from extproc.apis.streams import StreamReader
from extproc.apis.streams.plain_lines import MAX_LINES, MAX_WORDS
from extproc.payload.limits import SHORT
from tests.apis.streams.test_reader import DIALECTS, read, told
from tests.gathered import gathered


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
