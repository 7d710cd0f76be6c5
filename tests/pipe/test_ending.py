"""Streams that end before their API's end get its error event; all others keep their very bytes."""

import json
from collections.abc import Sequence
from typing import Final

import pytest

from extproc.apis.streams import sequences
from extproc.inspection.verdict import Blocked
from extproc.pipe.pipe import AnswerPipe
from extproc.protocol.errors import ClientError
from extproc.transaction.responses.unfinished import TAIL, added_to, unfinished
from tests.apis.events.apis import APIS
from tests.apis.events.client import documents
from tests.apis.events.samples import STREAMS, chat, event, messages, responses
from tests.gathered import gathered
from tests.inspection.shapes import SHAPES

PIECES: Final = ("Write ", "to them ", "soon.")
CODE: Final = b"ended before it was complete"
ENDING: Final = {
    **{f"sample_{name}": (dialect, make(PIECES)) for name, (dialect, make) in STREAMS.items()},
    **{f"shape_{name}": (dialect, make()) for name, (dialect, make) in SHAPES.items()},
    **{name: ("", [event(each) for each in APIS[name](PIECES)]) for name in ("gemini", "wrapped")},
}
SAYING_NOTHING: Final = {name: make for name, make in APIS.items() if name not in {*ENDING, "completion", "transcript"}}
"""Streams of APIs in which nothing says that they are over."""

CUT: Final = {
    "openai.chat": (chat, {"error"}),
    "anthropic.messages": (messages, {"type", "error"}),
    "openai.responses": (responses, {"type", "code", "message", "param", "sequence_number"}),
    "": (lambda pieces: [event(each) for each in APIS["gemini"](pieces)], {"error"}),
}
"""A stream of each dialect, and the members of its error event."""


def pipe(dialect: str) -> AnswerPipe:
    def refusal(_: Blocked) -> ClientError:
        raise AssertionError("nothing is blocked")

    return AnswerPipe(None, None, None, dialect=dialect, refusal=refusal, blocks_unread=False, unfinished=unfinished())


def ran(dialect: str, pieces: Sequence[bytes]) -> bytes:
    through = pipe(dialect)
    return b"".join([*(through.feed(each) for each in pieces), through.close()])


@gathered("name", sorted(ENDING))
def test_a_stream_that_says_that_it_is_over_gets_nothing_more(name: str) -> None:
    dialect, pieces = ENDING[name]
    assert ran(dialect, pieces) == b"".join(pieces)
    assert added_to(b"".join(pieces), "text/event-stream", dialect, unfinished()) == b""


@gathered("name", sorted(SAYING_NOTHING))
def test_a_stream_in_which_nothing_says_so_gets_nothing_wherever_it_ends(name: str) -> None:
    pieces = [event(each) for each in SAYING_NOTHING[name](PIECES)]
    for end in range(1, len(pieces) + 1):
        assert ran("", pieces[:end]) == b"".join(pieces[:end])


@gathered("dialect", sorted(CUT))
def test_a_stream_that_ends_anywhere_before_ends_with_its_apis_error(dialect: str) -> None:
    make, members = CUT[dialect]
    pieces = make(PIECES)
    for end in range(1, len(pieces) + 1):
        passed, whole = b"".join(pieces[:end]), ran(dialect, pieces[:end])
        if whole == passed:
            break
        *_, last = documents(whole[len(passed) :])
        assert members <= last.keys()
        assert CODE in whole
        assert b"[DONE]" not in whole
        assert added_to(passed, "text/event-stream", dialect, unfinished()) == whole[len(passed) :]
    else:
        raise AssertionError("the whole stream is complete")
    assert 3 < end <= len(pieces)
    assert ran(dialect, pieces[:end]) == passed


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_torn_beginning_of_an_event_is_not_told_and_a_whole_one_is(end: str) -> None:
    first, second = ({"choices": [{"index": 0, "delta": {"content": text}}]} for text in ("a", "b"))
    one, two = event(first, end=end), event(second, end=end)
    torn = ran("openai.chat", [one, two[:20]])
    assert torn.startswith(one)
    assert next(iter(documents(torn))) == first
    assert CODE in torn
    assert torn.count(b"data:") == 2
    whole = ran("openai.chat", [one, two.rstrip()])
    assert [each.get("choices") for each in documents(whole)][:2] == [first["choices"], second["choices"]]
    assert CODE in whole


def test_a_last_event_without_its_blank_line_is_an_end() -> None:
    pieces = chat(PIECES)
    body = b"".join(pieces).rstrip()
    assert ran("openai.chat", [body]) == body


def test_one_of_two_choices_that_has_not_ended_is_no_end() -> None:
    def said(at: int, finish: str | None) -> bytes:
        return event({"choices": [{"index": at, "delta": {"content": "a"}, "finish_reason": finish}]})

    begun = [said(0, None), said(1, None)]
    assert CODE in ran("openai.chat", [*begun, said(0, "stop")])
    assert CODE not in ran("openai.chat", [*begun, said(0, "stop"), said(1, "length")])


def test_the_path_says_how_a_stream_without_events_ends() -> None:
    assert CODE in ran("openai.chat", [])
    assert CODE in ran("openai.chat", [b": alive\n\n"])
    assert ran("", []) == b""
    assert ran("openai.chat", [b"data: what is this?\n\n"]) == b"data: what is this?\n\n"


def test_an_error_of_the_backends_own_is_an_end() -> None:
    first = chat(PIECES)[0]
    for error in ({"error": {"message": "x", "code": 500}}, {"type": "error", "error": {"type": "api_error"}}):
        assert ran("openai.chat", [first, event(error)]) == first + event(error)


def test_a_refused_prompt_is_an_end_of_gemini() -> None:
    blocked = event({"candidates": [], "promptFeedback": {"blockReason": "SAFETY"}})
    assert ran("", [blocked]) == blocked


def test_a_document_is_no_stream() -> None:
    body = json.dumps({"choices": []}).encode()
    assert added_to(body, "application/json", "openai.chat", unfinished()) == b""
    assert sequences.sequence(body) is None
    assert added_to(chat(PIECES)[0], "text/event-stream", "openai.chat", None) == b""


def test_the_end_of_a_whole_stream_is_looked_for_in_its_tail() -> None:
    filling = chat(["word " * 50] * (TAIL // 200))
    whole = b"".join(filling)
    assert len(whole) > TAIL
    assert added_to(whole, "text/event-stream", "openai.chat", unfinished()) == b""
    assert CODE in added_to(b"".join(filling[:-3]), "text/event-stream", "openai.chat", unfinished())


@gathered("end", [b"\n", b"\r\n"])
def test_a_last_event_that_is_larger_than_what_is_looked_at_ends_its_stream(end: bytes) -> None:
    # OpenAI's `response.completed` holds the instructions and tools of the request.
    whole = b"".join(responses(PIECES)).replace(
        b'"response": {', b'"response": {"instructions": "%b", ' % (b"x" * TAIL)
    )
    whole = whole.replace(b"\n", end)
    assert len(whole) > 2 * TAIL
    assert added_to(whole, "text/event-stream", "openai.responses", unfinished()) == b""
    before = whole[: whole.rindex(b"event: response.completed")]
    assert CODE in added_to(before, "text/event-stream", "openai.responses", unfinished())
