"""The output and the tools that a request for Anthropic's messages asks for."""

from collections.abc import Mapping
from typing import Any

from extproc.apis.asked import Asked, AskedReading
from extproc.apis.roles import at


def read_asked(value: Mapping[str, Any]) -> Asked:
    """Read a request. A tool with a `type` other than `custom` is Anthropic's own, and states no schema."""
    reading = AskedReading()
    wanted = at(value, "output_config", "format") or value.get("output_format")
    if at(wanted, "type") == "json_schema":
        schema = at(wanted, "schema")
        reading.ask(schema if schema is not None else {}, strict=True)
    served = bool(value.get("mcp_servers"))
    tools = value.get("tools")
    for each in tools if isinstance(tools, list) else ():
        if at(each, "type") in {None, "custom"}:
            reading.offer(at(each, "name"), at(each, "input_schema"))
        elif isinstance(at(each, "name"), str):
            reading.offer(at(each, "name"), None)
        else:
            served = True
    choice = value.get("tool_choice")
    forced = at(choice, "name") if at(choice, "type") == "tool" else None
    return reading.done(forced, served=served)
