"""The roles in a request for Cohere's chat, of both versions of the API."""

from extproc.apis.roles import Keys, PassageRole, at, in_message


def role_of(keys: Keys, value: object) -> PassageRole:
    """Return the role of the text at a place in such a body."""
    match keys[:2]:
        case ["messages" | "chat_history" as name, int(place)]:
            return in_message(at(value, name, place), keys[2:])
        case ["message", *_]:
            return "user"
        case ["preamble", *_]:
            return "system"
        case ["documents", *_]:
            return "file"
        case ["tools", *_]:
            return "tool_definition"
        case ["tool_results", *_]:
            return "tool_result"
    return "other"
