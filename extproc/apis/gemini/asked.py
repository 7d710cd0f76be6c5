"""The output and the tools that a request for Gemini asks for. Names may be written either way, as protobuf has it."""

from collections.abc import Mapping
from typing import Any, Final

from extproc.apis.asked import DEPTH_MAX, Asked, AskedReading
from extproc.apis.roles import at

_TYPES: Final = frozenset({"STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"})

_SCHEMAS: Final = frozenset({"items", "additionalProperties"})
_LISTS: Final = frozenset({"anyOf", "any_of", "prefixItems"})
_MAPS: Final = frozenset({"properties", "$defs", "defs"})

_NAMES: Final = {
    "any_of": "anyOf", "min_items": "minItems", "max_items": "maxItems", "min_length": "minLength",
    "max_length": "maxLength", "min_properties": "minProperties", "max_properties": "maxProperties",
}  # fmt: skip

_NUMBERS: Final = frozenset({"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"})
"""Keywords whose numbers Gemini's schemas write as texts: they are 64 bits in protobuf."""

_DROPPED: Final = frozenset({"nullable", "propertyOrdering", "property_ordering", "example"})


def read_asked(value: Mapping[str, Any]) -> Asked | None:
    """Read a request; None without `contents`."""
    inner = value.get("request")
    if isinstance(inner, dict) and "contents" in inner:
        value = inner
    if "contents" not in value:
        return None
    reading = AskedReading()
    _output(reading, value.get("generationConfig", value.get("generation_config")))
    served = False
    tools = value.get("tools")
    for tool in tools if isinstance(tools, list) else ():
        declared = _either(tool, "functionDeclarations", "function_declarations")
        served |= not isinstance(declared, list)
        for each in declared if isinstance(declared, list) else ():
            schema = _either(each, "parametersJsonSchema", "parameters_json_schema")
            reading.offer(at(each, "name"), schema if schema is not None else json_schema(at(each, "parameters")))
    return reading.done(served=served)


def _output(reading: AskedReading, config: object) -> None:
    schema = _either(config, "responseJsonSchema", "response_json_schema")
    if schema is None:
        schema = at(config, "_responseJsonSchema")
    own = _either(config, "responseSchema", "response_schema")
    kind = _either(config, "responseMimeType", "response_mime_type")
    if schema is not None or own is not None:
        # With text/x.enum the response is the word itself.
        if kind != "text/x.enum":
            reading.ask(schema if schema is not None else json_schema(own), strict=True)
    elif kind == "application/json":
        reading.ask(None)


def _either(value: object, *names: str) -> Any:
    return next((found for name in names if (found := at(value, name)) is not None), None)


def json_schema(schema: object, depth: int = 0) -> object:
    """Return a schema in Gemini's form (a part of OpenAPI 3.0) as a JSON Schema; None for None."""
    if not isinstance(schema, dict) or depth > DEPTH_MAX:
        return schema
    found: dict[str, object] = {}
    for name, value in schema.items():
        spelt = str(_NAMES.get(name, name))
        if name in _DROPPED:
            continue
        if spelt == "type":
            found[spelt] = value.lower() if value in _TYPES else value
        elif spelt in _NUMBERS and isinstance(value, str) and value.isdigit():
            found[spelt] = int(value[:20])
        elif spelt in _SCHEMAS:
            found[spelt] = json_schema(value, depth + 1)
        elif spelt in _LISTS and isinstance(value, list):
            found[spelt] = [json_schema(each, depth + 1) for each in value]
        elif spelt in _MAPS and isinstance(value, dict):
            found[spelt] = {key: json_schema(each, depth + 1) for key, each in value.items()}
        else:
            found[spelt] = value
    if schema.get("nullable") is not True:
        return found
    return {"anyOf": [found, {"type": "null"}]}
