"""The parts of a model's reply, alike in every API: pieces of text, refusals, calls of tools, and its end."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

from extproc.apis.events.event import Scope

ReplyPartKind: TypeAlias = Literal["text", "refusal", "tool", "arguments", "end"]
"""The kind of a part: a piece of the model's text, of its refusal, the name of a tool that it calls, a piece of the
arguments of such a call, the end of a message."""

ReplyEnding: TypeAlias = Literal["stop", "length", "tools", "refusal", "filtered", "other"]
"""The reason for which a message ends: it is complete, was cut off at a limit, calls tools, is a refusal of the
model, was withheld by the provider, or something else."""


class ReplyPart(Struct, frozen=True, gc=False):
    """A part of a reply. `message`: the number of its message, where a reply has several (choices, output items).

    `path`: the place of the text in the whole response (see `Channel.path`). `text`: the piece; of a `tool` its name,
    of an `end` the `ReplyEnding`. `call`: the place of the call that a `tool` or `arguments` belong to; `ident` its
    identifier, if it has one. `whole`: this is all of the text at that place, whether or not it came before.
    """

    kind: ReplyPartKind
    message: int
    path: Scope
    text: str = ""
    call: Scope = ()
    ident: str = ""
    whole: bool = False

    def __repr__(self) -> str:
        return f"ReplyPart({self.kind}, {self.message}, {len(self.text)} code points)"


ReadReply: TypeAlias = Callable[[Mapping[str, Any]], Sequence[ReplyPart] | None]
"""Returns the parts in the decoded JSON of an event, or of a whole body; None for what is none of that API."""

ENDINGS: Final[Mapping[object, ReplyEnding]] = {
    "stop": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "stop_token": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "complete": "stop",
    "completed": "stop",
    "word": "stop",
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "max_new_tokens": "length",
    "model_context_window_exceeded": "length",
    "limit": "length",
    "tool_calls": "tools",
    "tool_call": "tools",
    "tool_use": "tools",
    "function_call": "tools",
    "refusal": "refusal",
    "content_filter": "filtered",
    "safety": "filtered",
    "recitation": "filtered",
    "blocklist": "filtered",
    "prohibited_content": "filtered",
    "spii": "filtered",
    "error_toxic": "filtered",
    "guardrail_intervened": "filtered",
}
"""The words of all APIs, in lower case."""


def ending(reason: object) -> ReplyEnding:
    """Return what a finish reason means."""
    return ENDINGS.get(reason.lower(), "other") if isinstance(reason, str) else "other"


def end(message: int, reason: object) -> ReplyPart:
    """Return the end of a message."""
    return ReplyPart("end", message, (), ending(reason))


def called(message: int, call: Scope, name: object, ident: object) -> list[ReplyPart]:
    """Return the beginning of a call, if it has the name of a tool."""
    if not isinstance(name, str) or not name:
        return []
    own = ident if isinstance(ident, str) else ""
    return [ReplyPart("tool", message, call, name, call, own)]


def arguments(message: int, path: Scope, call: Scope, given: object, *, whole: bool) -> list[ReplyPart]:
    """Return arguments of a call: a piece of their text, or the value itself, which is whole."""
    if given is None or (given == "" and not whole):
        return []
    if isinstance(given, str):
        return [ReplyPart("arguments", message, path, given, call, whole=whole)]
    try:
        written = msgspec.json.encode(given).decode()
    except (ValueError, TypeError, RecursionError):  # half a surrogate pair
        return []
    return [ReplyPart("arguments", message, path, written, call, whole=True)]


def listed(value: object) -> Sequence[Any]:
    """Return an array; nothing for any other value."""
    return value if isinstance(value, list) else ()
