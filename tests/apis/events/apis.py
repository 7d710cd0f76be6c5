"""Streams of APIs that no path is claimed for, and of claimed ones on other paths; `pieces` are what a model says."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from tests.apis.events.samples import STREAMS, event

Pieces: TypeAlias = Sequence[str]
Made: TypeAlias = list[Any]


def transcript(pieces: Pieces) -> Made:
    """OpenAI's transcription."""
    grown = [{"type": "transcript.text.delta", "delta": piece} for piece in pieces]
    return [*grown, {"type": "transcript.text.done", "text": "".join(pieces), "usage": {"total_tokens": 3}}]


def thread(pieces: Pieces) -> Made:
    """A run of OpenAI's assistants: a message, and the arguments of a call."""
    head = {"id": "msg_1", "object": "thread.message.delta"}
    step = {"id": "step_1", "object": "thread.run.step.delta"}
    grown = [{**head, "delta": {"content": [{"index": 0, "type": "text", "text": {"value": each}}]}} for each in pieces]
    calls = [
        {"index": 0, "type": "function", "function": {"name": None, "arguments": each}}
        for each in ('{"q": "', *(json.dumps(piece)[1:-1] for piece in pieces), '"}')
    ]
    steps = [{**step, "delta": {"step_details": {"type": "tool_calls", "tool_calls": [call]}}} for call in calls]
    text = {"type": "text", "text": {"value": "".join(pieces), "annotations": []}}
    done = {"id": "msg_1", "object": "thread.message", "status": "completed", "content": [text]}
    return [*grown, done, *steps, {"id": "step_1", "object": "thread.run.step", "status": "completed"}]


def gemini(pieces: Pieces) -> Made:
    """Gemini: thoughts, then an answer in two parts of an event at times."""

    def said(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
        candidate = {"content": {"parts": list(parts), "role": "model"}, "index": 0, **more}
        return {"candidates": [candidate], "modelVersion": "gemini-2.5-flash", "responseId": "a1"}

    thoughts = [said({"text": piece, "thought": True}) for piece in pieces]
    return [*thoughts, *(said({"text": piece}) for piece in pieces), said({"text": ""}, finishReason="STOP")]


def wrapped(pieces: Pieces) -> Made:
    """The same as Cloud Code has it."""
    return [{"response": each, "traceId": "t"} for each in gemini(pieces)]


def cohere(pieces: Pieces) -> Made:
    """Cohere's chat, version 2."""

    def at(kind: str, **message: Any) -> dict[str, Any]:
        return {"type": kind, "index": 0, "delta": {"message": message}}

    return [
        {"type": "message-start", "id": "m", "delta": {"message": {"role": "assistant", "content": []}}},
        *(at("tool-plan-delta", tool_plan=piece) for piece in pieces),
        at("content-start", content={"type": "text", "text": ""}),
        *(at("content-delta", content={"text": piece}) for piece in pieces),
        {"type": "content-end", "index": 0},
        {"type": "message-end", "id": "m", "delta": {"finish_reason": "COMPLETE"}},
    ]


def cohere_first(pieces: Pieces) -> Made:
    """The same, version 1."""
    grown = [{"event_type": "text-generation", "is_finished": False, "text": piece} for piece in pieces]
    return [*grown, {"event_type": "stream-end", "is_finished": True, "finish_reason": "COMPLETE"}]


def llama(pieces: Pieces) -> Made:
    """llama.cpp's /completion."""
    grown = [{"content": piece, "stop": False, "tokens": []} for piece in pieces]
    return [*grown, {"content": "", "stop": True, "stop_type": "eos", "model": "m"}]


def ollama(pieces: Pieces) -> Made:
    """Ollama's /api/chat."""
    said = [{"model": "m", "message": {"role": "assistant", "content": piece}, "done": False} for piece in pieces]
    return [*said, {"model": "m", "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"}]


def generated(pieces: Pieces) -> Made:
    """Ollama's /api/generate, thinking first."""
    thoughts = [{"model": "m", "response": "", "thinking": piece, "done": False} for piece in pieces]
    said = [{"model": "m", "response": piece, "done": False} for piece in pieces]
    return [*thoughts, *said, {"model": "m", "response": "", "done": True, "context": [1, 2]}]


def tgi(pieces: Pieces) -> Made:
    """Hugging Face's text generation inference."""
    said = [
        {"index": at, "token": {"id": 5, "text": piece, "logprob": -0.5, "special": False}, "generated_text": None}
        for at, piece in enumerate(pieces)
    ]
    return [*said, {"index": 99, "token": {"id": 2, "text": "", "special": True}, "generated_text": "".join(pieces)}]


def completion(pieces: Pieces) -> Made:
    """Anthropic's old completions."""
    said = [{"type": "completion", "id": "c", "completion": piece, "stop_reason": None} for piece in pieces]
    return [*said, {"type": "completion", "id": "c", "completion": "", "stop_reason": "stop_sequence"}]


APIS: Mapping[str, Callable[[Pieces], Made]] = {
    each.__name__: each
    for each in (
        transcript,
        thread,
        gemini,
        wrapped,
        cohere,
        cohere_first,
        llama,
        ollama,
        generated,
        tgi,
        completion,
    )
}
"""Documents of a stream, by the name of its API."""


def events(name: str, pieces: Pieces) -> list[bytes]:
    """The events of a stream of any API, the claimed ones among them."""
    if name in STREAMS:
        return STREAMS[name][1](pieces)
    return [event(each) for each in APIS[name](pieces)]


def joined(documents: Sequence[object]) -> list[str]:
    """Every text that a client could join: the strings of one place over all documents."""
    found: dict[tuple[str, ...], str] = {}

    def walk(value: object, path: tuple[str, ...]) -> None:
        if isinstance(value, str):
            found[path] = found.get(path, "") + value
        elif isinstance(value, list):
            for item in value:
                walk(item, path)
        elif isinstance(value, dict):
            for name, item in value.items():
                walk(item, (*path, name))

    for each in documents:
        kind = each.get("type") if isinstance(each, dict) else None
        walk(each, (str(kind),))
    return list(found.values())
