"""Texts that APIs send whole and that come cut over two events: found as if they had come in one."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from extproc.inspection.answers.events import MAX_RECURRING
from extproc.inspection.answers.repeated import MAX_SNAPSHOTS
from extproc.inspection.verdict import Blocked
from tests.apis.events.samples import choice, chunk, event
from tests.gathered import gathered
from tests.inspection.answering import answer, everything, masking, run

CARD, EMAIL, KEY = "4012 8888 8888 1881", "bob@example.com", "AKIAZYMLOPIFQYF7M2NX"


def _part(**part: Any) -> Any:
    return {"candidates": [{"index": 0, "content": {"role": "model", "parts": [part]}}]}


def _call(arguments: Any) -> Any:
    call = {"function": {"name": "look", "arguments": arguments}}
    return {"model": "m", "done": False, "message": {"role": "assistant", "content": "", "tool_calls": [call]}}


def _cited(citation: Any) -> Any:
    return {"type": "citation-start", "index": 0, "delta": {"message": {"citations": citation}}}


SHAPES: Mapping[str, Callable[[str], Any]] = {
    "Gemini's code": lambda text: _part(executableCode={"language": "PYTHON", "code": text}),
    "Gemini's result": lambda text: _part(codeExecutionResult={"outcome": "OUTCOME_OK", "output": text}),
    "Gemini's call": lambda text: _part(functionCall={"name": "look", "args": {"for": [{"q": text}]}}),
    "Cloud Code's call": lambda text: {
        "response": _part(functionCall={"name": "f", "args": {"q": text}}),
        "traceId": "4",
    },
    "Ollama's call": lambda text: _call({"q": text}),
    "Cohere's citation": lambda text: _cited({"start": 0, "end": 3, "text": text, "sources": []}),
    "Cohere's first citations": lambda text: {"event_type": "citation-generation", "citations": [{"text": text}]},
    "a segment": lambda text: {"type": "transcript.text.segment", "id": "seg_1", "text": text, "speaker": "A"},
    "an unknown event": lambda text: {"type": "response.brand_new.thing", "text": text},
    "an unknown event's member": lambda text: {"type": "response.brand_new.added", "item": {"note": text}},
    "an unknown end": lambda text: {"type": "response.brand_new.done", "text": text},
    "an unknown member": lambda text: {"type": "response.output_text.delta", "delta": "", "note": text},
    "an annotation": lambda text: {"type": "response.output_text.annotation.added", "annotation": {"title": text}},
    "a chat's annotation": lambda text: {"choices": [{"index": 0, "delta": {"annotations": [{"title": text}]}}]},
    "a tool's name": lambda text: {"choices": [{"index": 0, "delta": {"tool_calls": [{"function": {"name": text}}]}}]},
    "an unknown member of a choice": lambda text: {"choices": [{"index": 0, "note": text, "delta": {}}]},
    "a cited text": lambda text: {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "citations_delta", "citation": {"cited_text": text}},
    },
    "an annotation of a thread": lambda text: {
        "id": "m",
        "object": "thread.message.delta",
        "delta": {"content": [{"index": 0, "text": {"annotations": [{"index": 0, "text": text}]}}]},
    },
}


def outcome(name: str, *texts: str, blocks: bool = True) -> tuple[Any, bytes]:
    stream = answer(everything(), "", blocks_unread=blocks)
    return stream, run(stream, [event(SHAPES[name](text)) for text in texts])


@gathered("value", [CARD, EMAIL, KEY])
@gathered("name", SHAPES)
def test_a_value_that_is_cut_over_two_events_is_masked(name: str, value: str) -> None:
    kind = {CARD: "CREDIT_CARD", EMAIL: "EMAIL"}.get(value, "AWS_ACCESS_KEY_ID")
    for at in range(1, len(value)):
        stream, out = outcome(name, value[:at], value[at:])
        assert not stream.unread
        masked = {(f"[{kind}_1]", "")}
        # A half that is a value by itself is taken for one: the halves are not joined.
        masked |= {(value[:at], f"[{kind}_1]"), (f"[{kind}_1]", value[at:])} if value == EMAIL else set()
        assert out in {b"".join(event(SHAPES[name](text)) for text in each) for each in masked}, at
        assert sum(stream.counts.values()) == 1


@gathered("name", SHAPES)
def test_a_value_that_is_cut_over_many_events_is_masked(name: str) -> None:
    stream, out = outcome(name, "card ", *CARD)
    texts = ("card ", "[CREDIT_CARD_1]", *[""] * (len(CARD) - 1))
    assert out == b"".join(event(SHAPES[name](text)) for text in texts)
    assert sum(stream.counts.values()) == 1


@gathered(
    ("first", "second"),
    [
        ("San Diego", EMAIL),
        (EMAIL, "Call Ann"),
        (f"to {EMAIL}.", "Call Ann"),
        (f"to {EMAIL}", f"to {EMAIL}"),
        (EMAIL, EMAIL),
        ("San Diego", "San Diego"),
        (f'{{"mail": "{EMAIL}"}}', json.dumps({"mail": EMAIL}).replace("@", "\\u0040")),
        ("2024-05-01", "2024-05-02"),
    ],
)
@gathered("name", SHAPES)
def test_texts_that_are_whole_are_judged_by_themselves(name: str, first: str, second: str) -> None:
    stream, out = outcome(name, first, second)
    masked = (each.replace("\\u0040", "@").replace(EMAIL, "[EMAIL_1]") for each in (first, second))
    assert out == b"".join(event(SHAPES[name](text)) for text in masked)
    assert sum(stream.counts.values()) == (first + second).replace("\\u0040", "@").count(EMAIL)
    assert not stream.unread


@pytest.mark.parametrize("count", [MAX_RECURRING, MAX_RECURRING + 1])
def test_past_the_bound_a_text_is_judged_by_itself_and_the_next_in_its_place_is_uninspected(count: int) -> None:
    halves = ({f"q{at}": half for at in range(count - 1)} for half in (CARD[:9], CARD[9:]))
    stream = answer(everything(), "")
    out = run(stream, [event(_call(half)) for half in halves])
    assert stream.unread == ({} if count <= MAX_RECURRING else {"stream": 1})
    assert CARD[9:].encode() not in out
    other = answer(everything(), "")
    once = [event(_call({f"q{at}": "go to San Diego" for at in range(count)}))]
    assert run(other, once) == once[0]
    assert not other.unread


def snapshot(said: str | None, message: str, **more: Any) -> bytes:
    """A chunk with a message, beside or in place of a delta."""
    delta = {} if said is None else {"delta": {"content": said}}
    return event({"id": "c", "choices": [{"index": 0, **delta, "message": {"content": message}, **more}]})


DUE: dict[str, Any] = {"finish_reason": None}


@pytest.mark.parametrize(
    "events",
    [
        [snapshot("a", "078-05", **DUE), snapshot("b", "-1120", **DUE)],
        [snapshot("a", "078-05"), snapshot("b", "-1120")],
        [snapshot(None, "078-05", **DUE), snapshot(None, "-1120", **DUE)],
        [snapshot("a", "it is 078", **DUE), snapshot("b", "it is 078-0", **DUE), snapshot("c", "5-1120", **DUE)],
        [chunk([choice({"content": "078-05"})]), snapshot(None, "-1120", **DUE)],
    ],
)
def test_messages_that_do_not_repeat_those_before_are_uninspected(events: list[bytes]) -> None:
    stream = answer(masking(), "openai.chat")
    run(stream, events)
    assert (stream.blocked, dict(stream.unread)) == (Blocked("pipeline", "uninspected"), {"stream": 1})


@pytest.mark.parametrize(
    "events",
    [
        [snapshot("H", "H", **DUE), snapshot("i", "Hi", **DUE), snapshot("", "Hi", finish_reason="stop")],
        [snapshot("H", "H\ufffd", **DUE), snapshot("i", "H\U0001f600", **DUE), snapshot("", "H\U0001f600")],
        [chunk([choice({"content": "Hi"})]), snapshot(None, "Hi", finish_reason="stop")],
    ],
)
def test_messages_that_grow_or_repeat_a_text_pass(events: list[bytes]) -> None:
    stream = answer(masking(), "openai.chat")
    assert run(stream, events).endswith(events[-1])
    assert not stream.unread


def test_messages_are_known_up_to_a_number() -> None:
    def all_of(count: int) -> bytes:
        said = [{"index": at, "delta": {}, "message": {"content": "a"}, **DUE} for at in range(count)]
        return event({"id": "c", "choices": said})

    for count in (MAX_SNAPSHOTS, MAX_SNAPSHOTS + 1):
        stream = answer(masking(), "openai.chat")
        run(stream, [all_of(count)])
        assert bool(stream.unread) is (count > MAX_SNAPSHOTS)
