"""The roles in JSON-RPC messages of MCP."""

from extproc.apis.roles import KeyPath, PassageRole, at, in_message


def role_of(keys: KeyPath, value: object) -> PassageRole:
    """Return the role of the text at a place in a message, or in a batch of them.

    The arguments of a tool's call are the model's words, those of a prompt the user's. A message with a `result`
    answers the server: with what the model said (sampling), or with what the user did (elicitation).
    """
    if keys and isinstance(keys[0], int):
        value, keys = at(value, keys[0]), keys[1:]
    match keys:
        case ["params", "arguments", *_]:
            return "user" if at(value, "method") == "prompts/get" else "assistant"
        case ["params", "messages", int(place), *rest]:
            return in_message(at(value, "params", "messages", place), rest)
        case ["params", "systemPrompt", *_]:
            return "system"
        case ["result", "content", *_] if at(value, "result", "role") is not None:
            return in_message(at(value, "result"), keys[1:])
        case ["result", "content", *_] if at(value, "result", "action") is not None:
            return "user"
    return "other"
