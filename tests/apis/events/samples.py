"""Streamed answers of each dialect, in the shapes that the providers send; `pieces` are what a model says."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

Pieces: TypeAlias = Sequence[str]


def event(document: object, name: str = "", end: str = "\n", *, ascii_only: bool = False) -> bytes:
    """One event with a document in it."""
    data = document if isinstance(document, str) else json.dumps(document, ensure_ascii=ascii_only)
    return f"{f'event: {name}{end}' if name else ''}data: {data}{end}{end}".encode()


def chunk(choices: list[Any], **more: Any) -> bytes:
    """A chunk of a chat completion."""
    head = {"id": "chatcmpl-AbC123", "object": "chat.completion.chunk", "created": 1700000000, "model": "gpt-4o-mini"}
    return event({**head, "system_fingerprint": "fp_1", "choices": choices, **more})


def choice(delta: dict[str, Any], at: int = 0, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """A choice of such a chunk."""
    return {"index": at, "delta": delta, "logprobs": None, "finish_reason": finish, **more}


def chat(pieces: Pieces) -> list[bytes]:
    """Text in one choice, with usage and obfuscation, as OpenAI streams it."""
    return [
        chunk([choice({"role": "assistant", "content": "", "refusal": None})], usage=None, obfuscation="x1"),
        *(
            chunk([choice({"content": piece})], usage=None, obfuscation="Ab3" * (1 + len(piece) % 4))
            for piece in pieces
        ),
        chunk([choice({}, finish="stop")], usage=None, obfuscation="q"),
        chunk([], usage={"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}, obfuscation=""),
        event("[DONE]"),
    ]


def chat_choices(pieces: Pieces) -> list[bytes]:
    """Three choices in turn, one of them thinking first, one refusing; usage in every chunk, as vLLM can."""
    opened = [chunk([choice({"role": "assistant", "content": ""}, at)]) for at in range(3)]
    counts = iter(range(1, 10_000))
    said = [
        chunk([choice({name: piece}, at)], usage={"completion_tokens": next(counts)})
        for piece in pieces
        for name, at in (("reasoning_content", 0), ("content", 1), ("refusal", 2), ("content", 0))
    ]
    ended = [chunk([choice({}, at, "length", stop_reason="</s>")]) for at in (2, 0, 1)]
    return [*opened, *said, *ended, event("[DONE]")]


def chat_tools(pieces: Pieces) -> list[bytes]:
    """Two tool calls, one after the other, whose arguments are JSON text, and a legacy function call."""
    arguments = ['{"city": "', *(json.dumps(piece)[1:-1] for piece in pieces), '", "n": 12}']
    events = [chunk([choice({"role": "assistant", "content": None})])]
    for at in range(2):
        function = {"name": f"tool_{at}", "arguments": ""}
        call = {"index": at, "id": f"call_{at}", "type": "function", "function": function}
        events.append(chunk([choice({"tool_calls": [call]})]))
        more = ({"index": at, "function": {"arguments": piece}} for piece in arguments)
        events += [chunk([choice({"tool_calls": [piece]})]) for piece in more]
    events.append(chunk([choice({"function_call": {"name": "old", "arguments": "{"}})]))
    return [*events, chunk([choice({}, finish="tool_calls")]), event("[DONE]")]


def chat_parts(pieces: Pieces) -> list[bytes]:
    """Content in typed parts and in reasoning details, as Mistral and OpenRouter send it."""
    detail = {"index": 0, "type": "reasoning.text", "format": "anthropic-v1"}
    return [
        *(
            chunk([choice({"content": [{"type": "text", "text": piece}]})], provider="Amazon Bedrock")
            for piece in pieces
        ),
        *(chunk([choice({"reasoning_details": [{**detail, "text": piece}]})]) for piece in pieces),
        chunk([choice({"annotations": [{"type": "url_citation", "title": "".join(pieces)}]})]),
        chunk([choice({}, finish="stop")]),
        event("[DONE]"),
    ]


def completions(pieces: Pieces) -> list[bytes]:
    """Text of the old API, two prompts at once."""
    head = {"id": "cmpl-1", "object": "text_completion", "created": 1700000000, "model": "instruct"}
    said = [
        event({**head, "choices": [{"index": at, "text": piece, "logprobs": None, "finish_reason": None}]})
        for piece in pieces
        for at in (0, 1)
    ]
    ended = [{"index": at, "text": "", "logprobs": None, "finish_reason": "stop"} for at in (0, 1)]
    return [*said, event({**head, "choices": ended}), event("[DONE]")]


def responses(pieces: Pieces) -> list[bytes]:
    """A reasoning summary, a message with text and a refusal, and a function call, each repeated whole."""
    made: list[bytes] = []
    text = "".join(pieces)

    def add(kind: str, **more: Any) -> None:
        made.append(event({"type": kind, "sequence_number": len(made), **more}, kind))

    def grow(stem: str, member: str, where: Mapping[str, Any], said: Pieces, **more: Any) -> None:
        for piece in said:
            add(f"response.{stem}.delta", **where, delta=piece, obfuscation="aB" * (len(piece) % 3), **more)
        add(f"response.{stem}.done", **where, **{member: "".join(said)}, **more)

    head = {"id": "resp_1", "object": "response", "created_at": 1700000000, "model": "gpt-4o", "tools": []}
    add("response.created", response={**head, "status": "in_progress", "output": [], "usage": None})
    add("response.in_progress", response={**head, "status": "in_progress", "output": [], "usage": None})
    items: list[dict[str, Any]] = []

    thought = {"id": "rs_1", "type": "reasoning", "summary": list[Any]()}
    add("response.output_item.added", output_index=0, item=thought)
    where = {"item_id": "rs_1", "output_index": 0, "summary_index": 0}
    add("response.reasoning_summary_part.added", **where, part={"type": "summary_text", "text": ""})
    grow("reasoning_summary_text", "text", where, pieces)
    summary = {"type": "summary_text", "text": text}
    add("response.reasoning_summary_part.done", **where, part=summary)
    items.append({**thought, "summary": [summary], "encrypted_content": "gAAAA=="})
    add("response.output_item.done", output_index=0, item=items[-1])

    message = {"id": "msg_1", "type": "message", "status": "in_progress", "role": "assistant", "content": list[Any]()}
    add("response.output_item.added", output_index=1, item=message)
    where = {"item_id": "msg_1", "output_index": 1, "content_index": 0}
    part = {"type": "output_text", "annotations": list[Any](), "text": "", "logprobs": list[Any]()}
    add("response.content_part.added", **where, part=part)
    grow("output_text", "text", where, pieces, logprobs=[])
    add("response.content_part.done", **where, part={**part, "text": text})
    where = {**where, "content_index": 1}
    add("response.content_part.added", **where, part={"type": "refusal", "refusal": ""})
    grow("refusal", "refusal", where, pieces)
    add("response.content_part.done", **where, part={"type": "refusal", "refusal": text})
    items.append(
        {**message, "status": "completed", "content": [{**part, "text": text}, {"type": "refusal", "refusal": text}]}
    )
    add("response.output_item.done", output_index=1, item=items[-1])

    call = {"id": "fc_1", "type": "function_call", "call_id": "call_1", "name": "look", "arguments": ""}
    add("response.output_item.added", output_index=2, item=call)
    said = ['{"q":"', *(json.dumps(piece)[1:-1] for piece in pieces), '"}']
    grow("function_call_arguments", "arguments", {"item_id": "fc_1", "output_index": 2}, said)
    items.append({**call, "arguments": "".join(said)})
    add("response.output_item.done", output_index=2, item=items[-1])
    used = {"input_tokens": 3, "output_tokens": 9, "total_tokens": 12}
    add("response.completed", response={**head, "status": "completed", "output": items, "usage": used})
    return made


def messages(pieces: Pieces) -> list[bytes]:
    """Thinking with its signature, text, and the input of a tool."""

    def add(kind: str, **more: Any) -> bytes:
        return event({"type": kind, **more}, kind)

    def block(at: int, begun: dict[str, Any], deltas: list[dict[str, Any]]) -> list[bytes]:
        grown = [add("content_block_delta", index=at, delta=delta) for delta in deltas]
        return [add("content_block_start", index=at, content_block=begun), *grown, add("content_block_stop", index=at)]

    head: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [],
        "stop_reason": None,
    }
    arguments = ["", '{"q": "', *(json.dumps(piece)[1:-1] for piece in pieces), '"}']
    return [
        add("message_start", message={**head, "usage": {"input_tokens": 25, "output_tokens": 1}}),
        *block(
            0,
            {"type": "thinking", "thinking": "", "signature": ""},
            [
                *({"type": "thinking_delta", "thinking": piece} for piece in pieces),
                {"type": "signature_delta", "signature": "EqQBCgIYAhIM1gncDa9GJwZA2n3h=="},
            ],
        ),
        add("ping"),
        *block(1, {"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in pieces]),
        *block(
            2,
            {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}},
            [{"type": "input_json_delta", "partial_json": piece} for piece in arguments],
        ),
        add("message_delta", delta={"stop_reason": "tool_use", "stop_sequence": None}, usage={"output_tokens": 15}),
        add("message_stop"),
    ]


def mcp(pieces: Pieces) -> list[bytes]:
    """A notification and the result of a tool."""
    text = "".join(pieces)
    note = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": text}}
    result = {"content": [{"type": "text", "text": text}], "structuredContent": {"found": [{"title": text}]}}
    return [event(note, "message"), event({"jsonrpc": "2.0", "id": 7, "result": result}, "message")]


STREAMS: Mapping[str, tuple[str, Callable[[Pieces], list[bytes]]]] = {
    "chat": ("openai.chat", chat),
    "choices": ("openai.chat", chat_choices),
    "tools": ("openai.chat", chat_tools),
    "parts": ("openai.chat", chat_parts),
    "completions": ("openai.completions", completions),
    "responses": ("openai.responses", responses),
    "messages": ("anthropic.messages", messages),
    "mcp": ("mcp", mcp),
}
"""By a name of ours: the dialect, and what makes a stream."""
