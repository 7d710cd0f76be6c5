"""JSON that replies have to be, and calls of tools, by JSON Schemas: those of the request, or the policy's own."""

from typing import Final

import msgspec

from extproc.apis.asked import Asked
from extproc.detectors.contract import DetectorError
from extproc.detectors.registry import built_in
from extproc.detectors.replies import ReplyDetector
from extproc.detectors.schema import library
from extproc.detectors.schema.json_replies import JSON_KINDS, JsonReply
from extproc.detectors.schema.tool_calls import CALL_KINDS, ToolCalls
from extproc.policy.replies import JsonSchema, ToolSchema


def json_schema(options: JsonSchema) -> ReplyDetector:
    """Return the detector of `use: json_schema`. Raises DetectorError for a schema that cannot be understood."""
    library.load()
    if options.fits is None:
        return ReplyDetector(JSON_KINDS, JsonReply, frozenset({"format", "tools"}), _read_output)
    own = library.known(msgspec.json.encode(options.fits))
    if own is None:
        raise DetectorError("this is no JSON Schema that can be checked")
    return ReplyDetector(JSON_KINDS, lambda asked: JsonReply(asked, own), frozenset({"tools"}))


def tool_schema(options: ToolSchema) -> ReplyDetector:  # noqa: ARG001  - it has none of its own
    """Return the detector of `use: tool_schema`."""
    library.load()
    return ReplyDetector(CALL_KINDS, ToolCalls, frozenset({"tools"}), _read_tools)


def _read_output(asked: Asked) -> None:
    """Read the schema of the output, if it is so large that the event loop should not."""
    if asked.output is not None and len(asked.output.schema or b"") > library.SMALL_BYTES:
        library.known(asked.output.schema or b"")


def _read_tools(asked: Asked) -> None:
    """Read the schemas of tools that are so large."""
    for each in asked.tools:
        if each.parameters is not None and len(each.parameters) > library.SMALL_BYTES:
            library.known(each.parameters)


JSON_SCHEMA: Final = built_in(JsonSchema, json_schema)
TOOL_SCHEMA: Final = built_in(ToolSchema, tool_schema)
