"""The roles in a request for a chat completion."""

from extproc.apis.roles import Keys, PassageRole, at, in_message


def role_of(keys: Keys, value: object) -> PassageRole:
    """Return the role of the text at a place in such a body.

    Messages say whose they are. A predicted output is the client's text, but nobody's words: it counts as a file.
    """
    match keys[:2]:
        case ["messages", int(place)]:
            return in_message(at(value, "messages", place), keys[2:])
        case ["tools" | "functions", *_]:
            return "tool_definition"
        case ["prediction", *_]:
            return "file"
        case ["documents", *_]:  # vLLM's, and Cohere's compatible API
            return "file"
    return "other"
