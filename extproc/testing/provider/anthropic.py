"""Anthropic's messages, whole and as its typed events."""

import json
from collections.abc import Iterator
from typing import Any, Final

from extproc.testing.provider.reply import ModelReply
from extproc.testing.provider.sse import ProviderEvent

_KINDS: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def error(status: int, text: str) -> dict[str, Any]:
    """An error body."""
    kind = _KINDS.get(status, "api_error" if status >= 500 else "invalid_request_error")
    return {"type": "error", "error": {"type": kind, "message": text}}


def message(reply: ModelReply) -> dict[str, Any]:
    """A finished message."""
    return _message(reply, [_block(reply, reply.text)], _stop(reply), reply.completion_tokens)


def message_events(reply: ModelReply) -> Iterator[ProviderEvent]:
    """The same as a stream; usage comes in two parts, the input's first."""
    yield ProviderEvent.typed("message_start", message=_message(reply, [], None, 0))
    yield ProviderEvent.typed("content_block_start", index=0, content_block=_block(reply, None))
    yield ProviderEvent.typed("ping")
    for piece in reply.pieces:
        more = (
            {"type": "input_json_delta", "partial_json": piece} if reply.tool else {"type": "text_delta", "text": piece}
        )
        yield ProviderEvent.typed("content_block_delta", index=0, delta=more)
    yield ProviderEvent.typed("content_block_stop", index=0)
    ended = {"stop_reason": _stop(reply), "stop_sequence": None}
    yield ProviderEvent.typed("message_delta", delta=ended, usage={"output_tokens": reply.completion_tokens})
    yield ProviderEvent.typed("message_stop")


def _message(reply: ModelReply, content: list[dict[str, Any]], stop: str | None, tokens: int) -> dict[str, Any]:
    return {
        "id": f"msg_{reply.key}",
        "type": "message",
        "role": "assistant",
        "model": reply.model,
        "provider": reply.provider,
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {
            "input_tokens": reply.prompt_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": tokens,
        },
    }


def _block(reply: ModelReply, text: str | None) -> dict[str, Any]:
    if reply.tool:
        arguments = {} if text is None else json.loads(text)
        return {"type": "tool_use", "id": f"toolu_{reply.key}", "name": reply.tool, "input": arguments}
    return {"type": "text", "text": text or ""}


def _stop(reply: ModelReply) -> str:
    return "tool_use" if reply.tool else "end_turn"
