"""Counts of a request's messages, images and tools, whatever API it is for."""

from typing import Any

from msgspec import Struct

from extproc.apis import outline
from extproc.apis.outline import Object, Outline, values


class Counts(Struct, frozen=True):
    """The counts of one body. None stands for a number that cannot be determined."""

    messages: int | None = 0
    images: int | None = 0
    tools: int | None = 0


_MESSAGES = ("messages", "input", "contents", "chat_history", "additional_messages")
"""Members that hold the messages: of OpenAI, Anthropic and Ollama, of responses, of Gemini, Cohere, and assistants."""

NOTHING = Counts()
UNTOLD = Counts(None, None, None)


def count(body: bytes, *, declared: bool = True) -> Counts:
    """Count a body. One that is no JSON has nothing, or cannot be counted if it is `declared` to be JSON or may be."""
    found = outline.read(body)
    if found is not None:
        return counted(found)
    return UNTOLD if declared or outline.suspected(body) else NOTHING


def counted(found: Outline) -> Counts:
    """Count an outline.

    Messages are the items of one of `_MESSAGES`, whichever are most; tools are `tools` and `functions`
    together. Of a repeated member, and of the requests in a batch, the largest counts. Images are parts of that type at
    any depth, all of them together.
    """
    requests = list(found.requests())
    messages = max(map(_messages, requests), default=0)
    return Counts(messages, found.images, max(map(_tools, requests), default=0))


def _messages(each: Object) -> int:
    return max(_most(each, name) for name in _MESSAGES)


def _tools(each: Object) -> int:
    return _most(each, "tools") + _most(each, "functions")


def _most(each: Object, name: str) -> int:
    return max(map(_length, values(each, name)), default=0)


def _length(value: Any) -> int:
    if isinstance(value, list):
        return len(value)
    # A text is one message, and whatever a lenient server makes of another value is at least one.
    return 0 if value is None or value is False or value in ("", ()) else 1
