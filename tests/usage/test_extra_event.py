"""The event with the usage of a stream is taken out, and every other byte stays."""

import itertools
import json
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.usage.extra_event import EVENT_MAX, ExtraEventRemover
from tests.apis.events.samples import STREAMS

USAGE: Final = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}


def event(value: Any, end: bytes = b"\n") -> bytes:
    return b"data: " + json.dumps(value).encode() + end + end


def through(pieces: list[bytes]) -> bytes:
    remover = ExtraEventRemover()
    return b"".join(map(remover.feed, pieces)) + remover.finish()


UNFINISHED: Final = event({"choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": None}], "usage": None})
SAID: Final = UNFINISHED + event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": None})
EXTRA: Final = event({"choices": [], "usage": USAGE})
DONE: Final = b"data: [DONE]\n\n"
FORMS: Final = {
    "plain": EXTRA,
    "compact": b'data:{"choices":[],"usage":{}}\n\n',
    "spaced": b'data: {"choices" : [ ] , "usage" : {"a":1}}\n\n',
    "crlf": event({"choices": [], "usage": USAGE}, b"\r\n"),
    "cr": event({"choices": [], "usage": USAGE}, b"\r"),
    "lines": b'data: {"choices": [],\ndata: "usage": {}}\n\n',
    "named": b"id: 7\n" + EXTRA,
}


@pytest.mark.parametrize("form", sorted(FORMS))
@given(cuts=st.sets(st.integers(0, 400)))
def test_any_chunks_lose_the_event_and_nothing_else(form: str, cuts: set[int]) -> None:
    body = SAID + FORMS[form] + DONE
    ends = sorted({0, len(body), *(at for at in cuts if at < len(body))})
    pieces = [body[start:end] for start, end in itertools.pairwise(ends)]
    assert through(pieces) == SAID + DONE


def test_a_usage_at_the_end_of_a_stream_without_a_reason_to_finish_stays() -> None:
    body = UNFINISHED + EXTRA + DONE
    for size in (1, 11, 10**6):
        assert through([body[at : at + size] for at in range(0, len(body), size)]) == body


def test_events_that_tell_the_client_something_stay() -> None:
    for kept in (
        event({"choices": [], "usage": None}),
        event({"choices": [], "prompt_filter_results": []}),
        event({"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": USAGE}),
        event({"choices": [{"delta": {"content": '"choices": []'}}], "usage": USAGE}),
        b'data: {"choices": [], "usage": {\n\n',
        b": comment\n\n",
        event({"choices": [], "usage": {"x": "A" * EVENT_MAX}}),
    ):
        for size in (1, 11, 10**6):
            assert through([kept[at : at + size] for at in range(0, len(kept), size)]) == kept


@pytest.mark.parametrize("name", sorted(STREAMS))
def test_streams_without_the_event_stay_byte_for_byte(name: str) -> None:
    _, made = STREAMS[name]
    body = b"".join(each for each in made(["Hello ", "there"]) if b'"choices": []' not in each)
    for size in (1, 13, 10**6):
        assert through([body[at : at + size] for at in range(0, len(body), size)]) == body


def test_whole_events_pass_as_the_very_object_and_no_more_than_an_event_is_held() -> None:
    remover = ExtraEventRemover()
    assert remover.feed(SAID) == SAID
    assert remover.feed(UNFINISHED) is UNFINISHED
    large = b"data: " + b"x" * (10 * EVENT_MAX)
    sent = b""
    for at in range(0, len(large), 100):
        sent += remover.feed(large[at : at + 100])
        assert at + 100 - len(sent) <= EVENT_MAX + 200
