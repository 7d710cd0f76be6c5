"""Replies of models in the form of each API, whole and streamed, and what a policy makes of them."""

import json
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from extproc.explain.explanation import Explanation, explain
from extproc.explain.lines import read_line
from extproc.policy import loads
from extproc.transaction import Plan, Shared

SCHEMA: Final = {
    "type": "object",
    "properties": {"age": {"type": "integer"}, "name": {"type": "string"}},
    "required": ["age"],
    "additionalProperties": False,
}


_POLICY: Final = """
version: 1
backends:
  - {name: local, url: "http://127.0.0.1:9001/v1", api: openai}
  - {name: other, url: "http://127.0.0.1:9002/v1", api: anthropic}
default_backend: none
models: [{name: chat, targets: [{backend: local}]}, {name: claude, targets: [{backend: other}]}]
pipelines:
"""


def judging(response: str, more: str = "") -> Plan:
    """A plan with these processors for responses, of whatever API; `more` fields of the pipeline."""
    own = f"  - {{name: p, response: [{response}], content_types: [application/x-ndjson]{more}}}\n"
    return Plan.compile(loads(_POLICY + own, "policy.yaml"), {})


class Form(NamedTuple):
    """The form of one API: `reasons` are its words for a message that is complete, cut off, and that calls tools."""

    path: str
    reasons: tuple[str, str, str]


FORMS: Final = {
    "chat": Form("/v1/chat/completions", ("stop", "length", "tool_calls")),
    "responses": Form("/v1/responses", ("completed", "max_output_tokens", "completed")),
    "messages": Form("/v1/messages", ("end_turn", "max_tokens", "tool_use")),
    "gemini": Form("/v1beta/models/m:generateContent", ("STOP", "MAX_TOKENS", "STOP")),
    "ollama": Form("/api/chat", ("stop", "length", "stop")),
}


def asking(api: str, *, schema: Any = None, tools: Any = None, forced: str | None = None) -> dict[str, Any]:
    """A request for JSON that fits a schema, or with tools: names with the schemas of their parameters."""
    body: dict[str, Any] = {"model": "claude" if api == "messages" else "chat"}
    offered = list((tools or {}).items())
    match api:
        case "chat":
            body["messages"] = [{"role": "user", "content": "hi"}]
            if schema is not None:
                body["response_format"] = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
            if tools is not None:
                body["tools"] = [{"type": "function", "function": {"name": n, "parameters": s}} for n, s in offered]
            if forced:
                body["tool_choice"] = {"type": "function", "function": {"name": forced}}
        case "responses":
            body["input"] = "hi"
            if schema is not None:
                body["text"] = {"format": {"type": "json_schema", "name": "n", "schema": schema}}
            if tools is not None:
                body["tools"] = [{"type": "function", "name": n, "parameters": s} for n, s in offered]
            if forced:
                body["tool_choice"] = {"type": "function", "name": forced}
        case "messages":
            body |= {"max_tokens": 10, "messages": [{"role": "user", "content": "hi"}]}
            if schema is not None:
                body["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
            if tools is not None:
                body["tools"] = [{"name": n, "input_schema": s} for n, s in offered]
            if forced:
                body["tool_choice"] = {"type": "tool", "name": forced}
        case "gemini":
            body = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
            if schema is not None:
                body["generationConfig"] = {"responseMimeType": "application/json", "responseJsonSchema": schema}
            if tools is not None:
                declared = [{"name": n, "parametersJsonSchema": s} for n, s in offered]
                body["tools"] = [{"functionDeclarations": declared}]
        case "ollama":
            body["messages"] = [{"role": "user", "content": "hi"}]
            if schema is not None:
                body["format"] = schema
            if tools is not None:
                body["tools"] = [{"type": "function", "function": {"name": n, "parameters": s}} for n, s in offered]
    return body


def _sse(events: Sequence[Any]) -> str:
    lines = [
        (f"event: {each['type']}\n" if "type" in each else "") + f"data: {json.dumps(each)}\n\n" for each in events
    ]
    return "".join(lines)


def whole(api: str, text: str, reason: int = 0) -> Any:
    """A whole reply that says this."""
    word = FORMS[api].reasons[reason]
    match api:
        case "chat":
            message = {"role": "assistant", "content": text}
            return {"object": "chat.completion", "choices": [{"index": 0, "message": message, "finish_reason": word}]}
        case "responses":
            content = [{"type": "output_text", "text": text, "annotations": []}]
            item = {"type": "message", "id": "m", "role": "assistant", "content": content}
            return _response([item], reason)
        case "messages":
            return {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "text", "text": text}],
                "stop_reason": word,
            }
        case "gemini":
            return {"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": word}]}
    return {"model": "m", "message": {"role": "assistant", "content": text}, "done": True, "done_reason": word}


def _response(output: list[Any], reason: int) -> Any:
    cut = {"incomplete_details": {"reason": "max_output_tokens"}} if reason == 1 else {}
    return {"object": "response", "status": "incomplete" if cut else "completed", "output": output, **cut}


def streamed(api: str, pieces: Sequence[str], reason: int = 0) -> str:
    """The same reply as a stream of these pieces."""
    word, text = FORMS[api].reasons[reason], "".join(pieces)
    match api:
        case "chat":
            events = [_chunk({"content": piece}) for piece in pieces]
            return _sse([_chunk({"role": "assistant", "content": ""}), *events, _chunk({}, word)]) + "data: [DONE]\n\n"
        case "responses":
            at = {"item_id": "m", "output_index": 0, "content_index": 0}
            item = {"type": "message", "id": "m", "role": "assistant", "content": []}
            final = whole(api, text, reason)
            kind = "incomplete" if reason == 1 else "completed"
            return _sse(
                [
                    {"type": "response.output_item.added", "output_index": 0, "item": item},
                    *({"type": "response.output_text.delta", **at, "delta": piece} for piece in pieces),
                    {"type": "response.output_text.done", **at, "text": text},
                    {"type": "response.output_item.done", "output_index": 0, "item": final["output"][0]},
                    {"type": f"response.{kind}", "response": final},
                ]
            )
        case "messages":
            events = [_block_delta({"type": "text_delta", "text": piece}) for piece in pieces]
            return _messages({"type": "text", "text": ""}, events, word)
        case "gemini":
            events = [{"candidates": [{"content": {"parts": [{"text": piece}]}, "index": 0}]} for piece in pieces]
            last = {"candidates": [{"content": {"parts": []}, "finishReason": word, "index": 0}]}
            return _sse([*events, last])
    lines = [{"model": "m", "message": {"role": "assistant", "content": piece}, "done": False} for piece in pieces]
    last_line = {"model": "m", "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": word}
    return "".join(json.dumps(each) + "\n" for each in [*lines, last_line])


def _chunk(delta: Any, reason: str | None = None) -> Any:
    return {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}


def _block_delta(delta: Any) -> Any:
    return {"type": "content_block_delta", "index": 0, "delta": delta}


def _messages(block: Any, events: Sequence[Any], reason: str) -> str:
    message: Any = {"id": "x", "type": "message", "role": "assistant", "content": [], "stop_reason": None}
    return _sse(
        [
            {"type": "message_start", "message": message},
            {"type": "content_block_start", "index": 0, "content_block": block},
            *events,
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 1}},
            {"type": "message_stop"},
        ]
    )


def whole_call(api: str, name: str, given: str) -> Any:
    """A whole reply that calls a tool; Anthropic, Gemini and Ollama have the value of the arguments."""
    word = FORMS[api].reasons[2]
    match api:
        case "chat":
            call = {"id": "c1", "type": "function", "function": {"name": name, "arguments": given}}
            message = {"role": "assistant", "content": None, "tool_calls": [call]}
            return {"choices": [{"index": 0, "message": message, "finish_reason": word}]}
        case "responses":
            return _response([{"type": "function_call", "call_id": "c1", "name": name, "arguments": given}], 0)
        case "messages":
            block = {"type": "tool_use", "id": "c1", "name": name, "input": json.loads(given)}
            return {"type": "message", "role": "assistant", "content": [block], "stop_reason": word}
        case "gemini":
            parts = [{"functionCall": {"name": name, "args": json.loads(given)}}]
            return {"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": word}]}
    call = {"function": {"name": name, "arguments": json.loads(given)}}
    message = {"role": "assistant", "content": "", "tool_calls": [call]}
    return {"model": "m", "message": message, "done": True, "done_reason": word}


def streamed_call(api: str, name: str, pieces: Sequence[str]) -> str:
    """The same as a stream of these pieces of the arguments; Gemini and Ollama bring a call at once."""
    word, given = FORMS[api].reasons[2], "".join(pieces)
    match api:
        case "chat":
            first = {"index": 0, "id": "c1", "type": "function", "function": {"name": name, "arguments": ""}}
            calls = [first, *({"index": 0, "function": {"arguments": piece}} for piece in pieces)]
            return _sse([*(_chunk({"tool_calls": [call]}) for call in calls), _chunk({}, word)]) + "data: [DONE]\n\n"
        case "responses":
            item = {"type": "function_call", "id": "f", "call_id": "c1", "name": name, "arguments": ""}
            at = {"item_id": "f", "output_index": 0}
            return _sse(
                [
                    {"type": "response.output_item.added", "output_index": 0, "item": item},
                    *({"type": "response.function_call_arguments.delta", **at, "delta": piece} for piece in pieces),
                    {"type": "response.function_call_arguments.done", **at, "arguments": given},
                    {"type": "response.output_item.done", "output_index": 0, "item": {**item, "arguments": given}},
                    {"type": "response.completed", "response": whole_call(api, name, given)},
                ]
            )
        case "messages":
            events = [_block_delta({"type": "input_json_delta", "partial_json": piece}) for piece in pieces]
            return _messages({"type": "tool_use", "id": "c1", "name": name, "input": {}}, events, word)
        case "gemini":
            return _sse([whole_call(api, name, given)])
    return json.dumps(whole_call(api, name, given)) + "\n"


def outcome(own: Plan, api: str, request: Any, response: Any) -> Explanation:
    """What a policy makes of a response: a value for JSON, a text for a stream."""
    headers = {}
    if isinstance(response, str):
        lines = api == "ollama" and not response.startswith(("data", "event"))
        headers["content-type"] = "application/x-ndjson" if lines else "text/event-stream"
    answer = {"body": response, "headers": headers}
    line = json.dumps({"path": FORMS[api].path, "body": request, "response": answer})
    return explain(own, Shared(detailed=True), read_line(line.encode()))


def kinds(found: Explanation) -> list[str]:
    """The kinds of the findings, in their order."""
    return [each.kind for each in found.findings]
