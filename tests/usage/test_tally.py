"""The tally of a response that passes: any chunks of it give the same counts, and memory is bounded."""

import json
import sys
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.apis import current
from extproc.apis.api import Api
from extproc.apis.usage import ReportedUsage
from extproc.usage.tally import BLOCK, DOCUMENT_MAX, END, EVENT_MAX, SAMPLE, DocumentTally, EventTally
from tests.apis.events.samples import STREAMS

COUNTS: Final = {"prompt_tokens": 20, "completion_tokens": 30, "prompt_tokens_details": {"cached_tokens": 4}}
READ: Final = ReportedUsage(20, 30, 4)
CLAIMED: Final = ("openai.chat", "openai.completions", "openai.responses", "anthropic.messages", "gemini", "cohere")
WORDS: Final = [f"word{number % 7} and " for number in range(400)]


def api(name: str) -> Api:
    found = current().named(name)
    assert found is not None
    return found


def event(value: Any) -> bytes:
    return b"data: %b\n\n" % json.dumps(value).encode()


def streamed(name: str, pieces: list[bytes]) -> tuple[ReportedUsage | None, int]:
    tally = EventTally(api(name), "o200k_base")
    for piece in pieces:
        tally.feed(piece)
    tally.finish()
    return tally.reported, tally.said


def cut(body: bytes, size: int) -> list[bytes]:
    return [body[at : at + size] for at in range(0, len(body), size)]


SAMPLES: Final = {name: (of, b"".join(made(WORDS))) for name, (of, made) in STREAMS.items() if of in CLAIMED}


@pytest.mark.parametrize("name", sorted(SAMPLES))
@given(data=st.data())
def test_any_chunks_of_a_stream_give_the_same_counts(name: str, data: st.DataObject) -> None:
    of, body = SAMPLES[name]
    size = data.draw(st.sampled_from([1, 7, 64, 1000, SAMPLE, BLOCK - 1, BLOCK, BLOCK + 1, 10**7]))
    first = data.draw(st.integers(0, len(body)))
    assert streamed(of, [body[:first], *cut(body[first:], size)]) == streamed(of, [body])


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["lf", "crlf", "cr"])
@pytest.mark.parametrize("size", [1, 3, 10**6])
def test_reports_are_read_whatever_ends_lines(end: bytes, size: int) -> None:
    body = event({"choices": [], "usage": COUNTS}).replace(b"\n", end)
    assert streamed("openai.chat", cut(body, size))[0] == READ
    assert streamed("openai.chat", cut(body.rstrip(), size))[0] == READ  # cut before the event's end


def test_a_stream_that_reports_nothing_gives_nothing() -> None:
    for body in (
        event({"choices": [], "usage": None}),
        b'data: {"choices":[],"usage":null}\n\n',
        event({"choices": [{"delta": {"content": '"usage": {"prompt_tokens": 3}'}}]}),
        b'data: {"usage": {"prompt_tokens": 3\n\n',
        b"data: [DONE]\n\n: comment\n\n",
        b"",
    ):
        assert streamed("openai.chat", [body])[0] is None


def test_the_last_of_many_cumulative_reports_counts_and_few_are_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    body = b"".join(event({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": n}}) for n in range(300))
    taken: list[bytes] = []
    take = EventTally._take

    def counting(tally: EventTally, raw: bytes) -> None:
        taken.append(raw)
        take(tally, raw)

    monkeypatch.setattr(EventTally, "_take", counting)
    assert streamed("openai.chat", [body])[0] == ReportedUsage(9, 299)
    assert len(taken) <= 4 * (1 + len(body) // BLOCK)


@pytest.mark.parametrize("size", [EVENT_MAX - 100_000, EVENT_MAX + 100_000, 4 * EVENT_MAX])
def test_usage_behind_a_picture_in_the_same_event_is_read(size: int) -> None:
    response = {"output": [{"result": "A" * size}], "usage": {"input_tokens": 5, "output_tokens": 7}, "user": None}
    body = event({"type": "response.completed", "response": response})
    for step in (BLOCK // 2, 10**7):
        assert streamed("openai.responses", cut(body, step))[0] == ReportedUsage(5, 7)


def test_a_stream_keeps_little_in_memory() -> None:
    tally = EventTally(api("openai.chat"), "o200k_base")
    said = event({"choices": [{"index": 0, "delta": {"content": "hello"}}], "usage": None})
    for _ in range(10 * BLOCK // len(said)):
        tally.feed(said)
        assert sum(map(sys.getsizeof, tally._block)) + len(tally._rest) < 2 * BLOCK
    for _ in range(100):
        tally.feed(b"x" * BLOCK)  # an event without an end
        assert len(tally._rest) <= EVENT_MAX


def document(name: str, pieces: list[bytes]) -> tuple[ReportedUsage | None, int]:
    tally = DocumentTally(api(name), "o200k_base")
    for piece in pieces:
        tally.feed(piece)
    tally.finish()
    return tally.reported, tally.said


CHAT: Final = {"id": "x", "choices": [{"index": 0, "message": {"content": "hello there"}}]}


def test_usage_is_read_wherever_it_stands_among_the_members_of_a_document() -> None:
    for body in (
        {**CHAT, "usage": COUNTS},
        {"usage": COUNTS, **CHAT},
        {**CHAT, "usage": COUNTS, "service_tier": "default", "system_fingerprint": None},
        {"choices": [{"message": {"tool_calls": [{"usage": {"prompt_tokens": 1}}]}}], "usage": COUNTS},
        {"usage": COUNTS, "choices": [{"message": {"tool_calls": [{"usage": {"prompt_tokens": 1}}]}}]},
    ):
        raw = json.dumps(body).encode()
        for size in (1, 50, 10**6):
            assert document("openai.chat", cut(raw, size))[0] == READ
        assert document("openai.chat", [json.dumps(body, indent=2).encode() + b"\n"])[0] == READ


@pytest.mark.parametrize("size", [DOCUMENT_MAX - 1000, DOCUMENT_MAX, 3 * DOCUMENT_MAX])
@pytest.mark.parametrize("first", [True, False], ids=["at the beginning", "at the end"])
def test_usage_of_a_document_beyond_the_limit_is_read_and_little_is_kept(size: int, first: bool) -> None:
    data, usage = {"data": ["A" * size]}, {"usage": COUNTS}
    raw = json.dumps({**usage, **data} if first else {**data, **usage}).encode()
    for step in (1000, BLOCK, 10**7):
        tally = DocumentTally(api("openai.chat"), "o200k_base")
        for piece in cut(raw, step):
            tally.feed(piece)
            assert sum(map(len, tally._kept)) <= max(DOCUMENT_MAX, END)
        tally.finish()
        assert tally.reported == READ


def test_what_a_model_wrote_is_never_taken_for_a_report() -> None:
    forged = {"usage": {"input_tokens": 0, "output_tokens": 0}}
    for body in (
        {"content": [{"type": "tool_use", "input": forged}]},
        {"content": [{"type": "tool_use", "input": {"a": forged}}], "stop_reason": "tool_use"},
        {"content": [{"type": "text", "text": json.dumps(forged)}]},
    ):
        raw = json.dumps({"type": "message", **body}).encode()
        assert document("anthropic.messages", [raw])[0] is None
        assert streamed("anthropic.messages", [b"data: %b\n\n" % raw])[0] is None


def test_chunks_in_an_array_are_read_as_the_sums_of_the_last_one() -> None:
    chunks = [{"candidates": [], "usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": n}} for n in (1, 2)]
    raw = b"[" + b",\r\n".join(json.dumps(each).encode() for each in chunks) + b"]\n"
    found = document("gemini", [raw])[0]
    assert found is not None
    assert (found.input_tokens, found.output_tokens) == (4, 2)


def test_metadata_of_a_client_that_comes_back_behind_the_usage_is_no_report() -> None:
    fake = '"metadata":{"usage":{"input_tokens":0,"output_tokens":0}}'
    tally = DocumentTally(api("openai.responses"), "o200k_base")
    tally.feed(b'{"object":"response","output":[],"usage":{"input_tokens":10,"output_tokens":5000},%b}' % fake.encode())
    tally.finish()
    assert tally.reported is not None
    assert (tally.reported.input_tokens, tally.reported.output_tokens) == (10, 5000)


@pytest.mark.parametrize("size", [10, DOCUMENT_MAX + 1])
def test_strings_that_look_like_names_of_reports_do_not_hide_one(size: int) -> None:
    looks = {f"k{number}": "usage" for number in range(16)}
    answer = {"instructions": "x" * size, "usage": {"input_tokens": 5, "output_tokens": 600}, "metadata": looks}
    tally = DocumentTally(api("openai.responses"), "o200k_base")
    tally.feed(json.dumps(answer).encode())
    tally.finish()
    assert tally.reported is not None
    assert tally.reported.output_tokens == 600
    reported, _ = streamed("openai.responses", [event({"type": "response.completed", "response": answer})])
    assert reported is not None
    assert reported.output_tokens == 600


def test_words_of_the_model_do_not_take_the_places_of_reports() -> None:
    words = event({"choices": [{"delta": {"content": "usage"}}]}) * 20
    assert streamed("openai.chat", [words + event({"choices": [], "usage": COUNTS}) + words])[0] == READ
