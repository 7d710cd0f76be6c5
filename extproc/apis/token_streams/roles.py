"""The roles in requests for llama.cpp, Ollama, TGI and Anthropic's old completions."""

from typing import Final

from extproc.apis.roles import Keys, PassageRole, at, in_message

_ASKED: Final = frozenset({"prompt", "suffix", "inputs", "input_prefix", "input_suffix", "input_extra"})
"""Members in which the whole question stands: a template may have put any role into it, but nothing tells which."""


def role_of(keys: Keys, value: object) -> PassageRole:
    """Return the role of the text at a place in such a body."""
    match keys[:2]:
        case ["messages", int(place)]:
            return in_message(at(value, "messages", place), keys[2:])
        case ["system" | "template", *_]:
            return "system"
        case ["tools", *_]:
            return "tool_definition"
        case [str(name), *_] if name in _ASKED:
            return "user"
    return "other"
