"""The roles in requests for OpenAI's assistants: threads, messages, runs, and outputs of tools."""

from extproc.apis.roles import Keys, PassageRole, at, in_message


def role_of(keys: Keys, value: object) -> PassageRole:
    """Return the role of the text at a place in such a body."""
    match keys:
        case ["instructions" | "additional_instructions", *_]:
            return "system"
        case ["tools", *_]:
            return "tool_definition"
        case ["tool_outputs", *_]:
            return "tool_result"
        case ["content", *_]:  # a message that is added to a thread
            return in_message(value, keys)
        case ["messages" | "additional_messages" as name, int(place), *rest]:
            return in_message(at(value, name, place), rest)
        case ["thread", "messages", int(place), *rest]:
            return in_message(at(value, "thread", "messages", place), rest)
    return "other"
