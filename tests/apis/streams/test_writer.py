import json

import pytest

from extproc.apis.events import Channel, StreamEvent
from extproc.apis.streams import StreamReader, StreamWriter
from extproc.protocol.errors import ClientError
from tests.apis.events.client import documents, seen
from tests.apis.events.samples import STREAMS, choice, chunk, event
from tests.gathered import gathered

BLOCKED = ClientError(403, "content_blocked", "The answer was blocked.")
CONTENT = Channel(("choices", 0, "message", "content"))


def written(dialect: str, raws: list[bytes]) -> tuple[StreamWriter, list[StreamEvent]]:
    """A writer that has passed all these events as they came."""
    reader, writer = StreamReader(dialect), StreamWriter(dialect)
    events = [one for raw in raws for one in reader.feed(raw)]
    assert [writer.write(one) for one in events] == [one.raw for one in events]
    return writer, events


def test_an_event_left_without_text_is_dropped_if_it_tells_nothing_else() -> None:
    reader, writer = StreamReader("openai.chat"), StreamWriter("openai.chat")
    (bare,) = reader.feed(chunk([choice({"content": "a"})]))
    assert writer.write(bare, {CONTENT: ""}) == b""
    for told in (
        chunk([choice({"role": "assistant", "content": "a"})]),
        chunk([choice({"content": "a"}, finish="stop")]),
        chunk([choice({"content": "a"})], usage={"total_tokens": 1}),
        chunk([choice({"content": "a"}), choice({"content": "b"}, 1)]),
    ):
        (one,) = reader.feed(told)
        assert writer.write(one, {CONTENT: ""}) == told.replace(b'"a"', b'""')


def test_an_event_that_came_without_text_stays() -> None:
    reader, writer = StreamReader("openai.chat"), StreamWriter("openai.chat")
    (one,) = reader.feed(chunk([choice({"content": ""})]))
    assert writer.write(one, {CONTENT: ""}) == one.raw


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("space", [" ", ""])
def test_added_events_are_written_as_the_stream_writes_its_own(end: str, space: str) -> None:
    raw = chunk([choice({"content": "a"})]).replace(b"\n", end.encode()).replace(b"data: ", b"data:" + space.encode())
    reader, writer = StreamReader("openai.chat"), StreamWriter("openai.chat")
    for one in [*reader.feed(raw), *reader.close()]:
        writer.write(one)
    added = writer.block(BLOCKED)
    assert added.startswith(f"data:{space}{{".encode())
    assert added.endswith((end * 2).encode())
    assert added.count(end.encode()) == 2 * 3


def test_a_blocked_chat_finishes_every_open_choice_then_tells_the_error_and_is_done() -> None:
    raws = STREAMS["choices"][1](["Hello"])
    writer, _ = written("openai.chat", raws[:-3])  # choice 2 has finished
    got = documents(writer.block(BLOCKED))
    assert [(each["id"], each["choices"]) for each in got[:2]] == [
        ("chatcmpl-AbC123", [{"index": at, "delta": {}, "logprobs": None, "finish_reason": "content_filter"}])
        for at in (0, 1)
    ]
    assert got[2]["error"]["code"] == "content_blocked"
    assert got[3:] == ["[DONE]"]


def test_a_chat_blocked_in_its_first_event_finishes_the_choice_that_the_client_asked_for() -> None:
    (one,) = StreamReader("openai.chat").feed(chunk([choice({"content": "secret"}, 1)]))
    got = StreamWriter("openai.chat").block(BLOCKED, one)
    assert b"secret" not in got
    assert [each["choices"][0]["index"] for each in documents(got)[:1]] == [1]


def test_a_blocked_completion_ends_as_its_api_does() -> None:
    writer, _ = written("openai.completions", STREAMS["completions"][1](["Hello"])[:1])
    first, error, done = documents(writer.block(BLOCKED))
    assert first["choices"] == [{"index": 0, "text": "", "logprobs": None, "finish_reason": "content_filter"}]
    assert (error["error"]["message"], done) == ("The answer was blocked.", "[DONE]")


def test_a_blocked_message_closes_its_block_with_the_stop_reason_refusal() -> None:
    raws = STREAMS["messages"][1](["Hello"])
    writer, _ = written("anthropic.messages", raws[:3])
    tail = writer.block(BLOCKED)
    assert documents(tail) == [
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "refusal", "stop_sequence": None},
            "usage": {"output_tokens": 1},
        },
        {"type": "error", "error": {"type": "permission_error", "message": "The answer was blocked."}},
        {"type": "message_stop"},
    ]
    assert tail.count(b"event: ") == 4


def test_a_message_blocked_between_blocks_or_after_its_stop_reason_ends_nothing_twice() -> None:
    raws = STREAMS["messages"][1](["Hello"])
    stopped = next(place for place, raw in enumerate(raws) if b"content_block_stop" in raw) + 1
    writer, _ = written("anthropic.messages", raws[:stopped])
    assert [each["type"] for each in documents(writer.block(BLOCKED))] == ["message_delta", "error", "message_stop"]
    writer, _ = written("anthropic.messages", raws[:-1])
    assert [each["type"] for each in documents(writer.block(BLOCKED))] == ["error"]


def test_a_message_blocked_before_it_started_is_an_error_alone() -> None:
    (one,) = StreamReader("anthropic.messages").feed(STREAMS["messages"][1]([])[0])
    assert [each["type"] for each in documents(StreamWriter("anthropic.messages").block(BLOCKED, one))] == ["error"]


def test_a_blocked_response_ends_incomplete_and_its_numbers_go_on() -> None:
    raws = STREAMS["responses"][1](["Hello"])
    writer, _ = written("openai.responses", raws[:6])
    error, ended = documents(writer.block(BLOCKED))
    assert error == {
        "type": "error",
        "code": "content_blocked",
        "message": "The answer was blocked.",
        "param": None,
        "sequence_number": 6,
    }
    assert (ended["type"], ended["sequence_number"]) == ("response.incomplete", 7)
    response = ended["response"]
    assert (response["id"], response["model"], response["created_at"]) == ("resp_1", "gpt-4o", 1700000000)
    assert (response["status"], response["incomplete_details"]) == ("incomplete", {"reason": "content_filter"})


def test_a_blocked_result_of_mcp_becomes_an_error_with_its_id() -> None:
    note, result = STREAMS["mcp"][1](["secret"])
    (one,) = StreamReader("mcp").feed(result)
    (got,) = documents(StreamWriter("mcp").block(BLOCKED, one))
    assert (got["jsonrpc"], got["id"], got["error"]["message"]) == ("2.0", 7, "The answer was blocked.")
    (one,) = StreamReader("mcp").feed(note)
    assert documents(StreamWriter("mcp").block(BLOCKED, one))[0]["id"] is None


@gathered("name", sorted(STREAMS))
@gathered("dialect", ["unheard of", None])
def test_a_stream_blocked_at_any_event_ends_in_events_that_can_be_read(name: str, dialect: str | None) -> None:
    own, make = STREAMS[name]
    raws = make(["Hello", " you"])
    for at in range(len(raws)):
        reader, writer = StreamReader(dialect or own), StreamWriter(dialect or own)
        sent = b"".join(writer.write(one) for raw in raws[:at] for one in reader.feed(raw))
        (one,) = reader.feed(raws[at])
        sent += writer.block(BLOCKED, one)
        assert "The answer was blocked." in json.dumps(documents(sent))
        answer = seen(own, sent) if dialect is None and at else {}
        assert answer.get("numbers", []) == list(range(len(answer.get("numbers", []))))
        assert answer.get("done", True)
        assert sorted(answer.get("blocks", {})) == sorted(answer.get("stopped", []))


@pytest.mark.parametrize("name", ["chat", "completions", "responses", "messages"])
def test_a_stream_that_has_ended_is_not_ended_again(name: str) -> None:
    dialect, make = STREAMS[name]
    writer, _ = written(dialect, make(["Hello"]))
    assert writer.block(BLOCKED) == b""


def test_an_answer_is_blocked_once() -> None:
    writer, _ = written("openai.chat", STREAMS["chat"][1](["Hello"])[:2])
    assert writer.block(BLOCKED)
    assert writer.block(BLOCKED) == b""


def test_what_a_stream_broke_off_does_not_run_into_the_end() -> None:
    reader, writer = StreamReader("openai.chat"), StreamWriter("openai.chat")
    sent = b"".join(map(writer.write, [*reader.feed(chunk([choice({"content": "a"})])), *reader.feed(b"data: {\n")]))
    sent += b"".join(map(writer.write, reader.close()))
    assert sent.endswith(b"data: {\n")
    assert writer.block(BLOCKED).startswith(b"\n\ndata: ")


def test_a_long_number_is_not_repeated_in_events_that_are_added() -> None:
    card = 4012888888881881
    writer, _ = written("openai.chat", [chunk([choice({"content": "a"})], model=card)])
    assert str(card) not in writer.block(BLOCKED).decode()
    created = {"type": "response.created", "response": {"id": card, "model": card, "created_at": 1700000000}}
    writer, _ = written("openai.responses", [event(created)])
    ended = documents(writer.block(BLOCKED))[-1]["response"]
    assert (ended["id"], ended["model"], ended["created_at"]) == ("", "", 1700000000)


def test_a_comment_says_nothing_of_how_a_stream_writes_its_events() -> None:
    writer, _ = written("anthropic.messages", [b": a text\r\r", b"x\r\r"])
    assert writer.block(BLOCKED).startswith(b"event: error\ndata: ")
