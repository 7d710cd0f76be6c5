"""The roles in a request for OpenAI's responses."""

from typing import Final

from extproc.apis.roles import KeyPath, PassageRole, at, in_message

_BROUGHT: Final = frozenset({"output", "outputs", "results"})
"""Members of a call in which its result stands: MCP's, the code interpreter's, the file search's."""


def role_of(keys: KeyPath, value: object) -> PassageRole:
    """Return the role of the text at a place in a body for this API."""
    match keys[:2]:
        case ["input"]:
            return "user"
        case ["input", int(place)]:
            return _in_item(at(value, "input", place), keys[2:])
        case ["instructions", *_]:
            return "system"
        case ["tools", *_]:
            return "tool_definition"
        case ["prompt", "variables"]:
            return "user"
    return "other"


def _in_item(item: object, keys: KeyPath) -> PassageRole:
    """Return the role of a text in an item of the input: a message, or something the model or a tool has done."""
    if at(item, "role") is not None:
        return in_message(item, keys)
    kind = at(item, "type")
    if not isinstance(kind, str):
        return "other"
    if kind.endswith("_output"):
        return "tool_result"
    if kind.endswith("_call"):
        return "tool_result" if keys and keys[0] in _BROUGHT else "assistant"
    if kind == "mcp_list_tools":
        return "tool_definition"
    return "assistant" if kind in {"reasoning", "mcp_approval_request", "compaction"} else "other"
