"""The parts of a request by which its response is judged, in every API's form."""

import json
from typing import Any, Final

import pytest

from extproc.apis import asked as limits
from extproc.apis import current
from extproc.apis.asked import NOTHING_ASKED, Asked, AskedPart

ALL: Final[frozenset[AskedPart]] = frozenset({"format", "tools", "system", "documents"})
SCHEMA: Final = {"type": "object", "properties": {"age": {"type": "integer"}}}
TOOL: Final = {"name": "look", "description": "looks", "parameters": SCHEMA}
PATHS: Final = {"chat": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages", "none": ""}


def asked(api: str, body: Any, parts: frozenset[AskedPart] = ALL) -> Asked:
    """What a request on the path of an API asks for."""
    claimed = current().claim(PATHS[api]) if PATHS[api] else None
    found = current().asked(json.dumps(body).encode(), parts, claimed)
    assert found is not None
    return found


def written(found: Asked) -> Any:
    """The schema that is asked for."""
    assert found.output is not None
    assert found.output.schema is not None
    return json.loads(found.output.schema)


@pytest.mark.parametrize(
    ("api", "more"),
    [
        ("chat", {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}}),
        ("chat", {"response_format": {"type": "json_object", "schema": SCHEMA}}),
        ("chat", {"guided_json": SCHEMA}),
        ("chat", {"guided_json": json.dumps(SCHEMA)}),
        ("chat", {"structured_outputs": {"json": SCHEMA}}),
        ("responses", {"text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}}}),
        ("messages", {"output_format": {"type": "json_schema", "schema": SCHEMA}}),
        ("messages", {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}),
        ("none", {"contents": [], "generationConfig": {"responseJsonSchema": SCHEMA}}),
        ("none", {"request": {"contents": [], "generation_config": {"response_json_schema": SCHEMA}}}),
        ("none", {"message": "hi", "response_format": {"type": "json_object", "schema": SCHEMA}}),
        ("none", {"messages": [], "format": SCHEMA}),
    ],
)
def test_a_schema_is_found_wherever_an_api_has_it(api: str, more: Any) -> None:
    assert written(asked(api, {"model": "m", **more})) == SCHEMA


@pytest.mark.parametrize(
    ("api", "more"),
    [
        ("chat", {"response_format": {"type": "json_object"}}),
        ("responses", {"text": {"format": {"type": "json_object"}}}),
        ("none", {"contents": [], "generationConfig": {"responseMimeType": "application/json"}}),
        ("none", {"prompt": "hi", "format": "json"}),
    ],
)
def test_json_of_any_form_is_asked_for_without_a_schema(api: str, more: Any) -> None:
    found = asked(api, {"model": "m", **more})
    assert found.output is not None
    assert found.output.schema is None


@pytest.mark.parametrize(
    ("api", "more"),
    [
        ("chat", {}),
        ("chat", {"response_format": {"type": "text"}}),
        ("responses", {"text": {"format": {"type": "text"}}}),
        ("none", {"contents": [], "generationConfig": {"responseSchema": {}, "responseMimeType": "text/x.enum"}}),
    ],
)
def test_text_is_no_output_format(api: str, more: Any) -> None:
    assert asked(api, {"model": "m", **more}).output is None


@pytest.mark.parametrize(
    ("api", "tool"),
    [
        ("chat", {"type": "function", "function": TOOL}),
        ("responses", {"type": "function", **TOOL}),
        ("messages", {"name": "look", "input_schema": SCHEMA}),
        ("none", {"functionDeclarations": [TOOL]}),
        ("none", {"function_declarations": [{"name": "look", "parametersJsonSchema": SCHEMA}]}),
    ],
)
def test_tools_are_found_with_their_parameters(api: str, tool: Any) -> None:
    body: dict[str, Any] = {"contents": []} if api == "none" else {"model": "m"}
    (found,) = asked(api, {**body, "tools": [tool]}).tools
    assert found.name == "look"
    assert json.loads(found.parameters or b"") == SCHEMA


@pytest.mark.parametrize(
    ("api", "choice"),
    [
        ("chat", {"type": "function", "function": {"name": "look"}}),
        ("responses", {"type": "function", "name": "look"}),
        ("messages", {"type": "tool", "name": "look"}),
    ],
)
def test_a_tool_that_has_to_be_called_is_named(api: str, choice: Any) -> None:
    assert asked(api, {"model": "m", "tool_choice": choice}).forced == "look"


@pytest.mark.parametrize(
    ("api", "tool"),
    [
        ("chat", {"type": "web_search"}),
        ("responses", {"type": "mcp", "server_label": "l"}),
        ("messages", {"type": "mcp_toolset"}),
        ("none", {"googleSearch": {}}),
    ],
)
def test_tools_of_the_provider_may_have_any_names(api: str, tool: Any) -> None:
    body: dict[str, Any] = {"contents": []} if api == "none" else {"model": "m"}
    assert asked(api, {**body, "tools": [tool]}).served


def test_geminis_own_form_of_a_schema_becomes_a_json_schema() -> None:
    own = {
        "type": "OBJECT",
        "propertyOrdering": ["type"],
        "properties": {"type": {"type": "STRING", "nullable": True}, "list": {"type": "ARRAY", "min_items": "2"}},
    }
    found = asked("none", {"contents": [], "generationConfig": {"responseSchema": own}})
    assert written(found) == {
        "type": "object",
        "properties": {
            "type": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "list": {"type": "array", "minItems": 2},
        },
    }


def test_texts_are_gathered_by_their_roles() -> None:
    messages = [
        {"role": "system", "content": "be kind"},
        {"role": "developer", "content": [{"type": "text", "text": "and brief"}]},
        {"role": "user", "content": "hi"},
        {"role": "tool", "tool_call_id": "c", "content": "21 degrees"},
    ]
    found = asked("chat", {"model": "m", "messages": messages})
    assert found.system == ("be kind", "and brief")
    assert found.documents == ("21 degrees",)


def test_only_the_parts_that_are_wanted_are_kept() -> None:
    body = {
        "model": "m",
        "messages": [{"role": "system", "content": "be kind"}],
        "tools": [{"type": "function", "function": TOOL}],
        "response_format": {"type": "json_object"},
    }
    only = asked("chat", body, frozenset({"system"}))
    assert (only.output, only.tools, only.system) == (None, (), ("be kind",))
    only = asked("chat", body, frozenset({"tools"}))
    assert (only.output, len(only.tools), only.system) == (None, 1, ())


def test_a_body_that_is_no_request_of_a_model_asks_for_nothing() -> None:
    assert current().asked(b'{"file": "x"}', ALL, None) is NOTHING_ASKED
    assert current().asked(b"no JSON", ALL, None) is NOTHING_ASKED


def test_a_body_that_is_too_deep_cannot_be_read() -> None:
    deep = b'{"messages":' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    assert current().asked(deep, ALL, current().claim(PATHS["chat"])) is None


@pytest.mark.parametrize("more", [0, 1])
def test_a_schema_has_a_bound(more: int) -> None:
    schema = {"title": "x" * (limits.SCHEMA_BYTES - len('{"title":""}') + more)}
    found = asked("chat", {"response_format": {"type": "json_schema", "json_schema": {"schema": schema}}})
    assert found.cut == (frozenset({"format"}) if more else frozenset())
    assert found.output is not None
    assert (found.output.schema is None) == bool(more)


@pytest.mark.parametrize("more", [0, 1])
def test_tools_have_a_bound(more: int) -> None:
    tools = [{"type": "function", "function": {"name": f"t{at}"}} for at in range(limits.TOOLS_MAX + more)]
    found = asked("chat", {"tools": tools})
    assert len(found.tools) == limits.TOOLS_MAX
    assert found.cut == (frozenset({"tools"}) if more else frozenset())


def test_schemas_of_tools_have_a_bound_together() -> None:
    schema = {"title": "x" * (limits.SCHEMA_BYTES - 100)}
    tools = [{"type": "function", "function": {"name": f"t{at}", "parameters": schema}} for at in range(5)]
    found = asked("chat", {"tools": tools})
    assert [each.parameters is None for each in found.tools] == [False] * 4 + [True]
    assert found.cut == {"tools"}


@pytest.mark.parametrize("more", [0, 1])
@pytest.mark.parametrize(
    ("part", "role", "most"), [("system", "system", limits.SYSTEM_MAX), ("documents", "tool", limits.DOCUMENTS_MAX)]
)
def test_texts_have_a_bound(part: AskedPart, role: str, most: int, more: int) -> None:
    messages = [{"role": role, "content": "x" * (most - 1)}, {"role": role, "content": "yz"[: 1 + more]}]
    found = asked("chat", {"messages": messages})
    assert sum(map(len, getattr(found, part))) == most
    assert found.cut == (frozenset({part}) if more else frozenset())


def test_no_text_is_shown() -> None:
    found = asked("chat", {"messages": [{"role": "system", "content": "secret"}], "tools": [{"function": TOOL}]})
    assert "secret" not in repr(found)
    assert "look" not in repr(found.tools[0])
