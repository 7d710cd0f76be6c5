"""Texts of a stream that no client joins: each event is judged by itself, and a value over two is named."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from extproc.inspection.answers.apart import MOST_APART
from extproc.inspection.verdict import Blocked
from tests.apis.events.samples import event
from tests.inspection.answering import answer, everything, masking, run

HALVES = ("write to jane.doe@", "example.com")


def beside(text: str) -> dict[str, Any]:
    """A chunk with a member beside `choices`, as Perplexity sends its sources."""
    return {
        "id": "c",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": "m",
        "choices": [{"index": 0, "delta": {"content": "."}, "finish_reason": None}],
        "note": text,
    }


def message(text: str) -> dict[str, Any]:
    """A response of MCP."""
    return {"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": text}]}}


SHAPES = {"beside choices": ("openai.chat", beside), "json-rpc": ("mcp", message)}


UNINSPECTED = Blocked("pipeline", "uninspected")


@pytest.mark.parametrize("shape", SHAPES)
def test_a_value_over_two_events_is_uninspected_and_one_in_an_event_is_masked(shape: str) -> None:
    dialect, make = SHAPES[shape]
    card = "4012 8888 8888 1881"
    for at in range(1, len(card)):
        stream = answer(everything(), dialect)
        run(stream, [event(make(f"my card {card[:at]}")), event(make(f"{card[at:]} please"))])
        assert stream.blocked == UNINSPECTED
    apart = [event(make(half)) for half in HALVES]
    stream = answer(masking(), dialect, blocks_unread=False)
    assert run(stream, apart) == b"".join(apart)
    assert {*stream.unread} == {"stream"}
    whole = event(make("".join(HALVES)))
    assert run(answer(masking(), dialect), [whole]) == whole.replace(b"jane.doe@example.com", b"[EMAIL_1]")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "texts",
    [
        ("a@b.de", "Thanks"),
        ("no value", "and no other", "no value"),
        ("my number is", "078051120"),
        ("write to jane.doe@", "write to jane.doe@"),
        ("write to jane.doe@", "x", "example.com"),
    ],
)
def test_what_is_no_value_over_two_events_is_judged_by_itself(texts: Sequence[str], shape: str) -> None:
    dialect, make = SHAPES[shape]
    stream = answer(masking(), dialect)
    run(stream, [event(make(text)) for text in texts])
    assert (stream.blocked, {*stream.unread}) == (None, set())


def test_places_are_remembered_up_to_a_number() -> None:
    for others in (MOST_APART - 1, MOST_APART):
        notes = [{"note": HALVES[0]}, *({f"x{number}": "words"} for number in range(others)), {"note": HALVES[1]}]
        stream = answer(masking(), "openai.chat")
        run(stream, [event(chunk(note)) for note in notes])
        assert (stream.blocked is not None) is (others < MOST_APART)


def chunk(more: dict[str, Any]) -> dict[str, Any]:
    made = beside("")
    del made["note"]
    return {**made, **more}


def test_the_client_of_openai_joins_no_member_beside_choices() -> None:
    streaming = pytest.importorskip("openai.lib.streaming.chat")
    types = pytest.importorskip("openai.types.chat")
    state = streaming.ChatCompletionStreamState()
    for half in HALVES:
        state.handle_chunk(types.ChatCompletionChunk.model_validate(beside(half)))
    snapshot = state.current_completion_snapshot
    assert snapshot.choices[0].message.content == ".."
    assert "".join(HALVES) not in json.dumps(snapshot.to_dict())
