"""Calls of tools that have to be calls of the request's tools: in every API, whole and streamed."""

import json
from typing import Any, Final

import pytest

from tests.inspection.replying import (
    FORMS,
    SCHEMA,
    asking,
    judging,
    kinds,
    outcome,
    streamed,
    streamed_call,
    whole,
    whole_call,
)

BLOCK: Final = judging("{use: tool_schema}")
APIS: Final = pytest.mark.parametrize("api", FORMS)
TOOLS: Final = {"look": SCHEMA, "wait": {"type": "object", "properties": {}}}


def pieces(text: str, size: int = 3) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


@APIS
@pytest.mark.parametrize(("name", "given"), [("look", '{"age": 3, "name": "x"}'), ("wait", "{}")])
def test_a_call_that_fits_passes(api: str, name: str, given: str) -> None:
    request = asking(api, tools=TOOLS)
    for response in (whole_call(api, name, given), streamed_call(api, name, pieces(given))):
        found = outcome(BLOCK, api, request, response)
        assert (found.action, kinds(found)) == ("allow", [])


@APIS
@pytest.mark.parametrize(
    ("given", "kind", "why"),
    [
        ('{"age": "3"}', "type", "/properties/age/type"),
        ('{"name": "x"}', "required", "/required"),
        ('{"age": 3, "size": 1}', "unknown_member", "/additionalProperties"),
        ('{"age": 3.5}', "type", "/properties/age/type"),
        ("[3]", "type", "/type"),
    ],
)
def test_wrong_arguments_are_blocked_whole_and_streamed(api: str, given: str, kind: str, why: str) -> None:
    request = asking(api, tools=TOOLS)
    for response in (whole_call(api, "look", given), streamed_call(api, "look", pieces(given))):
        found = outcome(BLOCK, api, request, response)
        assert found.action == "block"
        assert [(each.kind, each.why) for each in found.findings] == [(kind, why)]


@pytest.mark.parametrize("api", ["chat", "responses", "messages"])
@pytest.mark.parametrize("given", ['{"age": 3', '{"age": 3}}', '{"age": 3} {}', "age: 3", "{'age': 3}"])
def test_arguments_that_are_no_json_are_blocked(api: str, given: str) -> None:
    request = asking(api, tools=TOOLS)
    if api != "messages":
        assert kinds(outcome(BLOCK, api, request, whole_call(api, "look", given))) == ["not_json"]
        as_stream = streamed_call(api, "look", pieces(given))
    else:
        as_stream = streamed_call(api, "look", pieces(given))
    assert kinds(outcome(BLOCK, api, request, as_stream)) == ["not_json"]


@APIS
@pytest.mark.parametrize("offered", [TOOLS, {}, None])
def test_a_tool_that_the_request_does_not_have_is_blocked(api: str, offered: Any) -> None:
    request = asking(api, tools=offered)
    for response in (whole_call(api, "lok", "{}"), streamed_call(api, "lok", ["{}"])):
        found = outcome(BLOCK, api, request, response)
        assert (found.action, kinds(found)) == ("block", ["unknown_tool"])


def test_the_name_of_a_tool_ends_a_stream_before_its_arguments_come() -> None:
    found = outcome(BLOCK, "chat", asking("chat", tools=TOOLS), streamed_call("chat", "lok", ['{"x": 1}']))
    assert "lok" not in str(found.body)


@pytest.mark.parametrize(
    ("api", "tool"),
    [
        ("chat", {"type": "web_search"}),
        ("responses", {"type": "mcp", "server_label": "l"}),
        ("messages", {"type": "mcp_toolset", "mcp_server_name": "l"}),
        ("gemini", {"googleSearch": {}}),
    ],
)
def test_where_the_provider_has_tools_of_its_own_any_name_may_be_right(api: str, tool: Any) -> None:
    request = asking(api, tools=TOOLS)
    request["tools"].append(tool)
    assert outcome(BLOCK, api, request, whole_call(api, "search", "{}")).action == "allow"
    assert kinds(outcome(BLOCK, api, request, whole_call(api, "look", "{}"))) == ["required"]


@pytest.mark.parametrize("api", ["chat", "responses", "messages"])
def test_a_tool_that_has_to_be_called_is_missed(api: str) -> None:
    request = asking(api, tools=TOOLS, forced="look")
    for response in (whole(api, "hello"), streamed(api, ["hel", "lo"]), whole_call(api, "wait", "{}")):
        assert kinds(outcome(BLOCK, api, request, response)) == ["not_called"]
    assert kinds(outcome(BLOCK, api, request, whole_call(api, "look", '{"age": 3}'))) == []
    assert kinds(outcome(BLOCK, api, request, whole(api, "hel", 1))) == []


def test_empty_arguments_are_those_of_a_tool_that_takes_none() -> None:
    request = asking("chat", tools=TOOLS)
    assert kinds(outcome(BLOCK, "chat", request, whole_call("chat", "wait", ""))) == []
    assert kinds(outcome(BLOCK, "chat", request, whole_call("chat", "look", ""))) == ["required"]
    assert (
        kinds(outcome(BLOCK, "messages", asking("messages", tools=TOOLS), streamed_call("messages", "wait", []))) == []
    )


def test_calls_beside_each_other_are_told_apart() -> None:
    request = asking("chat", tools=TOOLS)
    calls: list[Any] = [
        {"index": 0, "id": "a", "function": {"name": "look", "arguments": '{"a'}},
        {"index": 1, "id": "b", "function": {"name": "wait", "arguments": "{"}},
        {"index": 0, "function": {"arguments": 'ge": 3}'}},
        {"index": 1, "function": {"arguments": '"x": tru'}},
        {"index": 1, "function": {"arguments": "e}"}},
    ]

    def stream(calls: list[Any]) -> str:
        deltas = [{"choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": None}]} for call in calls]
        last = {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}
        return "".join(f"data: {json.dumps(each)}\n\n" for each in [*deltas, last])

    assert kinds(outcome(BLOCK, "chat", request, stream(calls))) == []
    wrong = [*calls[:2], {"index": 0, "function": {"arguments": 'ge": null}'}}, *calls[3:]]
    found = outcome(BLOCK, "chat", request, stream(wrong))
    assert [(each.kind, each.where) for each in found.findings] == [
        ("type", "/choices/0/message/tool_calls/0/function/arguments")
    ]


def test_a_call_in_the_place_of_another_is_one_of_its_own() -> None:
    request = asking("chat", tools=TOOLS)
    calls = [
        {"index": 0, "id": "a", "function": {"name": "wait", "arguments": "{}"}},
        {"index": 0, "id": "b", "function": {"name": "look", "arguments": '{"age": 3}'}},
        {"index": 0, "id": "c", "function": {"name": "look", "arguments": "{}"}},
    ]
    deltas = [{"choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": None}]} for call in calls]
    stream = "".join(f"data: {json.dumps(each)}\n\n" for each in deltas)
    assert kinds(outcome(BLOCK, "chat", request, stream)) == ["required"]


@pytest.mark.parametrize(("policy", "action"), [("", "block"), (", on_uninspected: allow", "allow")])
def test_parameters_that_cannot_be_understood_are_named_and_the_policy_decides(policy: str, action: str) -> None:
    own = judging("{use: tool_schema}", policy)
    request = asking("chat", tools={"look": {"$ref": "https://example.com/x"}, "wait": {}})
    for response in (whole_call("chat", "look", "{}"), streamed_call("chat", "look", ["{}"])):
        found = outcome(own, "chat", request, response)
        assert found.action == action
        assert any("not inspected: schema" in each for each in found.why)
    assert outcome(own, "chat", request, whole_call("chat", "wait", "{}")).action == "allow"
