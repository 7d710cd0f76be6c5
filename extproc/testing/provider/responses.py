"""OpenAI's responses, whole and as its numbered events."""

import itertools
from collections.abc import Iterator
from typing import Any

from extproc.testing.provider.reply import CREATED, ModelReply
from extproc.testing.provider.sse import ProviderEvent


def response(reply: ModelReply) -> dict[str, Any]:
    """A finished response."""
    return _response(reply, "completed", [_item(reply, "completed", reply.text)], _usage(reply))


def response_events(reply: ModelReply) -> Iterator[ProviderEvent]:
    """The same as a stream of typed events with a `sequence_number`."""
    number = itertools.count()
    opened = _response(reply, "in_progress", [], None)
    yield ProviderEvent.typed("response.created", sequence_number=next(number), response=opened)
    yield ProviderEvent.typed("response.in_progress", sequence_number=next(number), response=opened)
    started = _item(reply, "in_progress", None)
    yield ProviderEvent.typed("response.output_item.added", sequence_number=next(number), output_index=0, item=started)
    yield from _call(reply, number) if reply.tool else _message(reply, number)
    ended = _item(reply, "completed", reply.text)
    yield ProviderEvent.typed("response.output_item.done", sequence_number=next(number), output_index=0, item=ended)
    yield ProviderEvent.typed("response.completed", sequence_number=next(number), response=response(reply))


def _message(reply: ModelReply, number: Iterator[int]) -> Iterator[ProviderEvent]:
    where = {"item_id": _item_id(reply), "output_index": 0, "content_index": 0}
    yield ProviderEvent.typed("response.content_part.added", sequence_number=next(number), **where, part=_part(""))
    for piece in reply.pieces:
        yield ProviderEvent.typed(
            "response.output_text.delta", sequence_number=next(number), **where, delta=piece, logprobs=[]
        )
    text = reply.text
    yield ProviderEvent.typed(
        "response.output_text.done", sequence_number=next(number), **where, text=text, logprobs=[]
    )
    yield ProviderEvent.typed("response.content_part.done", sequence_number=next(number), **where, part=_part(text))


def _call(reply: ModelReply, number: Iterator[int]) -> Iterator[ProviderEvent]:
    kind = "response.function_call_arguments"
    where = {"item_id": _item_id(reply), "output_index": 0}
    for piece in reply.pieces:
        yield ProviderEvent.typed(f"{kind}.delta", sequence_number=next(number), **where, delta=piece)
    yield ProviderEvent.typed(
        f"{kind}.done", sequence_number=next(number), **where, name=reply.tool, arguments=reply.text
    )


def _response(
    reply: ModelReply, status: str, output: list[dict[str, Any]], usage: dict[str, Any] | None
) -> dict[str, Any]:
    return {
        "id": f"resp_{reply.key}",
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "model": reply.model,
        "provider": reply.provider,
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "tool_choice": "auto",
        "tools": [],
        "usage": usage,
        "metadata": {},
    }


def _item(reply: ModelReply, status: str, text: str | None) -> dict[str, Any]:
    shared = {"id": _item_id(reply), "status": status}
    if reply.tool:
        call = {"type": "function_call", "call_id": f"call_{reply.key}", "name": reply.tool}
        return shared | call | {"arguments": text or ""}
    content = [] if text is None else [_part(text)]
    return shared | {"type": "message", "role": "assistant", "content": content}


def _item_id(reply: ModelReply) -> str:
    return f"fc_{reply.key}" if reply.tool else f"msg_{reply.key}"


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _usage(reply: ModelReply) -> dict[str, Any]:
    return {
        "input_tokens": reply.prompt_tokens,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": reply.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": reply.prompt_tokens + reply.completion_tokens,
    }
