"""The same response streamed and whole: what makes both from one text, and what a client has of each."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from tests.apis.events.client import documents
from tests.apis.events.samples import event

Steps = Sequence[str | int]


class Twin(Struct, frozen=True):
    """One text of an API. `events`: the stream of its pieces; `whole`: the body that has all of it.

    `heard`, `said`: the text as a client has it of the stream's documents and of the body.
    """

    dialect: str
    events: Callable[[Sequence[str]], list[Any]]
    whole: Callable[[str], Any]
    heard: Callable[[list[Any]], Any]
    said: Callable[[Any], Any]

    def stream(self, pieces: Sequence[str]) -> list[bytes]:
        """The events of the stream."""
        return [event(each, each.get("type", "") if isinstance(each, dict) else "") for each in self.events(pieces)]

    def body(self, text: str) -> bytes:
        """The whole body."""
        return json.dumps(self.whole(text), ensure_ascii=False).encode()

    def of_stream(self, data: bytes) -> Any:
        """The text as a client of the stream has it."""
        return self.heard([each for each in documents(data) if isinstance(each, dict)])

    def of_body(self, data: bytes) -> Any:
        """The text as a client of the body has it."""
        return self.said(json.loads(data))


def at(value: Any, steps: Steps) -> Any:
    """The value at a path, or None."""
    for step in steps:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def under(steps: Steps, value: Any) -> Any:
    """The object that has a value at a path."""
    for step in reversed(steps):
        value = [value] if isinstance(step, int) else {step: value}
    return value


def _joined(steps: Steps) -> Callable[[list[Any]], str]:
    return lambda documents: "".join(at(each, steps) or "" for each in documents)


def _chat(*steps: str | int, **beside: Any) -> Twin:
    """A member of a delta that grows; `beside`: what stands in the object around the text."""

    def choice(name: str, text: str, finish: str | None) -> Any:
        inner: Any = {**beside, str(steps[-1]): text}
        return {"index": 0, name: under(steps[:-1], inner), "finish_reason": finish}

    return Twin(
        "openai.chat",
        lambda pieces: [
            *({"id": "c", "choices": [choice("delta", piece, None)]} for piece in pieces),
            {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
            "[DONE]",
        ],
        lambda text: {"id": "c", "choices": [choice("message", text, "stop")]},
        _joined(("choices", 0, "delta", *steps)),
        lambda body: at(body, ("choices", 0, "message", *steps)),
    )


def _completions() -> Twin:
    return Twin(
        "openai.completions",
        lambda pieces: [
            *({"id": "c", "choices": [{"index": 0, "text": piece, "finish_reason": None}]} for piece in pieces),
            {"id": "c", "choices": [{"index": 0, "text": "", "finish_reason": "stop"}]},
            "[DONE]",
        ],
        lambda text: {"id": "c", "choices": [{"index": 0, "text": text, "finish_reason": "stop"}]},
        _joined(("choices", 0, "text")),
        lambda body: at(body, ("choices", 0, "text")),
    )


def _responses(stem: str, member: str, kind: str, *steps: str | int) -> Twin:
    """A text of an output item: its deltas, and the event that repeats it whole."""

    def item(text: str) -> Any:
        inner: Any = {steps[-1]: text}
        outer: Any = under(steps[:-1], inner)
        return {"id": "i", "type": kind, **outer}

    def events(pieces: Sequence[str]) -> list[Any]:
        where = {"item_id": "i", "output_index": 0, "content_index": 0, "summary_index": 0}
        made = [{"type": f"response.{stem}.delta", **where, "delta": piece} for piece in pieces]
        made.append({"type": f"response.{stem}.done", **where, member: "".join(pieces)})
        made.append({"type": "response.output_item.done", "output_index": 0, "item": item("".join(pieces))})
        made.append({"type": "response.completed", "response": {"id": "r", "output": [item("".join(pieces))]}})
        return [{**each, "sequence_number": number} for number, each in enumerate(made)]

    def heard(documents: list[Any]) -> Any:
        texts = ["".join(each["delta"] for each in documents if each["type"] == f"response.{stem}.delta")]
        texts += [each[member] for each in documents if each["type"] == f"response.{stem}.done"]
        texts += [at(each, ("item", *steps)) for each in documents if "item" in each]
        texts += [at(each, ("response", "output", 0, *steps)) for each in documents if "response" in each]
        (one,) = set(texts)
        return one

    return Twin(
        "openai.responses",
        events,
        lambda text: {"id": "r", "output": [item(text)]},
        heard,
        lambda body: at(body, ("output", 0, *steps)),
    )


def _messages(block: Mapping[str, Any], kind: str, member: str, name: str) -> Twin:
    """A text of a block of Anthropic's."""

    def events(pieces: Sequence[str]) -> list[Any]:
        deltas = [
            {"type": "content_block_delta", "index": 0, "delta": {"type": kind, member: piece}} for piece in pieces
        ]
        return [
            {"type": "message_start", "message": {"id": "m", "type": "message", "role": "assistant", "content": []}},
            {"type": "content_block_start", "index": 0, "content_block": {**block, name: ""}},
            *deltas,
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
            {"type": "message_stop"},
        ]

    return Twin(
        "anthropic.messages",
        events,
        lambda text: {"id": "m", "type": "message", "role": "assistant", "content": [{**block, name: text}]},
        _joined(("delta", member)),
        lambda body: at(body, ("content", 0, name)),
    )


def _input() -> Twin:
    """The input of a tool of Anthropic's: a value in a whole message, and its JSON in the stream."""
    text = _messages({"type": "tool_use", "id": "t", "name": "look"}, "input_json_delta", "partial_json", "input")

    def events(pieces: Sequence[str]) -> list[Any]:
        # One character a piece where there are several, so that a cut lies anywhere in the JSON.
        said = json.dumps({"q": "".join(pieces)})
        step = 1 if len(pieces) > 1 else len(said)
        return text.events([said[start : start + step] for start in range(0, len(said), step)])

    return Twin(
        text.dialect,
        events,
        lambda said: (
            text.whole(said) | {"content": [{"type": "tool_use", "id": "t", "name": "look", "input": {"q": said}}]}
        ),
        lambda documents: json.loads(text.heard(documents))["q"],
        lambda body: at(body, ("content", 0, "input", "q")),
    )


def _whole(dialect: str, stream: Callable[[str], list[Any]], body: Callable[[str], Any], *steps: str | int) -> Twin:
    """A text that comes in one event; `steps` lead to it in the body and, behind any others, in the event."""
    return Twin(
        dialect,
        lambda pieces: stream("".join(pieces)),
        body,
        lambda documents: next(found for each in documents if (found := _found(each, steps[-1])) is not None),
        lambda value: at(value, steps),
    )


def _found(value: Any, name: str | int) -> Any:
    """The first member of that name, at any depth."""
    if isinstance(value, dict):
        return (
            value[name]
            if name in value
            else next((f for v in value.values() if (f := _found(v, name)) is not None), None)
        )
    return next((f for v in value if (f := _found(v, name)) is not None), None) if isinstance(value, list) else None


def _citation(text: str) -> list[Any]:
    citation = {"type": "char_location", "cited_text": text, "document_index": 0}
    return [
        {"type": "message_start", "message": {"id": "m", "content": []}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta", "citation": citation}},
        {"type": "message_stop"},
    ]


def _result(text: str) -> Any:
    content = {"type": "code_execution_result", "stdout": text, "stderr": "", "return_code": 0, "content": []}
    return {"type": "code_execution_tool_result", "tool_use_id": "t", "content": content}


def _rpc(text: str) -> Any:
    return {"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": text}]}}


def _ended(choice: Any) -> list[Any]:
    return [
        {"id": "c", "choices": [choice]},
        {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    ]


TWINS: Mapping[str, Twin] = {
    "content": _chat("content"),
    "refusal": _chat("refusal"),
    "reasoning": _chat("reasoning"),
    "reasoning_content": _chat("reasoning_content"),
    "reasoning_details": _chat("reasoning_details", 0, "text", type="reasoning.text", index=0),
    "reasoning_summary": _chat("reasoning_details", 0, "summary", type="reasoning.summary", index=0),
    "thinking_blocks": _chat("thinking_blocks", 0, "thinking", type="thinking"),
    "content_parts": _chat("content", 0, "text", type="text"),
    "tool_calls": _chat("tool_calls", 0, "function", "arguments"),
    "custom_tools": _chat("tool_calls", 0, "custom", "input"),
    "function_call": _chat("function_call", "arguments"),
    "transcript": _chat("audio", "transcript"),
    "annotations": _whole(
        "openai.chat",
        lambda text: _ended(
            {"index": 0, "delta": {"annotations": [{"type": "url_citation", "url_citation": {"title": text}}]}}
        ),
        lambda text: {
            "id": "c",
            "choices": [{"message": {"annotations": [{"type": "url_citation", "url_citation": {"title": text}}]}}],
        },
        *("choices", 0, "message", "annotations", 0, "url_citation", "title"),
    ),
    "completions": _completions(),
    "output_text": _responses("output_text", "text", "message", "content", 0, "text"),
    "output_refusal": _responses("refusal", "refusal", "message", "content", 0, "refusal"),
    "reasoning_text": _responses("reasoning_text", "text", "reasoning", "content", 0, "text"),
    "summary_text": _responses("reasoning_summary_text", "text", "reasoning", "summary", 0, "text"),
    "function_arguments": _responses("function_call_arguments", "arguments", "function_call", "arguments"),
    "mcp_arguments": _responses("mcp_call_arguments", "arguments", "mcp_call", "arguments"),
    "custom_input": _responses("custom_tool_call_input", "input", "custom_tool_call", "input"),
    "code": _responses("code_interpreter_call_code", "code", "code_interpreter_call", "code"),
    "text": _messages({"type": "text"}, "text_delta", "text", "text"),
    "thinking": _messages({"type": "thinking"}, "thinking_delta", "thinking", "thinking"),
    "input": _input(),
    "cited_text": _whole(
        "anthropic.messages",
        _citation,
        lambda text: {"id": "m", "content": [{"type": "text", "citations": [_citation(text)[2]["delta"]["citation"]]}]},
        *("content", 0, "citations", 0, "cited_text"),
    ),
    "stdout": _whole(
        "anthropic.messages",
        lambda text: [
            {"type": "content_block_start", "index": 0, "content_block": _result(text)},
            {"type": "content_block_stop", "index": 0},
        ],
        lambda text: {"id": "m", "content": [_result(text)]},
        *("content", 0, "content", "stdout"),
    ),
    "mcp": _whole("mcp", lambda text: [_rpc(text)], _rpc, "result", "content", 0, "text"),
}
"""By the name of the text."""
