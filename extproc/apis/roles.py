"""The roles of a request's texts: whose words each of them is, told by its place in the body."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, TypeAlias

from extproc.apis.events.leaves import TooComplexError, document
from extproc.payload.passage import Passage, keys_of

PassageRole: TypeAlias = Literal["user", "system", "assistant", "tool_result", "tool_definition", "file", "other"]
"""`user`: the words of whoever asks. `system`: the application's. `assistant`: the model's, repeated by the client.
`tool_result`: brought by a tool that the model called. `tool_definition`: the description of a tool. `file`: a document
that comes with the request. `other`: everything else, and whatever no API explains."""

KeyPath: TypeAlias = Sequence[str | int | None]
"""The names and indices on the way from the body to a text, from the outside in; see `payload.passage.ValuePlace`."""

RoleOf: TypeAlias = Callable[[KeyPath, object], PassageRole]
"""Returns the role of the text at a place in a body; the object is the decoded JSON of the body."""

_SPEAKERS: Final[Mapping[object, PassageRole]] = {
    "user": "user",
    "system": "system",
    "developer": "system",
    "assistant": "assistant",
    "model": "assistant",
    "chatbot": "assistant",
    "tool": "tool_result",
    "function": "tool_result",
}
"""Roles of messages in all APIs, in lower case: `model` is Gemini's, `chatbot` Cohere's."""

_FILES: Final = frozenset({"file", "input_file", "document", "search_result", "container_upload"})
"""Types of content parts that are documents: OpenAI's, and Anthropic's."""


def other(keys: KeyPath, value: object) -> PassageRole:  # noqa: ARG001
    """Return `other`: nothing of the API explains its bodies."""
    return "other"


def at(value: object, *keys: str | int | None) -> object:
    """Return the value at a place; None if nothing stands there."""
    for key in keys:
        if isinstance(key, str):
            value = value.get(key) if isinstance(value, dict) else None
        elif isinstance(key, int) and isinstance(value, list) and key < len(value):
            value = value[key]
        else:
            return None
    return value


def speaker(role: object) -> PassageRole:
    """Return the role of a message that names its own; `other` if no API has that name."""
    return _SPEAKERS.get(role.lower(), "other") if isinstance(role, str) else "other"


def in_message(message: object, keys: KeyPath) -> PassageRole:
    """Return the role of a text in a message that has a `role`; `keys` lead to it from there.

    A part of the content counts for more than the message: files and results of tools stand in messages of users, too.
    """
    if len(keys) > 1 and keys[0] == "content" and isinstance(keys[1], int):
        kind = at(message, "content", keys[1], "type")
        if isinstance(kind, str):
            if kind in _FILES:
                return "file"
            if kind.endswith("tool_result"):
                return "tool_result"
    return speaker(at(message, "role"))


class PassageRoles:
    """The roles in one body. The body is decoded once, when the first role is asked for."""

    __slots__ = ("_body", "_role_of", "_value")

    def __init__(self, role_of: RoleOf, body: bytes) -> None:
        self._role_of = role_of
        self._body: bytes | None = None if role_of is other else body
        self._value: object = None

    def of(self, passage: Passage) -> PassageRole:
        """Return the role of a passage of this body.

        Cost: about three microseconds; the first one costs decoding the body on top, 5 µs for each KiB. If an object
        has a name twice, the last counts.
        """
        if self._body is not None:
            try:
                _, self._value = document(self._body)
            except TooComplexError:
                self._value = None
            self._body = None
        if self._value is None:
            return "other"
        keys = list(keys_of((passage.within, passage.key)))
        keys.pop()  # of the outermost place, which is the body
        keys.reverse()
        return self._role_of(keys, self._value)

    def __repr__(self) -> str:
        return "PassageRoles()"
