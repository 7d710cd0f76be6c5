"""The output and the tools that requests in OpenAI's form ask for, and those of the many servers that take them."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from extproc.apis.asked import Asked, AskedReading
from extproc.apis.roles import at

_GUIDED: Final = ("guided_json", "json_schema")
"""Members in which vLLM and llama.cpp take a schema, as an object or as its text."""


def read_asked(value: Mapping[str, Any]) -> Asked:
    """Read a request for chat completions or completions."""
    reading = AskedReading()
    ask_output(reading, value)
    return offered(reading, value)


def offered(reading: AskedReading, value: Mapping[str, Any]) -> Asked:
    """Note the tools of a request, and return all that was noted."""
    tools, functions = value.get("tools"), value.get("functions")
    served = False
    for each in tools if isinstance(tools, list) else ():
        served |= not _offered(reading, each)
    for each in functions if isinstance(functions, list) else ():
        reading.offer(at(each, "name"), at(each, "parameters"))
    choice, call = value.get("tool_choice"), value.get("function_call")
    forced = at(choice, "function", "name") or at(choice, "custom", "name") or at(call, "name")
    return reading.done(forced, served=served)


def ask_output(reading: AskedReading, value: Mapping[str, Any]) -> None:
    """Note the output. A schema goes before `json_object`: some servers take both."""
    wanted = value.get("response_format")
    kind = at(wanted, "type")
    schema = at(wanted, "json_schema", "schema")
    if schema is None:
        # llama.cpp, Together, Fireworks and Cohere write it right into the format.
        schema = at(wanted, "schema") if at(wanted, "schema") is not None else at(wanted, "json_schema")
    if kind == "json_schema" or (kind == "json_object" and schema is not None):
        reading.ask(schema if schema is not None else {}, strict=at(wanted, "json_schema", "strict") is True)
        return
    guided = at(value, "structured_outputs", "json")
    for name in _GUIDED:
        guided = value.get(name) if guided is None else guided
    if guided is not None:
        reading.ask(_parsed(guided), strict=True)
    elif kind == "json_object":
        reading.ask(None)


def _parsed(schema: object) -> object:
    """Return a schema that may be written as a text."""
    if not isinstance(schema, str):
        return schema
    try:
        return msgspec.json.decode(schema)
    except (ValueError, RecursionError):
        return schema  # which is no schema


def _offered(reading: AskedReading, tool: object) -> bool:
    """Note a tool; False if the provider runs it, so that nobody knows what it calls."""
    function, custom = at(tool, "function"), at(tool, "custom")
    if isinstance(function, dict):
        reading.offer(function.get("name"), function.get("parameters"))
    elif isinstance(custom, dict):
        reading.offer(custom.get("name"), None)
    else:
        return False
    return True
