"""How many messages, images and tools a request has, whatever API it is for."""

from collections.abc import Iterator

import msgspec
from msgspec import Struct

_IMAGES = frozenset({"image", "image_url", "input_image"})
"""The types of content parts that are images: Anthropic's and MCP's, OpenAI's of chats and of responses."""


class Counts(Struct, frozen=True):
    """What a body holds. What is not there, or is no list, counts as nothing."""

    messages: int = 0
    images: int = 0
    tools: int = 0


NOTHING = Counts()


def count(body: bytes) -> Counts:
    """Counts a body; one that is no JSON object has nothing.

    Messages are those of `messages`, or the items of `input`; images are parts of that type at any depth. Costs about
    0.6 ms a megabyte, and more the more values there are.
    """
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return NOTHING
    if not isinstance(value, dict):
        return NOTHING
    messages = value.get("messages", value.get("input"))
    images = sum(isinstance(kind := each.get("type"), str) and kind in _IMAGES for each in _objects(value))
    return Counts(_length(messages), images, _length(value.get("tools")) + _length(value.get("functions")))


def _length(value: object) -> int:
    return len(value) if isinstance(value, list) else 0


def _objects(value: object) -> Iterator[dict[str, object]]:
    # Without recursion: how deep a body is nested is the client's to say.
    left = [value]
    while left:
        each = left.pop()
        if isinstance(each, dict):
            yield each
            left += each.values()
        elif isinstance(each, list):
            left += each
