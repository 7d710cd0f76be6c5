"""Bodies as clients, models and tool servers send them. `Inner` marks a string that holds JSON."""

import base64
import json
from collections.abc import Iterator, Mapping
from typing import TypeAlias

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(64)).decode()
WAV = base64.b64encode(b"RIFF\x24\0\0\0WAVEfmt " + bytes(64)).decode()
PDF = base64.b64encode(b"%PDF-1.7\n" + bytes(range(128, 256))).decode()

Value: TypeAlias = "str | int | float | bool | Inner | list[Value] | dict[str, Value] | None"


class Inner:
    """A value that stands in the body as a string of its JSON."""

    def __init__(self, value: "Value") -> None:
        self.value = value


def plain(value: Value, indent: int | None = None) -> object:
    """The value as json.dumps takes it."""
    match value:
        case Inner():
            return json.dumps(plain(value.value, indent), indent=indent, ensure_ascii=indent is None)
        case list():
            return [plain(item, indent) for item in value]
        case dict():
            return {name: plain(item, indent) for name, item in value.items()}
    return value


def leaves(value: Value, at: str = "") -> Iterator[tuple[str, str]]:
    """The pointer and the text of every string."""
    match value:
        case str():
            yield at, value
        case Inner():
            yield from leaves(value.value, at + "#")
        case list():
            for index, item in enumerate(value):
                yield from leaves(item, f"{at}/{index}")
        case dict():
            for name, item in value.items():
                yield from leaves(item, f"{at}/{name.replace('~', '~0').replace('/', '~1')}")


def planted(value: Value, pointer: str, text: str, at: str = "") -> Value:
    """The value with another text for the string at `pointer`."""
    match value:
        case str():
            return text if at == pointer else value
        case Inner():
            return Inner(planted(value.value, pointer, text, at + "#"))
        case list():
            return [planted(item, pointer, text, f"{at}/{index}") for index, item in enumerate(value)]
        case dict():
            return {
                name: planted(item, pointer, text, f"{at}/{name.replace('~', '~0').replace('/', '~1')}")
                for name, item in value.items()
            }
    return value


def objects(value: Value, at: str = "") -> Iterator[str]:
    """The pointer of every object."""
    match value:
        case Inner():
            yield from objects(value.value, at + "#")
        case list():
            for index, item in enumerate(value):
                yield from objects(item, f"{at}/{index}")
        case dict():
            yield at
            for name, item in value.items():
                yield from objects(item, f"{at}/{name}")


def joined(value: Value, pointer: str, name: str, at: str = "") -> Value:
    """The value with one more member, `name`, in the object at `pointer`."""
    match value:
        case Inner():
            return Inner(joined(value.value, pointer, name, at + "#"))
        case list():
            return [joined(item, pointer, name, f"{at}/{index}") for index, item in enumerate(value)]
        case dict():
            members = {key: joined(item, pointer, name, f"{at}/{key}") for key, item in value.items()}
            return members | {name: 1} if at == pointer else members
    return value


_SCHEMA: Value = {
    "type": "object",
    "title": "Weather",
    "properties": {
        "city": {"type": "string", "description": "Where, as a town", "default": "Paris", "enum": ["Paris", "Rome"]},
        "days": {"type": "integer", "minimum": 1, "examples": [3]},
    },
    "required": ["city"],
    "additionalProperties": False,
}

CHAT: Value = {
    "model": "gpt-4o-mini",
    "messages": [
        {"role": "developer", "content": "Be brief."},
        {"role": "system", "name": "house", "content": [{"type": "text", "text": "Speak French."}]},
        {
            "role": "user",
            "name": "alice",
            "content": [
                {"type": "text", "text": "What is in this picture?"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}", "detail": "low"}},
                {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}},
                {"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}},
                {
                    "type": "file",
                    "file": {"filename": "alice.pdf", "file_data": f"data:application/pdf;base64,{PDF}"},
                },
                {"type": "file", "file": {"file_id": "file-abc"}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "refusal": "I would rather not.",
            "reasoning_content": "The user wants the weather.",
            "audio": {"id": "audio_1"},
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {
                        "name": "weather",
                        "arguments": Inner({"city": "Aix-en-Provence", "days": 3, "who": ["Bob", {"x": "Eve"}]}),
                    },
                },
                {"id": "call_2", "type": "custom", "custom": {"name": "shell", "input": "ls -l"}},
            ],
            "function_call": {"name": "old", "arguments": Inner({"q": "x"})},
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "Sunny, 30 degrees"},
        {"role": "function", "name": "old", "content": Inner([{"answer": "42"}])},
    ],
    "tools": [
        {
            "type": "function",
            "function": {"name": "weather", "description": "Tells it", "parameters": _SCHEMA, "strict": True},
        }
    ],
    "tool_choice": {"type": "function", "function": {"name": "weather"}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "out", "schema": _SCHEMA, "strict": True}},
    "prediction": {"type": "content", "content": "Once upon a time"},
    "web_search_options": {"user_location": {"type": "approximate", "approximate": {"city": "Nice", "country": "FR"}}},
    "stop": ["END", "STOP"],
    "metadata": {"ticket": "T-1", "e/mail": "alice", "tilde~": "x", "": "no name"},
    "user": "user-7",
    "safety_identifier": "hash",
    "temperature": 0.7,
    "stream": False,
    "x_new_field": {"deep": [["any", {"where": "text"}]]},
}

CHAT_ANSWER: Value = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1716900000,
    "model": "gpt-4o-mini",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "Hello Bob",
                "refusal": None,
                "reasoning_content": "Think",
                "annotations": [
                    {"type": "url_citation", "url_citation": {"url": "https://example.com", "title": "T"}},
                    {"type": "file_citation", "file_id": "file-abc", "filename": "a.txt"},
                ],
                "audio": {"id": "a", "data": WAV, "expires_at": 1716900001, "transcript": "Hello"},
            },
            "finish_reason": "stop",
        },
        {
            "index": 1,
            "message": {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": "c", "type": "function", "function": {"name": "f", "arguments": Inner({"a": {"b": "c"}})}}
                ],
            },
            "finish_reason": "tool_calls",
        },
    ],
    "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12},
    "system_fingerprint": "fp_1",
}

CHAT_CHUNK: Value = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "created": 1716900000,
    "model": "gpt-4o-mini",
    "choices": [
        {"index": 0, "delta": {"role": "assistant", "content": "Hel", "tool_calls": []}, "finish_reason": None},
        {"index": 1, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": '"ci'}}]}},
    ],
}

COMPLETION: Value = {"model": "m", "prompt": "Once", "suffix": "the end", "stop": "x", "max_tokens": 5}
COMPLETION_LIST: Value = {"model": "m", "prompt": ["Once", "Twice"], "logit_bias": {"50256": -100}}
COMPLETION_TOKENS: Value = {"model": "m", "prompt": [[1, 2, 3], [128000, 9]], "user": "u"}
COMPLETION_ANSWER: Value = {
    "id": "cmpl-1",
    "object": "text_completion",
    "created": 1716900000,
    "choices": [
        {
            "text": "upon a time",
            "index": 0,
            "finish_reason": "length",
        }
    ],
}

EMBEDDINGS: Value = {"model": "e", "input": ["first", "second"], "encoding_format": "float", "dimensions": 256}
EMBEDDING_TEXT: Value = {"model": "e", "input": "only one"}
EMBEDDINGS_ANSWER: Value = {
    "object": "list",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.0012345678, -1.5e-9, 3]}],
    "model": "e",
    "usage": {"prompt_tokens": 1, "total_tokens": 1},
}

RESPONSES: Value = {
    "model": "gpt-5",
    "instructions": "You are a pirate.",
    "input": [
        {"role": "user", "content": "Hi"},
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "Look"},
                {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "auto"},
                {"type": "input_image", "file_id": "file-img"},
                {"type": "input_file", "filename": "b.pdf", "file_data": f"data:application/pdf;base64,{PDF}"},
                {"type": "input_file", "file_url": "https://example.com/c.pdf"},
            ],
        },
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": Inner({"city": "Rome", "n": [1, "two"]})},
        {"type": "function_call_output", "call_id": "c1", "output": "Rain"},
        {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "part"}]},
        {"type": "computer_call_output", "output": {"type": "computer_screenshot", "image_url": "https://e.com/s.png"}},
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "He asks"}],
            "encrypted_content": "gAAAAB",
        },
        {
            "type": "mcp_call",
            "id": "m",
            "name": "t",
            "server_label": "s",
            "arguments": Inner({"k": "v"}),
            "output": "o",
        },
        {"type": "shell_call", "action": {"commands": ["ls", "pwd"], "env": {"HOME": "/root"}}},
    ],
    "tools": [
        {"type": "function", "name": "f", "parameters": _SCHEMA},
        {"type": "file_search", "vector_store_ids": ["vs_1"]},
        {"type": "mcp", "server_label": "s", "server_url": "https://mcp.example.com", "headers": {"X-Key": "k"}},
    ],
    "text": {"format": {"type": "json_schema", "name": "out", "schema": _SCHEMA}},
    "prompt": {"id": "pmpt_1", "variables": {"customer": "Alice", "doc": {"type": "input_text", "text": "T"}}},
    "metadata": {"a": "b"},
}

RESPONSES_ANSWER: Value = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1716900000,
    "status": "completed",
    "error": None,
    "instructions": "You are a pirate.",
    "output": [
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "content": [
                {
                    "type": "output_text",
                    "text": "Ahoy",
                    "annotations": [{"type": "file_citation", "file_id": "f", "filename": "n.txt", "index": 1}],
                    "logprobs": [],
                },
                {"type": "refusal", "refusal": "No"},
            ],
        },
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": Inner({"x": "y"})},
        {"type": "image_generation_call", "id": "ig", "result": PNG, "revised_prompt": "a cat"},
        {"type": "web_search_call", "action": {"type": "search", "query": "weather"}},
        {"type": "file_search_call", "queries": ["q"], "results": [{"text": "found", "attributes": {"k": "v"}}]},
        {"type": "code_interpreter_call", "code": "print(1)", "outputs": [{"type": "logs", "logs": "1"}]},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "S"}], "content": []},
    ],
    "usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
}

RESPONSES_EVENT: Value = {
    "type": "response.completed",
    "sequence_number": 12345678,
    "response": {"id": "r", "output": [{"type": "message", "content": [{"type": "output_text", "text": "Done"}]}]},
}

ANTHROPIC: Value = {
    "model": "claude-sonnet-4",
    "max_tokens": 1024,
    "system": [{"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {"role": "user", "content": "Hi"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "See"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
                {"type": "image", "source": {"type": "url", "url": "https://example.com/d.png"}},
                {
                    "type": "document",
                    "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
                    "title": "Report",
                    "context": "from Bob",
                },
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "My words"}},
                {"type": "document", "source": {"type": "file", "file_id": "file_9"}},
                {
                    "type": "document",
                    "source": {"type": "content", "content": [{"type": "text", "text": "chunk"}]},
                    "citations": {"enabled": True},
                },
                {
                    "type": "search_result",
                    "source": "https://s",
                    "title": "t",
                    "content": [{"type": "text", "text": "u"}],
                },
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hmm", "signature": "EqQB"},
                {"type": "redacted_thinking", "data": "EmwK"},
                {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"city": "Oslo", "opts": {"deep": ["x"]}}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": "15 degrees", "is_error": False},
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_2",
                    "content": [
                        {"type": "text", "text": "r"},
                        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
                    ],
                },
            ],
        },
    ],
    "tools": [{"name": "f", "description": "d", "input_schema": _SCHEMA}],
    "tool_choice": {"type": "tool", "name": "f"},
    "stop_sequences": ["\n\nHuman:"],
    "metadata": {"user_id": "u-1"},
    "mcp_servers": [{"type": "url", "url": "https://m", "name": "n", "authorization_token": "tok"}],
}

ANTHROPIC_ANSWER: Value = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4",
    "content": [
        {"type": "thinking", "thinking": "Let me see", "signature": "sig"},
        {
            "type": "text",
            "text": "It says",
            "citations": [
                {"type": "char_location", "cited_text": "My words", "document_index": 0, "document_title": "R"}
            ],
        },
        {"type": "tool_use", "id": "t", "name": "f", "input": {"q": "z"}},
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "news"}},
        {
            "type": "web_search_tool_result",
            "tool_use_id": "s",
            "content": [{"type": "web_search_result", "url": "https://n", "title": "N", "encrypted_content": "Eo8"}],
        },
    ],
    "stop_reason": "tool_use",
    "usage": {"input_tokens": 10, "output_tokens": 20},
}

MCP_CALL: Value = {
    "jsonrpc": "2.0",
    "id": "req-1",
    "method": "tools/call",
    "params": {
        "name": "lookup",
        "arguments": {"customer": "Alice", "filters": {"since": "2024"}},
        "_meta": {"progressToken": "p"},
    },
}

MCP_RESULT: Value = {
    "jsonrpc": "2.0",
    "id": 1,
    "result": {
        "content": [
            {"type": "text", "text": Inner({"balance": "12 EUR", "rows": [["a", "b"]]})},
            {"type": "image", "data": PNG, "mimeType": "image/png"},
            {"type": "audio", "data": WAV, "mimeType": "audio/wav"},
            {"type": "resource_link", "uri": "file:///a.txt", "name": "a", "mimeType": "text/plain"},
            {"type": "resource", "resource": {"uri": "file:///b", "mimeType": "text/plain", "text": "inside"}},
            {"type": "resource", "resource": {"uri": "file:///c", "mimeType": "application/pdf", "blob": PDF}},
        ],
        "structuredContent": {"balance": "12 EUR"},
        "isError": False,
    },
}

MCP_TOOLS: Value = {
    "jsonrpc": "2.0",
    "id": 2,
    "result": {"tools": [{"name": "t", "title": "T", "description": "D", "inputSchema": _SCHEMA}], "nextCursor": "c"},
}
MCP_ERROR: Value = {
    "jsonrpc": "2.0",
    "id": None,
    "error": {"code": -32602, "message": "No such thing", "data": {"detail": "the row of Bob"}},
}
MCP_BATCH: Value = [MCP_CALL, MCP_ERROR]
OPENAI_ERROR: Value = {
    "error": {"message": "Bad key sk-1", "type": "invalid_request_error", "param": None, "code": "c"}
}

SHAPES: Mapping[str, Value] = {
    name.lower(): value
    for name, value in dict(globals()).items()
    if name.isupper() and isinstance(value, dict | list) and not name.startswith("_")
}
