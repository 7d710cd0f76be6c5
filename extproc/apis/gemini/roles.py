"""The roles in a request for Gemini, also as Cloud Code wraps it in `request`."""

from extproc.apis.roles import KeyPath, PassageRole, at, speaker


def role_of(keys: KeyPath, value: object) -> PassageRole:
    """Return the role of the text at a place in a body. Names may be written either way, as protobuf has it."""
    if keys and keys[0] == "request":
        keys, value = keys[1:], at(value, "request")
    match keys[:2]:
        case ["systemInstruction" | "system_instruction", *_]:
            return "system"
        case ["tools", *_]:
            return "tool_definition"
        case ["contents", *_]:
            return _in_content(keys, value)
    return "other"


def _in_content(keys: KeyPath, value: object) -> PassageRole:
    """Return the role of a text in a content: of its part, or of who said it; a content without a role is the user's.

    `contents` may be one object in the place of a list of them.
    """
    within = 2 if len(keys) > 1 and isinstance(keys[1], int) else 1
    content, rest = at(value, *keys[:within]), keys[within:]
    if len(rest) > 2 and rest[0] == "parts":
        member = rest[2] if isinstance(rest[1], int) else rest[1]
        if member in {"functionResponse", "function_response", "codeExecutionResult", "code_execution_result"}:
            return "tool_result"
        if member in {"inlineData", "inline_data", "fileData", "file_data"}:
            return "file"
    role = at(content, "role")
    return "user" if role is None else speaker(role)
