"""The parts of a request by which it is placed: its conversation, or the prefix that it shares with others.

They come from the client, so that they decide nothing but which of several equal targets has the prompt in its cache.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct, field

TEXT_MAX: Final = 64 * 1024
"""Characters of a prompt that tell it from others: a longer system prompt differs from all others before its end."""

LEAVES_MAX: Final = 512
"""Strings and objects that are looked at in one turn: the parts of a usual one are under ten."""

_IDS: Final = ("conversation_id", "session_id", "thread_id", "chat_id")
"""Members of `metadata` in which clients name a conversation."""

_PASSING: Final = frozenset({"cache_control", "id", "role", "type", "status"})
"""Members that say nothing, or move from turn to turn, as Anthropic's marks of what to cache do."""

_SYSTEM: Final = (b'"system"', b'"developer"')
_USER: Final = b'"user"'


class _Turn(Struct):
    role: Raw = Raw()


class _Said(Struct):
    """The members of all APIs that matter here. A body that lacks them is placed by what it has."""

    prompt_cache_key: Raw = Raw()
    conversation: Raw = Raw()
    metadata: Raw = Raw()
    user: Raw = Raw()
    tools: Raw = Raw()
    system: Raw = Raw()
    instructions: Raw = Raw()
    preamble: Raw = Raw()
    system_instruction: Raw = Raw()
    system_instruction_too: Raw = field(default=Raw(), name="systemInstruction")
    messages: Raw = Raw()
    contents: Raw = Raw()
    chat_history: Raw = Raw()
    input: Raw = Raw()
    prompt: Raw = Raw()
    message: Raw = Raw()


_said: Final = msgspec.json.Decoder(_Said).decode
_turns: Final = msgspec.json.Decoder(list[Raw]).decode
_turn: Final = msgspec.json.Decoder(_Turn).decode
_value: Final = msgspec.json.Decoder().decode


def conversation_of(body: bytes) -> bytes | None:
    """Return what stays the same in all requests of a conversation: the id that its client names, else its beginning.

    The beginning is the system prompt and the first turn of the user, with the name of the user. None if the body is no
    JSON object, or has nothing of that. Costs about 5 µs, and a parse of the system prompt and the first turn.
    """
    try:
        said = _said(body)
        named = _named(said)
        if named is not None:
            return named
        system, first = _opening(said)
        user = bytes(said.user) or _member(said.metadata, ("user_id",))
        parts = [*system, first]
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return b"\0".join((b"turns", user, *parts)) if any(parts) else None


def prefix_of(body: bytes) -> bytes | None:
    """Return what requests of one application share: tools and system prompt; without them, the first turn."""
    try:
        said = _said(body)
        system, first = _opening(said)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    parts = (bytes(said.tools)[:TEXT_MAX], *system)
    return b"\0".join((b"prefix", *(parts if any(parts) else (first,)))) if any((*parts, first)) else None


def _named(said: _Said) -> bytes | None:
    """The id of the conversation, if the client names one."""
    for kind, raw in ((b"cache", said.prompt_cache_key), (b"conversation", said.conversation)):
        text = bytes(raw)
        if text[:1] == b'"' and len(text) > 2:
            return b"\0".join((kind, text[:TEXT_MAX]))
        if text[:1] == b"{" and (given := _member(raw, ("id",))):
            return b"\0".join((kind, given))
    given = _member(said.metadata, _IDS)
    return b"\0".join((b"metadata", given)) if given else None


def _member(raw: Raw, names: tuple[str, ...]) -> bytes:
    """The first of these members of an object that is a text, as JSON; empty if none is."""
    if bytes(raw)[:1] != b"{":
        return b""
    value = _value(raw)
    found = next((value[name] for name in names if isinstance(value.get(name), str) and value[name]), "")
    return str(found)[:TEXT_MAX].encode("utf-8", "surrogatepass")


def _opening(said: _Said) -> tuple[list[bytes], bytes]:
    """The texts of the system prompt, and of the first turn of the user."""
    apart = (said.system, said.instructions, said.preamble, said.system_instruction, said.system_instruction_too)
    system = [_text(raw) for raw in apart if raw]
    for turns in (said.messages, said.contents, said.chat_history, said.input):
        if bytes(turns)[:1] != b"[":
            continue
        for raw in _turns(turns):
            role = bytes(_turn(raw).role).lower() if bytes(raw)[:1] == b"{" else _USER
            if role in _SYSTEM:
                system.append(_text(raw))
            elif role in (_USER, b"", b"null"):
                return system, _text(raw)
    plain = next((raw for raw in (said.prompt, said.input, said.message) if raw), None)
    return system, b"" if plain is None else _text(plain)


def _text(raw: Raw) -> bytes:
    """The strings of a value, one after the other."""
    return "\0".join(_strings(_value(raw)))[:TEXT_MAX].encode("utf-8", "surrogatepass")


def _strings(value: Any) -> Iterator[str]:
    due, seen = [value], 0
    while due and seen < LEAVES_MAX:
        each = due.pop()
        seen += 1
        if isinstance(each, str):
            yield each
        elif isinstance(each, dict):
            due += [inner for name, inner in reversed(each.items()) if name not in _PASSING]
        elif isinstance(each, list):
            due += reversed(each)
