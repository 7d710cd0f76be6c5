"""Streams whose path says nothing of them: told by the shape of their events, and joined as their clients do."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.apis.streams.reader import MAX_WORDS
from extproc.inspection.vault import Vault
from tests.apis.events.apis import APIS, events, joined
from tests.apis.events.client import documents
from tests.apis.events.samples import STREAMS, event
from tests.gathered import gathered
from tests.inspection.answering import EMAIL, answer, cut, masking, processor, run, stage
from tests.inspection.shapes import SEALED

VALUE = "maria.gonzalez@example-mail.org"
PIECES = ("Write to maria.gon", "zalez", "@example-mail.org soon. ", "Bye. ")
NAMES = [*APIS, *STREAMS]
JSON = {"thread", "tools", "responses", "messages"}
"""APIs whose streams here have JSON text in them, of which quotes and brackets are held back."""
CLAIMED = ["", "openai.chat", "openai.responses", "anthropic.messages", "mcp"]


def spoken(out: bytes) -> str:
    """All that any client could join, text by text."""
    return "\n".join(joined([each for each in documents(out) if each != "[DONE]"]))


@gathered("name", NAMES)
@gathered("claimed", CLAIMED)
def test_a_value_cut_over_events_is_masked_on_any_path(name: str, claimed: str) -> None:
    stream = answer(masking(), claimed)
    out = run(stream, events(name, PIECES))
    assert stream.blocked is None
    assert not stream.unread
    assert stream.masked
    said = spoken(out)
    assert "[EMAIL_1]" in said
    assert "zalez" not in said
    assert "example-mail" not in said


@gathered("name", NAMES)
def test_a_value_cut_over_events_is_blocked_before_any_of_it_is_out(name: str) -> None:
    blocks = stage((processor(action="block"), EMAIL))
    stream = answer(blocks, "")
    out = run(stream, events(name, PIECES))
    assert stream.blocked is not None
    assert stream.blocked.reason == "finding"
    assert "maria" not in spoken(out)
    assert "The answer was blocked." in spoken(out)


@gathered("name", NAMES)
def test_a_placeholder_cut_over_events_is_restored_on_any_path(name: str) -> None:
    vault = Vault()
    vault.placeholder("email", VALUE)
    said = spoken(run(answer(None, "", vault, blocks_unread=False), events(name, ("To [EMA", "IL_", "1] now. "))))
    assert "EMAIL_1" not in said
    assert f"To {VALUE} now." in said


@pytest.mark.parametrize("name", [name for name in NAMES if name not in JSON])
def test_where_nothing_is_held_back_every_event_is_byte_for_byte_what_it_was(name: str) -> None:
    raws = events(name, ("One. ", "Two\n", "Three; "))
    assert run(answer(masking(), ""), raws) == b"".join(raws)


@given(st.sampled_from([*APIS]), st.lists(st.integers(0, len(VALUE) + 20), max_size=6), st.data())
def test_wherever_a_text_is_cut_into_events_the_client_gets_the_same_text(
    name: str, places: list[int], data: st.DataObject
) -> None:
    whole = f"Ask {VALUE}, then wait. "
    ends = [min(at, len(whole)) for at in sorted(places)]
    pieces = [whole[a:b] for a, b in zip([0, *ends], [*ends, len(whole)], strict=True)]
    raw = b"".join(events(name, pieces))
    chunks = cut(raw, data.draw(st.lists(st.integers(0, len(raw)), max_size=3)))
    said = spoken(run(answer(masking(), ""), chunks))
    assert VALUE not in said
    assert said.count("Ask [EMAIL_1], then wait. ") == spoken(raw).count("Ask ")


def test_candidates_of_one_answer_are_joined_each_by_itself() -> None:
    def said(at: int, text: str) -> bytes:
        return event({"candidates": [{"index": at, "content": {"parts": [{"text": text}]}}]})

    raws = [said(0, "john.d"), said(1, "4012 8888 "), said(0, "oe@exam"), said(1, "nobody "), said(0, "ple.com ")]
    assert spoken(run(answer(masking(), ""), raws)).count("[EMAIL_1]") == 1


def test_text_parts_of_a_candidate_are_one_text_whatever_their_places() -> None:
    def said(*parts: dict[str, str]) -> bytes:
        return event({"candidates": [{"content": {"parts": list(parts)}}]})

    raws = [said({"text": "to "}, {"text": "john.d"}), said({"text": "oe@example.com "})]
    said_ = spoken(run(answer(masking(), ""), raws))
    assert "[EMAIL_1]" in said_
    assert "oe@" not in said_


def test_arguments_that_stream_are_joined_by_the_place_that_they_are_for() -> None:
    def call(path: str, text: str) -> bytes:
        partial = [{"jsonPath": path, "stringValue": text, "willContinue": True}]
        part = {"functionCall": {"partialArgs": partial}}
        return event({"candidates": [{"content": {"parts": [part]}}]})

    raws = [call("$.to", "john.d"), call("$.cc", "nobody. "), call("$.to", "oe@example.com ")]
    assert "[EMAIL_1]" in spoken(run(answer(masking(), ""), raws))


def test_messages_of_a_run_are_joined_each_by_its_id() -> None:
    def said(owner: str, text: str) -> bytes:
        delta = {"content": [{"index": 0, "type": "text", "text": {"value": text}}]}
        return event({"id": owner, "object": "thread.message.delta", "delta": delta}, "thread.message.delta")

    raws = [said("msg_a", "john.d"), said("msg_b", "x. "), said("msg_a", "oe@example.com "), said("msg_b", "y. ")]
    out = run(answer(masking(), ""), raws)
    assert "[EMAIL_1]" in spoken(out)
    assert out.count(b"event: thread.message.delta\n") == out.count(b"data: ")


@pytest.mark.parametrize("around", [{}, {"traceId": "t"}])
def test_a_signature_of_gemini_passes_beside_the_text_and_the_call_that_it_signs(around: dict[str, str]) -> None:
    parts: tuple[dict[str, Any], ...] = (
        {"text": "I look", "thought": True},
        {"functionCall": {"name": "plan", "args": {"city": "York"}}, "thoughtSignature": SEALED},
        {"text": "", "thoughtSignature": SEALED},
    )
    said = [{"candidates": [{"content": {"parts": [part], "role": "model"}, "index": 0}]} for part in parts]
    raws = [event({"response": each, **around} if around else each) for each in said]
    stream = answer(masking(), "")
    assert run(stream, raws) == b"".join(raws)
    assert stream.unread.keys() == {"encrypted"}


def test_held_text_is_told_in_an_event_like_those_before_it() -> None:
    raws = events("gemini", ("hello wor", "ld"))
    out = documents(run(answer(masking(), ""), raws))
    assert all(each["candidates"][0]["content"]["role"] == "model" for each in out)
    assert "".join(part["text"] for each in out for part in each["candidates"][0]["content"]["parts"]) == (
        "hello worldhello world"
    )


@pytest.mark.parametrize(("name", "error"), [("gemini", "error"), ("thread", "error"), ("llama", "error")])
def test_a_stream_of_another_api_that_is_blocked_ends_with_an_error(name: str, error: str) -> None:
    out = run(answer(stage((processor(action="block"), EMAIL)), ""), events(name, PIECES))
    assert error in documents(out)[-1]


# -- whole documents


def rpc(**more: object) -> bytes:
    return event({"jsonrpc": "2.0", **more}, "message")


def test_messages_of_json_rpc_stay_readable_one_by_one() -> None:
    raws = [
        rpc(method="notifications/message", params={"level": "info", "data": f"to {VALUE}"}),
        rpc(id=1, result={"content": [{"type": "text", "text": f"from {VALUE} or john"}]}),
        event([{"jsonrpc": "2.0", "id": 2, "result": {"text": f"{VALUE}"}}]),
    ]
    for claimed in CLAIMED:
        stream = answer(masking(), claimed)
        out = run(stream, raws)
        assert not stream.unread
        assert out == b"".join(raws).replace(VALUE.encode(), b"[EMAIL_1]")


@pytest.mark.parametrize(
    "message",
    [
        {"id": 1, "result": {"kind": "artifact-update", "append": True, "artifact": {"parts": [{"text": "john.d"}]}}},
        {"id": 1, "result": {"artifactUpdate": {"lastChunk": False, "artifact": {"parts": [{"text": "john.d"}]}}}},
        {"method": "session/update", "params": {"update": {"sessionUpdate": "agent_message_chunk", "content": "a"}}},
        {"method": "item/agentMessage/delta", "params": {"itemId": "i", "text": "john.d"}},
        {"method": "notifications/tools/call/partial", "params": {"text": "john.d"}},
        {"method": "x", "params": {"delta": "john.d"}},
        {"method": "x", "params": {"chunk": {"text": "john.d"}}},
        {"method": "codex/event", "params": {"msg": {"type": "agent_message_delta", "text": "john.d"}}},
        {"method": "x", "params": {"event": {"kind": "textChunk", "text": "john.d"}}},
    ],
)
def test_a_message_of_json_rpc_that_brings_a_piece_is_uninspected(message: dict[str, object]) -> None:
    stream = answer(masking(), "mcp")
    run(stream, [rpc(**message)])
    assert stream.unread == {"stream": 1}
    assert stream.ended


@pytest.mark.parametrize(
    "message",
    [
        {"method": "notifications/message", "params": {"level": "info", "data": {"chunk": "a", "delta": "b"}}},
        {"id": 1, "result": {"structuredContent": {"chunk": "a", "delta": "b", "type": "text_delta"}}},
        {"id": 1, "method": "sampling/createMessage", "params": {"messages": [{"content": {"text": "a chunk"}}]}},
        {"method": "notifications/progress", "params": {"progressToken": 1, "message": "a delta"}},
    ],
)
def test_a_message_of_json_rpc_with_data_of_a_tool_is_no_piece(message: dict[str, object]) -> None:
    stream = answer(masking(), "mcp")
    assert run(stream, [rpc(**message)]) == rpc(**message)
    assert not stream.unread


def delta(**members: object) -> bytes:
    return event({"id": "c", "choices": [{"index": 0, "delta": members}]})


def call(text: str) -> bytes:
    return delta(tool_calls=[{"index": 0, "id": text, "function": {"arguments": ""}}])


WORDS: dict[str, Callable[[str], bytes]] = {
    "a role": lambda text: delta(role=text, content="a"),
    "the identifier of a call": call,
    "the identifier of a sound": lambda text: delta(audio={"id": text}),
}
"""Words of an API in deltas, which OpenAI's and LangChain's clients add to what they have."""


@gathered("cut_at", range(1, len(VALUE.strip())))
@gathered("name", ["a role", "the identifier of a call", "the identifier of a sound"])
def test_a_value_cut_over_words_that_clients_join_is_not_shown(name: str, cut_at: int) -> None:
    value = VALUE.strip()
    stream = answer(masking(), "openai.chat")
    out = run(stream, [WORDS[name](value[:cut_at]), WORDS[name](value[cut_at:])])
    shown = "".join(re.findall(r'"(?:role|id)": ?"(?!c")([^"]*)"', out.decode()))
    assert value not in shown
    assert stream.unread == {"stream": 1} or sum(stream.counts.values()) == 1


@pytest.mark.parametrize("name", ["a role", "the identifier of a call", "the identifier of a sound"])
def test_words_that_say_nothing_together_pass_as_they_are(name: str) -> None:
    raws = [WORDS[name](word) for word in ("assistant", "assistant", "call_a1", "call_b2", "", "call_b2")]
    stream = answer(masking(), "openai.chat")
    assert run(stream, raws) == b"".join(raws)
    assert not stream.unread


def test_words_are_joined_in_so_many_places() -> None:
    def roles(first: int, count: int) -> list[bytes]:
        return [
            event({"choices": [{"index": at, "delta": {"role": f"r{at}"}}]}, "") for at in range(first, first + count)
        ]

    stream = answer(masking(), "openai.chat")
    for raw in roles(0, MAX_WORDS):
        stream.feed(raw)
    assert not stream.unread
    for raw in roles(MAX_WORDS, 1):
        stream.feed(raw)
    assert stream.unread == {"stream": 1}


@gathered(
    "document",
    [
        {"type": "ping"},
        {"type": "status", "status": "running", "progress": 0.4},
        {"error": {"message": "the model is overloaded", "code": 503}},
        {"id": "gen-1", "object": "chat.completion.chunk", "usage": {"total_tokens": 7}},
        17,
        None,
    ],
)
@gathered("claimed", CLAIMED)
def test_events_that_bring_no_text_and_an_error_are_read_on_any_path(claimed: str, document: object) -> None:
    stream = answer(masking(), claimed)
    assert run(stream, [event(document)]) == event(document)
    assert not stream.unread


@gathered(
    "document",
    [
        {"event": "output", "data": "john.d"},
        {"type": "text-delta", "id": "0", "delta": "john.d"},
        {"type": "TEXT_MESSAGE_CONTENT", "messageId": "m", "delta": "john.d"},
        {"Choices": [{"index": 0, "Delta": {"Content": "john.d"}}]},
        {"contentBlockDelta": {"delta": {"text": "john.d"}, "contentBlockIndex": 0}},
        {"message": {"text": ["john.d"]}},
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "john.d"}},
        {"type": "content_block_delta", "index": "0", "delta": {"type": "text_delta", "text": "john.d"}},
        {"type": "content_block_delta", "index": 10**6, "delta": {"type": "text_delta", "text": "john.d"}},
        {"choices": [[{"delta": {"content": "john.d"}}]]},
        {"object": "thread.unheard", "text": "john.d"},
        {"candidates": [{"output": "john.d"}]},
        {"candidates": [{"content": {"parts": {"text": "john.d"}}}]},
        {"content": "", "stop": False, "note": "john.d"},
        {"type": "content-delta", "index": 0, "delta": {"note": "john.d"}},
        {"object": "thread.message.delta", "id": "m", "note": "john.d"},
        ["john.d"],
        '"john.d"',
    ],
)
@gathered("claimed", CLAIMED)
def test_an_event_of_unknown_shape_that_tells_something_is_uninspected(claimed: str, document: object) -> None:
    stream = answer(masking(), claimed)
    out = run(stream, [event(document)] * 2)
    assert stream.unread == {"stream": 1}
    assert stream.blocked is not None
    assert stream.blocked.reason == "uninspected"
    assert b"john.d" not in out
    passing = answer(masking(), claimed, blocks_unread=False)
    assert run(passing, [event(document)] * 2) == event(document) * 2
    assert passing.unread == {"stream": 1}, "it is told once"


def test_a_stream_of_unknown_shape_that_may_pass_is_judged_event_by_event_all_the_same() -> None:
    stream = answer(masking(), "", blocks_unread=False)
    assert run(stream, [event({"note": f"to {VALUE}"})]) == event({"note": "to [EMAIL_1]"})


def test_an_event_of_two_shapes_is_uninspected() -> None:
    both = {"choices": [{"index": 0, "delta": {"content": "x"}}], "candidates": [{"content": {"parts": []}}]}
    stream = answer(masking(), "openai.chat")
    run(stream, [event(both)])
    assert stream.unread == {"stream": 1}


def test_events_of_another_api_among_those_of_one_are_uninspected() -> None:
    stream = answer(masking(), "openai.chat")
    out = run(stream, [*events("chat", ("john.d",))[:2], *events("gemini", ("oe@example.com ",))])
    assert stream.unread == {"stream": 1}
    assert b"oe@" not in out
    assert b"uninspected_content" in out
