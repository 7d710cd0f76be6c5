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


NOTHING = Counts()
UNTOLD = Counts(None, None, None)


def count(body: bytes, *, declared: bool = True) -> Counts:
    """Count a body. One that is no JSON has nothing, or cannot be counted if it is `declared` to be JSON."""
    found = outline.read(body)
    return counted(found) if found is not None else UNTOLD if declared else NOTHING


def counted(found: Outline) -> Counts:
    """Count an outline.

    Messages are those of `messages` or the items of `input`, whichever are more; tools are `tools` and `functions`
    together. Of a repeated member, and of the requests in a batch, the largest counts. Images are parts of that type at
    any depth, all of them together.
    """
    requests = list(found.requests())
    messages = max(map(_messages, requests), default=0)
    return Counts(messages, found.images, max(map(_tools, requests), default=0))


def _messages(each: Object) -> int:
    return max(_most(each, "messages"), _most(each, "input"))


def _tools(each: Object) -> int:
    return _most(each, "tools") + _most(each, "functions")


def _most(each: Object, name: str) -> int:
    return max(map(_length, values(each, name)), default=0)


def _length(value: Any) -> int:
    if isinstance(value, list):
        return len(value)
    # A text is one message, and whatever a lenient server makes of another value is at least one.
    return 0 if value is None or value is False or value in ("", ()) else 1
