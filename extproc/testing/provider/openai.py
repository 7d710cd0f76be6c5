"""OpenAI's chat completions, completions, embeddings and models, as its API reference gives them."""

import base64
import hashlib
import struct
from collections.abc import Iterator
from typing import Any, Final

from extproc.testing.provider.ask import Question, words
from extproc.testing.provider.reply import CREATED, ModelReply
from extproc.testing.provider.sse import ProviderEvent

DONE: Final = ProviderEvent(None, b"[DONE]")

_CODES: Final = {429: "rate_limit_exceeded", 404: "model_not_found", 413: "request_too_large"}


def error(status: int, text: str, code: str | None = None, param: str | None = None) -> dict[str, Any]:
    """An error body."""
    kind = "rate_limit_error" if status == 429 else "server_error" if status >= 500 else "invalid_request_error"
    return {"error": {"message": text, "type": kind, "param": param, "code": code or _CODES.get(status)}}


def usage(reply: ModelReply) -> dict[str, Any]:
    """Tokens, with the details that clients add up."""
    return {
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": reply.completion_tokens,
        "total_tokens": reply.prompt_tokens + reply.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def chat(reply: ModelReply) -> dict[str, Any]:
    """A chat completion."""
    message: dict[str, Any] = {"role": "assistant", "content": reply.text, "refusal": None}
    if reply.tool:
        function = {"name": reply.tool, "arguments": reply.text}
        message |= {
            "content": None,
            "tool_calls": [{"id": f"call_{reply.key}", "type": "function", "function": function}],
        }
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(reply)}
    return _envelope(reply, "chatcmpl", "chat.completion") | {"choices": [choice], "usage": usage(reply)}


def chat_events(reply: ModelReply, ask: Question) -> Iterator[ProviderEvent]:
    """The same as a stream of `chat.completion.chunk`, the role first, the usage last and only when asked for."""
    opening: dict[str, Any] = {"role": "assistant", "content": "", "refusal": None}
    if reply.tool:
        function = {"name": reply.tool, "arguments": ""}
        call = {"index": 0, "id": f"call_{reply.key}", "type": "function", "function": function}
        opening |= {"content": None, "tool_calls": [call]}
    yield _chat_chunk(reply, ask, opening)
    for piece in reply.pieces:
        more = {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} if reply.tool else {"content": piece}
        yield _chat_chunk(reply, ask, more)
    yield _chat_chunk(reply, ask, {}, _finish(reply))
    if ask.include_usage:
        yield ProviderEvent.of(
            _envelope(reply, "chatcmpl", "chat.completion.chunk") | {"choices": [], "usage": usage(reply)}
        )
    yield DONE


def completion(reply: ModelReply) -> dict[str, Any]:
    """A legacy text completion."""
    choice = {"index": 0, "text": reply.text, "logprobs": None, "finish_reason": "stop"}
    return _envelope(reply, "cmpl", "text_completion") | {"choices": [choice], "usage": usage(reply)}


def completion_events(reply: ModelReply, ask: Question) -> Iterator[ProviderEvent]:
    """The same as a stream; its chunks are called as the whole is."""
    shared = _envelope(reply, "cmpl", "text_completion")
    none_yet = {"usage": None} if ask.include_usage else {}
    for piece in (*reply.pieces, None):
        finish = "stop" if piece is None else None
        choice = {"index": 0, "text": piece or "", "logprobs": None, "finish_reason": finish}
        yield ProviderEvent.of(shared | {"choices": [choice]} | none_yet)
    if ask.include_usage:
        yield ProviderEvent.of(shared | {"choices": [], "usage": usage(reply)})
    yield DONE


def embeddings(reply: ModelReply, ask: Question) -> dict[str, Any]:
    """One vector an input, made from the input's digest; numbers, or base64 of little-endian floats."""
    data = [
        {"object": "embedding", "index": index, "embedding": _vector(text, ask)}
        for index, text in enumerate(ask.inputs)
    ]
    tokens = sum(words(text) for text in ask.inputs)
    return {
        "object": "list",
        "data": data,
        "model": reply.model,
        "provider": reply.provider,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def models(names: tuple[str, ...], provider: str) -> dict[str, Any]:
    """The list of models."""
    return {"object": "list", "data": [model(name, provider) for name in names]}


def model(name: str, provider: str) -> dict[str, Any]:
    """One model."""
    return {"id": name, "object": "model", "created": CREATED, "owned_by": provider}


def _envelope(reply: ModelReply, prefix: str, kind: str) -> dict[str, Any]:
    # `provider` is not OpenAI's; some that speak its dialect add it, and a reader sees who answered.
    return {
        "id": f"{prefix}-{reply.key}",
        "object": kind,
        "created": CREATED,
        "model": reply.model,
        "system_fingerprint": f"fp_{reply.provider}",
        "provider": reply.provider,
    }


def _chat_chunk(reply: ModelReply, ask: Question, delta: dict[str, Any], finish: str | None = None) -> ProviderEvent:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    none_yet = {"usage": None} if ask.include_usage else {}
    return ProviderEvent.of(_envelope(reply, "chatcmpl", "chat.completion.chunk") | {"choices": [choice]} | none_yet)


def _finish(reply: ModelReply) -> str:
    return "tool_calls" if reply.tool else "stop"


def _vector(text: str, ask: Question) -> list[float] | str:
    noise = hashlib.shake_128(text.encode()).digest(ask.dimensions)
    numbers = [byte / 128 - 1 for byte in noise]
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode() if ask.base64 else numbers
