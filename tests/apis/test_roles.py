import json
from typing import Any

from extproc import payload
from extproc.apis import Api, current
from extproc.apis.registry import BUILT_IN
from extproc.apis.roles import PassageRoles, other
from tests.gathered import gathered

TOOL = {"type": "function", "function": {"name": "look", "description": "D", "parameters": {"x": "D"}}}


def roles(name: str, body: Any) -> dict[str, str]:
    """Return the roles of the texts in a body, by what they say."""
    api = current().named(name)
    assert api is not None
    data = json.dumps(body).encode()
    found = PassageRoles(api.role_of, data)
    return {each.text: found.of(each) for each in payload.read(data, "application/json").passages}


@gathered(
    ("name", "body", "expected"),
    [
        (
            "openai.chat",
            {
                "model": "m",
                "messages": [
                    {"role": "system", "content": "s"},
                    {"role": "developer", "content": [{"type": "text", "text": "d"}]},
                    {"role": "user", "content": "u", "name": "n n"},
                    {"role": "User", "content": [{"type": "text", "text": "u2"}]},
                    {
                        "role": "user",
                        "content": [{"type": "file", "file": {"filename": "f f", "file_data": "f g"}}],
                    },
                    {
                        "role": "assistant",
                        "content": "a",
                        "tool_calls": [{"id": "c", "function": {"name": "look", "arguments": '{"city":"a2 x"}'}}],
                    },
                    {"role": "tool", "tool_call_id": "c", "content": "t"},
                    {"role": "function", "name": "look", "content": "t2"},
                    {"role": "critic", "content": "o"},
                    "o2",
                ],
                "tools": [TOOL],
                "functions": [{"name": "f", "description": "D2"}],
                "prediction": {"type": "content", "content": "p"},
                "metadata": {"k": "o3 x"},
            },
            {
                "s": "system",
                "d": "system",
                "u": "user",
                "n n": "user",
                "u2": "user",
                "f f": "file",
                "a": "assistant",
                "a2 x": "assistant",
                "t": "tool_result",
                "t2": "tool_result",
                "o": "other",
                "o2": "other",
                "D": "tool_definition",
                "D2": "tool_definition",
                "p": "file",
                "o3 x": "other",
            },
        ),
        (
            "openai.completions",
            {"prompt": ["u", "u2"], "suffix": "u3", "user": "o o"},
            {"u": "user", "u2": "user", "u3": "user", "o o": "other"},
        ),
        ("openai.embeddings", {"input": ["u"], "user": "o o"}, {"u": "user", "o o": "other"}),
        ("openai.responses", {"input": "u", "instructions": "s"}, {"u": "user", "s": "system"}),
        (
            "openai.responses",
            {
                "input": [
                    {"role": "user", "content": "u"},
                    {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "s"}]},
                    {"role": "assistant", "content": [{"type": "output_text", "text": "a"}]},
                    {"role": "user", "content": [{"type": "input_file", "filename": "f f"}]},
                    {"type": "function_call", "call_id": "c", "name": "look", "arguments": '{"q":"a2 x"}'},
                    {"type": "function_call_output", "call_id": "c", "output": "t"},
                    {"type": "custom_tool_call_output", "output": [{"type": "input_text", "text": "t2"}]},
                    {"type": "mcp_call", "name": "look", "arguments": '{"q":"a3 x"}', "output": "t3"},
                    {"type": "file_search_call", "queries": ["a4 x"], "results": [{"text": "t4"}]},
                    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "a5 x"}]},
                    {"type": "mcp_list_tools", "tools": [{"description": "D"}]},
                    {"type": "unknown", "text": "o"},
                    {"text": "o2"},
                ],
                "tools": [{"type": "function", "description": "D2"}],
                "prompt": {"id": "p", "variables": {"v": "u2"}},
            },
            {
                "u": "user",
                "s": "system",
                "a": "assistant",
                "f f": "file",
                "a2 x": "assistant",
                "t": "tool_result",
                "t2": "tool_result",
                "a3 x": "assistant",
                "t3": "tool_result",
                "a4 x": "assistant",
                "t4": "tool_result",
                "a5 x": "assistant",
                "D": "tool_definition",
                "o": "other",
                "o2": "other",
                "D2": "tool_definition",
                "u2": "user",
            },
        ),
        *(
            (
                name,
                {
                    "system": [{"type": "text", "text": "s"}],
                    "messages": [
                        {"role": "user", "content": "u"},
                        {
                            "role": "user",
                            "content": [
                                {"type": "text", "text": "u2"},
                                {"type": "tool_result", "content": [{"type": "text", "text": "t"}]},
                                {"type": "document", "title": "f f", "source": {"type": "text", "data": "f"}},
                                {"type": "search_result", "content": [{"type": "text", "text": "f2"}]},
                            ],
                        },
                        {
                            "role": "assistant",
                            "content": [
                                {"type": "tool_use", "name": "look", "input": {"city": "a x"}},
                                {"type": "web_search_tool_result", "content": [{"title": "t2 x"}]},
                            ],
                        },
                    ],
                    "tools": [{"name": "look", "description": "D"}],
                    "metadata": {"user_id": "o o"},
                },
                {
                    "s": "system",
                    "u": "user",
                    "u2": "user",
                    "t": "tool_result",
                    "f": "file",
                    "f f": "file",
                    "f2": "file",
                    "a x": "assistant",
                    "t2 x": "tool_result",
                    "D": "tool_definition",
                    "o o": "other",
                },
            )
            for name in ("anthropic.messages", "anthropic.count_tokens")
        ),
        (
            "threads",
            {
                "instructions": "s",
                "additional_messages": [{"role": "user", "content": "u"}],
                "thread": {"messages": [{"role": "assistant", "content": "a"}]},
                "tool_outputs": [{"tool_call_id": "c", "output": "t"}],
                "tools": [TOOL],
            },
            {"s": "system", "u": "user", "a": "assistant", "t": "tool_result", "D": "tool_definition"},
        ),
        ("threads", {"role": "user", "content": "u"}, {"u": "user"}),
        *(
            (
                "gemini",
                body,
                {
                    "s": "system",
                    "u": "user",
                    "u2": "user",
                    "a": "assistant",
                    "a2 x": "assistant",
                    "t": "tool_result",
                    "f f": "file",
                    "D": "tool_definition",
                },
            )
            for inner in (
                {
                    "systemInstruction": {"parts": [{"text": "s"}]},
                    "contents": [
                        {"parts": [{"text": "u"}]},
                        {"role": "user", "parts": [{"text": "u2"}, {"fileData": {"displayName": "f f"}}]},
                        {"role": "model", "parts": [{"text": "a"}, {"functionCall": {"args": {"q": "a2 x"}}}]},
                        {"role": "user", "parts": [{"functionResponse": {"response": {"r": "t"}}}]},
                    ],
                    "tools": [{"functionDeclarations": [{"name": "look", "description": "D"}]}],
                },
            )
            for body in (inner, {"model": "m", "request": inner})
        ),
        ("gemini", {"contents": {"parts": {"text": "u"}}}, {"u": "user"}),
        (
            "cohere",
            {
                "messages": [{"role": "user", "content": "u"}, {"role": "tool", "content": "t"}],
                "documents": [{"text": "f"}],
                "tools": [TOOL],
            },
            {"u": "user", "t": "tool_result", "f": "file", "D": "tool_definition"},
        ),
        (
            "cohere",
            {
                "message": "u",
                "preamble": "s",
                "chat_history": [{"role": "CHATBOT", "message": "a"}],
                "tool_results": [{"outputs": [{"x": "t"}]}],
            },
            {"u": "user", "s": "system", "a": "assistant", "t": "tool_result"},
        ),
        (
            "tokens",
            {
                "messages": [{"role": "tool", "content": "t"}],
                "prompt": "u",
                "inputs": "u2",
                "system": "s",
                "tools": [TOOL],
                "grammar": "o o",
            },
            {"t": "tool_result", "u": "user", "u2": "user", "s": "system", "D": "tool_definition", "o o": "other"},
        ),
        (
            "mcp",
            {"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "look", "arguments": {"q": "a x"}}},
            {"a x": "assistant"},
        ),
        (
            "mcp",
            [{"jsonrpc": "2.0", "method": "prompts/get", "params": {"name": "look", "arguments": {"q": "u x"}}}],
            {"u x": "user"},
        ),
        (
            "mcp",
            {"jsonrpc": "2.0", "id": 1, "result": {"role": "assistant", "content": {"type": "text", "text": "a"}}},
            {"a": "assistant"},
        ),
        ("mcp", {"jsonrpc": "2.0", "id": 1, "result": {"action": "accept", "content": {"q": "u x"}}}, {"u x": "user"}),
        (
            "mcp",
            {
                "jsonrpc": "2.0",
                "method": "sampling/createMessage",
                "params": {
                    "systemPrompt": "s",
                    "messages": [{"role": "user", "content": {"type": "text", "text": "u"}}],
                },
            },
            {"s": "system", "u": "user"},
        ),
    ],
)
def test_a_text_has_the_role_of_its_place(name: str, body: Any, expected: dict[str, str]) -> None:
    found = roles(name, body)
    assert {text: found.get(text) for text in expected} == expected


@gathered("api", BUILT_IN, ids=lambda api: api.name)
@gathered(
    "body",
    [
        {"messages": 1, "input": {"x": "o"}, "contents": ["o"], "system": None, "x": "o"},
        {"messages": [["o"], {"role": 3, "content": "o"}], "input": [3, ["o"]]},
        {"messages": [{"content": [{"type": 3, "text": "o"}]}], "contents": [{"parts": "o", "role": []}]},
        ["o"],
        "o",
    ],
)
def test_no_body_is_an_error(api: Api, body: Any) -> None:
    assert "system" not in roles(api.name, body).values()


def test_a_body_that_is_no_json_or_of_no_api_has_no_roles() -> None:
    body = b'{"messages":[{"role":"user","content":"u"}]}'
    (passage,) = [each for each in payload.read(body, "application/json").passages if each.text == "u"]
    chat = current().named("openai.chat")
    assert chat is not None
    assert PassageRoles(chat.role_of, body).of(passage) == "user"
    assert PassageRoles(chat.role_of, b"no JSON").of(passage) == "other"
    assert PassageRoles(chat.role_of, b"[" * 200_000).of(passage) == "other"
    assert PassageRoles(other, body).of(passage) == "other"


def test_a_body_with_lone_surrogates_and_long_numbers_has_roles() -> None:
    body = rb'{"messages":[{"role":"user","content":"u \ud800"}],"n":123456789012345678901234567890}'
    chat = current().named("openai.chat")
    assert chat is not None
    found = PassageRoles(chat.role_of, body)
    assert "user" in {found.of(each) for each in payload.read(body, "application/json").passages}
