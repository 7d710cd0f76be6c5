"""Texts of a stream that no client joins: each event is judged as a whole body would be."""

import json
from typing import Any

import pytest

from tests.apis.events.samples import event
from tests.inspection.answering import answer, masking, run

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


@pytest.mark.parametrize("shape", SHAPES)
def test_a_value_over_two_events_is_none_and_one_in_an_event_is_masked(shape: str) -> None:
    dialect, make = SHAPES[shape]
    apart = [event(make(half)) for half in HALVES]
    assert run(answer(masking(), dialect), apart) == b"".join(apart)
    whole = event(make("".join(HALVES)))
    assert run(answer(masking(), dialect), [whole]) == whole.replace(b"jane.doe@example.com", b"[EMAIL_1]")


def test_the_client_of_openai_joins_no_member_beside_choices() -> None:
    streaming = pytest.importorskip("openai.lib.streaming.chat")
    types = pytest.importorskip("openai.types.chat")
    state = streaming.ChatCompletionStreamState()
    for half in HALVES:
        state.handle_chunk(types.ChatCompletionChunk.model_validate(beside(half)))
    snapshot = state.current_completion_snapshot
    assert snapshot.choices[0].message.content == ".."
    assert "".join(HALVES) not in json.dumps(snapshot.to_dict())
