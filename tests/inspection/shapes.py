"""Streamed responses in the shapes of many providers, with nothing in them that any rule finds.

Texts are cut in the middle of words and of characters, as models cut them.
"""

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from tests.apis.events.samples import choice, event, messages, responses

Shape: TypeAlias = tuple[str, list[bytes]]

PIECES = ("The", " plan", " is", " sim", "ple", ":\n", "go to San", " Diego", ".")
JSON_PIECES = ('{"', "city", '": "', "San", " Diego", '", "d', 'ays": ', "1", "2", "}")


def _chunk(choices: list[Any], **more: Any) -> bytes:
    head = {"id": "c-1", "object": "chat.completion.chunk", "created": 1700000000, "model": "m"}
    return event({**head, "choices": choices, **more})


def _deltas(deltas: Sequence[Mapping[str, Any]], at: int = 0, **more: Any) -> list[bytes]:
    return [_chunk([choice(dict(delta), at)], **more) for delta in deltas]


def _ended(finish: str = "stop", **more: Any) -> list[bytes]:
    return [_chunk([choice({}, finish=finish)], **more), event("[DONE]")]


SEALED = base64.b64encode(bytes(at * 37 % 256 for at in range(200))).decode()
"""Bytes that only the provider can read."""

USAGE = {"prompt_tokens": 3, "completion_tokens": 9, "total_tokens": 12}


def _call(at: int | None, name: str, *pieces: str, ident: str = "", **more: Any) -> list[dict[str, Any]]:
    """The deltas of a tool call; the first names it."""
    number = {} if at is None else {"index": at}
    first = {**number, "id": ident or f"call_{name}", "type": "function", **more}
    first["function"] = {"name": name, "arguments": pieces[0] if len(pieces) == 1 else ""}
    rest = pieces if len(pieces) > 1 else ()
    return [
        {"tool_calls": [first]},
        *({"tool_calls": [{**number, "function": {"arguments": piece}}]} for piece in rest),
    ]


def openai_text() -> list[bytes]:
    return [
        *_deltas([{"role": "assistant", "content": "", "refusal": None}], usage=None, obfuscation="a1"),
        *(raw for piece in PIECES for raw in _deltas([{"content": piece}], usage=None, obfuscation="b" * len(piece))),
        _chunk([choice({}, finish="stop")], usage=None, obfuscation=""),
        _chunk([], usage=USAGE, obfuscation="zz"),
        event("[DONE]"),
    ]


def openai_logprobs() -> list[bytes]:
    def spelled(piece: str) -> dict[str, Any]:
        token = {"token": piece, "logprob": -0.25, "bytes": list(piece.encode())}
        return {"content": [{**token, "top_logprobs": [token, {**token, "logprob": -2.5}]}], "refusal": None}

    said = [_chunk([{**choice({"content": piece}), "logprobs": spelled(piece)}]) for piece in PIECES]
    return [*_deltas([{"role": "assistant", "content": ""}]), *said, *_ended()]


def openai_parallel_tools() -> list[bytes]:
    calls = [*_call(0, "plan", *JSON_PIECES), *_call(1, "plan", *JSON_PIECES, ident="call_2")]
    return [*_deltas([{"role": "assistant", "content": None}, *calls]), *_ended("tool_calls")]


def openai_text_then_tool() -> list[bytes]:
    said = [{"content": piece} for piece in ("Let", " me", " look")]
    return [*_deltas([*said, *_call(0, "plan", *JSON_PIECES)]), *_ended("tool_calls")]


def tools_in_turn() -> list[bytes]:
    """The pieces of two calls come in turn."""
    first, second = _call(0, "plan", *JSON_PIECES), _call(1, "plan", *JSON_PIECES, ident="call_2")
    return [
        *_deltas([each for pair in zip(first, second, strict=True) for each in pair]),
        *_ended("tool_calls"),
    ]


def choices_in_turn() -> list[bytes]:
    said = [raw for piece in PIECES for at in range(3) for raw in _deltas([{"content": piece}], at)]
    ended = [_chunk([choice({}, at, "stop")]) for at in (1, 0, 2)]
    return [*said, *ended, event("[DONE]")]


def azure() -> list[bytes]:
    safe = {name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")}
    prompt = [{"prompt_index": 0, "content_filter_results": safe}]
    first = {"choices": [], "created": 0, "id": "", "model": "", "object": "", "prompt_filter_results": prompt}
    said = [_chunk([choice({"content": piece}, content_filter_results=safe)]) for piece in PIECES]
    offsets = {"check_offset": 10, "start_offset": 10, "end_offset": 40}
    late = _chunk(
        [{"index": 0, "finish_reason": None, "content_filter_results": safe, "content_filter_offsets": offsets}]
    )
    return [event(first), *_deltas([{"role": "assistant", "content": ""}]), *said, late, *_ended()]


def deepseek() -> list[bytes]:
    thought = [{"content": None, "reasoning_content": piece} for piece in PIECES]
    said = [{"content": piece, "reasoning_content": None} for piece in PIECES]
    return [*_deltas([{"role": "assistant", "content": None, "reasoning_content": ""}, *thought, *said]), *_ended()]


def xai() -> list[bytes]:
    thought = [{"role": "assistant", "reasoning_content": piece} for piece in PIECES]
    said = [{"role": "assistant", "content": piece} for piece in PIECES]
    last = _chunk([], usage=USAGE, citations=["https://example.org/a", "https://example.org/b"])
    return [*_deltas([*thought, *said]), _chunk([choice({}, finish="stop")]), last, event("[DONE]")]


def groq() -> list[bytes]:
    first = _chunk([choice({"role": "assistant", "content": ""})], x_groq={"id": "req_1"})
    thought = [{"reasoning": piece, "channel": "analysis"} for piece in PIECES]
    said = [{"content": piece, "channel": "final"} for piece in PIECES]
    last = _chunk([choice({}, finish="stop")], x_groq={"id": "req_1", "usage": USAGE})
    return [first, *_deltas([*thought, *said]), last, event("[DONE]")]


def openrouter() -> list[bytes]:
    detail = {"type": "reasoning.text", "format": "anthropic-claude-v1", "index": 0}
    thought: list[dict[str, Any]] = [
        {"role": "assistant", "content": "", "reasoning": piece, "reasoning_details": [{**detail, "text": piece}]}
        for piece in PIECES
    ]
    signed: dict[str, Any] = {"role": "assistant", "content": "", "reasoning": None}
    signed["reasoning_details"] = [{**detail, "signature": "EqQBCgIYAhIM1gbcDa9GJwZA2b3h"}]
    said = [{"role": "assistant", "content": piece} for piece in PIECES]
    made = [_chunk([choice(delta, native_finish_reason=None)], provider="P") for delta in (*thought, signed, *said)]
    ended = _chunk([choice({"role": "assistant", "content": ""}, finish="stop", native_finish_reason="end_turn")])
    return [b": OPENROUTER PROCESSING\n\n", *made, ended, _chunk([], usage=USAGE), event("[DONE]")]


def perplexity() -> list[bytes]:
    more: dict[str, Any] = {
        "citations": ["https://example.org/a"],
        "search_results": [{"title": "A page", "date": None}],
    }
    said = _deltas([{"role": "assistant", "content": piece} for piece in PIECES], **more)
    done = {"id": "c-1", "object": "chat.completion.done", "created": 1700000000, "model": "m", "usage": USAGE}
    return [*said, event({**done, **more, "choices": [choice({"role": "assistant", "content": ""}, finish="stop")]})]


def gemini_tools() -> list[bytes]:
    """Whole calls, all of them with the index 0, with a signature in the first."""
    signed = {"extra_content": {"google": {"thought_signature": "/T/rPJJQt5dKm1KLaWNjIaRhtV71W3vq/YCamp6SW3mmNC+g/bi"}}}
    calls = [
        *_call(0, "plan", '{"city":"San Diego","days":12}', ident="function-call-1", **signed),
        *_call(0, "plan", '{"city":"New York","days":3}', ident="function-call-2"),
    ]
    return [*_deltas([{"role": "assistant", **call} for call in calls]), *_ended("tool_calls")]


def gemini_text() -> list[bytes]:
    said = ["<thought>I should look at the whole of it and then say so</thought>Here is a long piece", " and one more"]
    return [*_deltas([{"role": "assistant", "content": piece} for piece in said]), *_ended()]


def ollama() -> list[bytes]:
    calls = [*_call(0, "plan", '{"city":"San Diego","days":12}'), *_call(1, "plan", '{"city":"York","days":3}')]
    thought = [{"role": "assistant", "content": "", "reasoning": piece} for piece in PIECES]
    said = [{"role": "assistant", "content": "", **call} for call in calls]
    return [*_deltas([*thought, *said], system_fingerprint="fp_ollama"), *_ended("tool_calls")]


def vllm() -> list[bytes]:
    counts = iter(range(1, 1000))
    said = [
        _chunk(
            [choice({"content": piece}, stop_reason=None, token_ids=None)],
            usage={**USAGE, "total_tokens": next(counts)},
        )
        for piece in PIECES
    ]
    return [*_deltas([{"role": "assistant", "content": ""}]), *said, *_ended(usage=USAGE)]


def without_finish() -> list[bytes]:
    """As of Snowflake: no finish reason at all; the usage comes last."""
    return [*_deltas([{"content": piece} for piece in PIECES]), _chunk([], usage=USAGE), event("[DONE]")]


def usage_only() -> list[bytes]:
    """Not even an end mark."""
    return [*_deltas([{"content": piece} for piece in PIECES]), _chunk([], usage=USAGE)]


def litellm() -> list[bytes]:
    blocks = [{"type": "thinking", "thinking": piece, "signature": ""} for piece in PIECES]
    thought = [{"reasoning_content": block["thinking"], "thinking_blocks": [block]} for block in blocks]
    signed = {"thinking_blocks": [{"type": "thinking", "thinking": "", "signature": SEALED}]}
    cited = {"citation": {"type": "char_location", "cited_text": "see below", "document_title": "A page"}}
    said = [{"content": piece, "provider_specific_fields": cited if piece == " plan" else None} for piece in PIECES]
    return [*_deltas([*thought, signed, *said]), *_ended()]


def alibaba() -> list[bytes]:
    """The pieces of a call have an empty identifier."""
    first, *rest = _call(0, "plan", *JSON_PIECES)
    for delta in rest:
        delta["tool_calls"][0] |= {"id": "", "type": "function"}
    return [*_deltas([{"role": "assistant", "content": None}, first, *rest]), *_ended("tool_calls")]


def mistral() -> list[bytes]:
    thought = [{"content": [{"type": "thinking", "thinking": [{"type": "text", "text": piece}]}]} for piece in PIECES]
    return [
        *_deltas([{"role": "assistant", "content": ""}, *thought, *({"content": piece} for piece in PIECES)], p="abcd"),
        _chunk([choice({"content": "!"}, finish="stop")], usage=USAGE, p="ab"),
        event("[DONE]"),
    ]


def finish_with_every_piece() -> list[bytes]:
    return [*(_chunk([choice({"content": piece}, finish="stop")]) for piece in PIECES), event("[DONE]")]


def think_tags() -> list[bytes]:
    said = ("<think>", "\n", "I", " wonder", "\n", "</think>", "\n\n", "It", " is", " so")
    return [*_deltas([{"content": piece} for piece in said]), *_ended()]


def half_emojis() -> list[bytes]:
    said = [r"so \ud83d", r"\ude00 and", r" \ud83d", r"\ude80", r"\ud83d\ude00x", r" \ud83d", " lone"]
    raws = [_deltas([{"content": "?"}])[0].replace(b'"?"', b'"%s"' % piece.encode()) for piece in said]
    return [*raws, *_ended()]


def refusal() -> list[bytes]:
    return [
        *_deltas([{"role": "assistant", "content": None, "refusal": ""}, *({"refusal": p} for p in PIECES)]),
        *_ended(),
    ]


def _numbered(events: Sequence[Mapping[str, Any]]) -> list[bytes]:
    return [event({**each, "sequence_number": at}, each["type"]) for at, each in enumerate(events)]


def _created() -> Iterator[dict[str, Any]]:
    head = {"id": "r", "object": "response", "created_at": 1, "model": "m", "output": [], "tools": []}
    more = {"parallel_tool_calls": True, "tool_choice": "auto"}
    yield {"type": "response.created", "response": {**head, **more, "status": "in_progress"}}


def _completed(output: Sequence[Any]) -> dict[str, Any]:
    head = {"id": "r", "object": "response", "created_at": 1, "model": "m", "output": list(output), "tools": []}
    more = {"parallel_tool_calls": True, "tool_choice": "auto", "usage": None}
    return {"type": "response.completed", "response": {**head, **more, "status": "completed"}}


def long_item_ids() -> list[bytes]:
    return _said(PIECES, "msg_" + "Ab9/" * 160)


def _said(pieces: Sequence[str], ident: str) -> list[bytes]:
    """One message with one text."""
    where = {"item_id": ident, "output_index": 0, "content_index": 0}
    head: dict[str, Any] = {"id": ident, "type": "message", "role": "assistant", "content": []}
    message = {**head, "status": "in_progress"}
    part = {"type": "output_text", "text": "", "annotations": []}
    whole = {**part, "text": "".join(pieces)}
    return _numbered(
        [
            *_created(),
            {"type": "response.output_item.added", "output_index": 0, "item": message},
            {"type": "response.content_part.added", **where, "part": part},
            *({"type": "response.output_text.delta", **where, "delta": piece, "logprobs": []} for piece in pieces),
            {"type": "response.output_text.done", **where, "text": "".join(pieces), "logprobs": []},
            {"type": "response.content_part.done", **where, "part": whole},
            {"type": "response.output_item.done", "output_index": 0, "item": {**message, "content": [whole]}},
            _completed([{**message, "content": [whole]}]),
        ]
    )


def reasoning_without_done() -> list[bytes]:
    """Reasoning as text, and the answer behind it, with no event that ends either."""
    thought: dict[str, Any] = {"id": "rs_1", "type": "reasoning", "summary": [], "content": []}
    message: dict[str, Any] = {
        "id": "m_1",
        "type": "message",
        "role": "assistant",
        "status": "in_progress",
        "content": [],
    }
    inner, outer = (
        {"item_id": item, "output_index": at, "content_index": 0} for at, item in enumerate(("rs_1", "m_1"))
    )
    part = {"type": "output_text", "text": "", "annotations": []}
    return _numbered(
        [
            *_created(),
            {"type": "response.output_item.added", "output_index": 0, "item": thought},
            {"type": "response.content_part.added", **inner, "part": {"type": "reasoning_text", "text": ""}},
            *({"type": "response.reasoning_text.delta", **inner, "delta": piece} for piece in PIECES),
            {"type": "response.output_item.added", "output_index": 1, "item": message},
            {"type": "response.content_part.added", **outer, "part": part},
            *({"type": "response.output_text.delta", **outer, "delta": piece, "logprobs": []} for piece in PIECES),
            _completed([]),
        ]
    )


def _messages(*blocks: tuple[dict[str, Any], list[dict[str, Any]]]) -> list[bytes]:
    usage = {"input_tokens": 5, "output_tokens": 1}
    head: dict[str, Any] = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": None}
    made: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**head, "content": [], "stop_sequence": None, "usage": usage}}
    ]
    for at, (begun, deltas) in enumerate(blocks):
        made.append({"type": "content_block_start", "index": at, "content_block": begun})
        made += [{"type": "content_block_delta", "index": at, "delta": delta} for delta in deltas]
        made.append({"type": "content_block_stop", "index": at})
        made += [{"type": "ping"}] * (not at)
    made.append({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": usage})
    return [event(each, each["type"]) for each in [*made, {"type": "message_stop"}]]


def anthropic_compaction() -> list[bytes]:
    compacted = [{"type": "compaction_delta", "content": "".join(PIECES)}]
    said = [{"type": "text_delta", "text": piece} for piece in PIECES]
    return _messages(({"type": "compaction", "content": ""}, compacted), ({"type": "text", "text": ""}, said))


def anthropic_citations() -> list[bytes]:
    cited = {"type": "char_location", "cited_text": "go to San Diego", "document_index": 0, "document_title": "A page"}
    citation = {**cited, "start_char_index": 0, "end_char_index": 15, "file_id": None}
    said: list[dict[str, Any]] = [{"type": "text_delta", "text": piece} for piece in PIECES]
    said[3:3] = [{"type": "citations_delta", "citation": citation}]
    more = [{"type": "text_delta", "text": piece} for piece in PIECES]
    return _messages(({"type": "text", "text": "", "citations": []}, said), ({"type": "text", "text": ""}, more))


def anthropic_tools() -> list[bytes]:
    pieces = [{"type": "input_json_delta", "partial_json": piece} for piece in ("", *JSON_PIECES)]
    said = [{"type": "text_delta", "text": piece} for piece in PIECES]
    tool = {"type": "tool_use", "id": "toolu_1", "name": "plan", "input": {}}
    server = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    sealed = {"type": "redacted_thinking", "data": "EmwKAhgBEgy3va3pzix6AAAA"}
    return _messages((sealed, []), ({"type": "text", "text": ""}, said), (server, pieces), (tool, pieces))


def openai_json() -> list[bytes]:
    """The answer is JSON, as `response_format` asks."""
    said = [{"content": piece} for piece in JSON_PIECES]
    return [*_deltas([{"role": "assistant", "content": "", "refusal": None}, *said]), *_ended()]


def openai_responses_json() -> list[bytes]:
    return _said(JSON_PIECES, "msg_1")


def anthropic_json() -> list[bytes]:
    said = [{"type": "text_delta", "text": piece} for piece in JSON_PIECES]
    return _messages(({"type": "text", "text": ""}, said))


def openai_responses() -> list[bytes]:
    return responses(PIECES)


def anthropic_thinking() -> list[bytes]:
    return messages(PIECES)


_CHAT: Sequence[Callable[[], list[bytes]]] = (
    *(openai_text, openai_logprobs, openai_parallel_tools, openai_text_then_tool, tools_in_turn, choices_in_turn),
    *(azure, deepseek, xai, groq, openrouter, perplexity, gemini_tools, gemini_text, ollama, vllm, without_finish),
    *(usage_only, litellm, alibaba, mistral, finish_with_every_piece, think_tags, half_emojis, refusal, openai_json),
)
_RESPONSES = (openai_responses, long_item_ids, reasoning_without_done, openai_responses_json)
_MESSAGES = (anthropic_thinking, anthropic_compaction, anthropic_citations, anthropic_tools, anthropic_json)

SHAPES: Mapping[str, tuple[str, Callable[[], list[bytes]]]] = {
    **{make.__name__: ("openai.chat", make) for make in _CHAT},
    **{make.__name__: ("openai.responses", make) for make in _RESPONSES},
    **{make.__name__: ("anthropic.messages", make) for make in _MESSAGES},
}
"""By their names: the dialect, and what makes the events."""


def planted(raws: Sequence[bytes], pieces: Sequence[str], values: Sequence[str]) -> list[bytes]:
    """The events with other pieces of text in the place of some of their own."""
    made = list(raws)
    for piece, value in zip(pieces, values, strict=True):
        before, after = (json.dumps(json.dumps(each)[1:-1])[1:-1].encode() for each in (piece, value))
        made = [raw.replace(b'"%s"' % before, b'"%s"' % after) for raw in made]
    return made
