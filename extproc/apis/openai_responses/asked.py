"""The output and the tools that a request for OpenAI's responses asks for."""

from collections.abc import Mapping
from typing import Any

from extproc.apis.asked import Asked, AskedReading
from extproc.apis.roles import at


def read_asked(value: Mapping[str, Any]) -> Asked:
    """Read a request. A stored prompt (`prompt`) or an earlier response may bring tools that are not in it."""
    reading = AskedReading()
    wanted = at(value, "text", "format")
    kind = at(wanted, "type")
    if kind == "json_schema":
        schema = at(wanted, "schema")
        reading.ask(schema if schema is not None else {}, strict=at(wanted, "strict") is True)
    elif kind == "json_object":
        reading.ask(None)
    served = value.get("prompt") is not None
    tools = value.get("tools")
    for each in tools if isinstance(tools, list) else ():
        match at(each, "type"):
            case "function":
                reading.offer(at(each, "name"), at(each, "parameters"))
            case "custom":
                reading.offer(at(each, "name"), None)
            case _:
                served = True
    choice = value.get("tool_choice")
    return reading.done(at(choice, "name"), served=served)
