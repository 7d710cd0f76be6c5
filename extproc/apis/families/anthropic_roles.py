"""The roles in a request for Anthropic's messages, whose tokens may also be counted only."""

from extproc.apis.roles import Keys, PassageRole, at, in_message


def role_of(keys: Keys, value: object) -> PassageRole:
    """Return the role of the text at a place in such a body.

    Results of tools and documents stand in messages of the user, as parts of their own; what a server tool brought
    stands in the assistant's.
    """
    match keys[:2]:
        case ["system", *_]:
            return "system"
        case ["tools", *_]:
            return "tool_definition"
        case ["messages", int(place)]:
            return in_message(at(value, "messages", place), keys[2:])
    return "other"
