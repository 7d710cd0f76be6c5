import base64
import json
import struct
from typing import Any

import pytest

from extproc.testing.clients import ClientRequest, ClientResponse
from extproc.testing.clients.http1 import http1
from extproc.testing.provider import running_provider
from tests.testing.asking import CHAT, ask, chat

TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {}}}]
HI = [{"role": "user", "content": "hello there"}]


def answer_to(body: bytes | dict[str, Any], target: str = CHAT, do: str = "") -> ClientResponse:
    with running_provider("east", models=("small", "big")) as provider:
        answer = ask(provider.port, body, do, target=target)
        assert provider.violations == ()
        assert answer.complete
        return answer


def data_of(answer: ClientResponse) -> list[Any]:
    assert answer.header("content-type") == "text/event-stream; charset=utf-8"
    return [json.loads(event) for event in answer.events() if event != b"[DONE]"]


def names_of(answer: ClientResponse) -> list[str]:
    return [line.removeprefix("event: ") for line in answer.body.decode().splitlines() if line.startswith("event: ")]


def test_a_chat_completion_echoes_the_last_user_text() -> None:
    messages = [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "yes"},
        {"role": "user", "content": [{"type": "text", "text": "one "}, {"type": "image_url"}, {"text": "two"}]},
    ]
    document = answer_to({"model": "gpt", "messages": messages}).json()
    assert document["choices"][0]["message"] == {"role": "assistant", "content": "echo: one two", "refusal": None}
    assert document["choices"][0]["finish_reason"] == "stop"
    assert (document["object"], document["model"], document["provider"]) == ("chat.completion", "gpt", "east")
    usage = document["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (6, 3, 9)


def test_an_answer_says_in_a_header_who_gave_it() -> None:
    assert answer_to(chat()).header("x-provider") == "east"


def test_the_same_question_gets_the_same_bytes() -> None:
    assert answer_to(chat()).body == answer_to(chat()).body


def test_a_chat_stream_is_the_same_text_in_chunks() -> None:
    answer = answer_to(chat(" two  words ", stream=True))
    chunks = data_of(answer)
    assert answer.events()[-1] == b"[DONE]"
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk["id"] for chunk in chunks}) == 1
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert deltas[0]["role"] == "assistant"
    assert "".join(delta.get("content", "") for delta in deltas) == "echo:  two  words "
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None] * 5 + ["stop"]
    assert not any("usage" in chunk for chunk in chunks)


def test_a_chat_stream_ends_with_its_usage_when_that_is_asked_for() -> None:
    *chunks, last = data_of(answer_to(chat(stream=True, stream_options={"include_usage": True})))
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] == 5
    assert all(chunk["usage"] is None for chunk in chunks)


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "weather"}}])
def test_a_chat_completion_calls_a_tool_that_it_must_call(choice: Any) -> None:
    document = answer_to(chat("où?", tools=TOOLS, tool_choice=choice)).json()
    (call,) = document["choices"][0]["message"]["tool_calls"]
    assert document["choices"][0]["finish_reason"] == "tool_calls"
    assert document["choices"][0]["message"]["content"] is None
    assert (call["type"], call["function"]["name"]) == ("function", "weather")
    assert json.loads(call["function"]["arguments"]) == {"text": "où?"}


def test_a_tool_that_need_not_be_called_is_not_called() -> None:
    document = answer_to(chat(tools=TOOLS, tool_choice="auto")).json()
    assert document["choices"][0]["message"]["content"] == "echo: hello there"


def test_a_tool_is_called_when_that_is_ordered() -> None:
    document = answer_to(chat(tools=TOOLS), do="tool").json()
    assert document["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "weather"


def test_a_chat_stream_calls_a_tool_in_pieces() -> None:
    chunks = data_of(answer_to(chat("a much longer text", stream=True, tools=TOOLS, tool_choice="required")))
    calls = [call for chunk in chunks for call in chunk["choices"][0]["delta"].get("tool_calls", [])]
    assert calls[0]["function"]["name"] == "weather"
    assert len(calls) > 2
    assert json.loads("".join(call["function"]["arguments"] for call in calls)) == {"text": "a much longer text"}
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("prompt", ["hello there", ["hello there"]])
def test_a_completion_echoes_its_prompt(prompt: Any) -> None:
    document = answer_to({"model": "gpt", "prompt": prompt}, "/v1/completions").json()
    assert document["object"] == "text_completion"
    assert document["choices"][0]["text"] == "echo: hello there"


def test_a_prompt_of_tokens_is_answered() -> None:
    assert answer_to({"model": "gpt", "prompt": [1, 2]}, "/v1/completions").json()["choices"][0]["text"] == "echo: "


def test_a_completion_stream_is_the_same_text_in_chunks() -> None:
    body = {"model": "gpt", "prompt": "hello there", "stream": True, "stream_options": {"include_usage": True}}
    *chunks, last = data_of(answer_to(body, "/v1/completions"))
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks) == "echo: hello there"
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert last["usage"]["prompt_tokens"] == 2


def test_embeddings_have_a_vector_an_input() -> None:
    body = {"model": "e", "input": ["one", "two", "one"], "dimensions": 4}
    document = answer_to(body, "/v1/embeddings").json()
    vectors = [row["embedding"] for row in document["data"]]
    assert [row["index"] for row in document["data"]] == [0, 1, 2]
    assert vectors[0] == vectors[2] != vectors[1]
    assert len(vectors[0]) == 4
    assert document["usage"] == {"prompt_tokens": 3, "total_tokens": 3}


def test_embeddings_in_base64_are_the_same_numbers() -> None:
    body = {"model": "e", "input": "one"}
    plain = answer_to(body, "/v1/embeddings").json()["data"][0]["embedding"]
    packed = answer_to({**body, "encoding_format": "base64"}, "/v1/embeddings").json()["data"][0]["embedding"]
    assert list(struct.unpack("<8f", base64.b64decode(packed))) == plain


@pytest.mark.parametrize("given", ["hello there", HI, [{"role": "user", "content": [{"text": "hello there"}]}]])
def test_a_response_echoes_its_input(given: Any) -> None:
    document = answer_to({"model": "gpt", "input": given, "instructions": "be brief"}, "/v1/responses").json()
    assert (document["object"], document["status"], document["model"]) == ("response", "completed", "gpt")
    assert document["output"][0]["content"][0]["text"] == "echo: hello there"
    assert (document["usage"]["input_tokens"], document["usage"]["output_tokens"]) == (4, 3)


def test_a_response_stream_has_the_events_of_its_dialect() -> None:
    answer = answer_to({"model": "gpt", "input": "hello there", "stream": True}, "/v1/responses")
    events = data_of(answer)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert [event["type"] for event in events] == names_of(answer) == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        *["response.output_text.delta"] * 3,
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]  # fmt: skip
    text = "".join(event["delta"] for event in events if event["type"].endswith("delta"))
    assert text == events[-1]["response"]["output"][0]["content"][0]["text"] == "echo: hello there"
    assert b"[DONE]" not in answer.body


def test_a_response_stream_calls_a_function() -> None:
    body = {
        "model": "gpt",
        "input": "hello there",
        "stream": True,
        "tools": [{"type": "function", "name": "weather"}],
        "tool_choice": {"type": "function", "name": "weather"},
    }
    events = data_of(answer_to(body, "/v1/responses"))
    arguments = "".join(event["delta"] for event in events if event["type"].endswith("arguments.delta"))
    (item,) = events[-1]["response"]["output"]
    assert (item["type"], item["name"], item["arguments"]) == ("function_call", "weather", arguments)
    assert json.loads(arguments) == {"text": "hello there"}


def test_a_message_echoes_the_last_user_text() -> None:
    body = {"model": "claude", "max_tokens": 9, "system": [{"type": "text", "text": "be brief"}], "messages": HI}
    document = answer_to(body, "/v1/messages").json()
    assert (document["type"], document["role"], document["model"]) == ("message", "assistant", "claude")
    assert document["content"] == [{"type": "text", "text": "echo: hello there"}]
    assert document["stop_reason"] == "end_turn"
    assert (document["usage"]["input_tokens"], document["usage"]["output_tokens"]) == (4, 3)


def test_a_message_stream_has_the_events_of_its_dialect() -> None:
    answer = answer_to({"model": "claude", "messages": HI, "stream": True}, "/v1/messages")
    events = data_of(answer)
    assert [event["type"] for event in events] == names_of(answer) == [
        "message_start",
        "content_block_start",
        "ping",
        *["content_block_delta"] * 3,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]  # fmt: skip
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    assert "".join(delta["text"] for delta in deltas) == "echo: hello there"
    assert events[-2]["usage"] == {"output_tokens": 3}


@pytest.mark.parametrize("stream", [False, True])
def test_a_message_uses_a_tool(stream: bool) -> None:
    body = {
        "model": "claude",
        "messages": HI,
        "stream": stream,
        "tools": [{"name": "weather", "input_schema": {}}],
        "tool_choice": {"type": "any"},
    }
    answer = answer_to(body, "/v1/messages")
    if not stream:
        (block,) = answer.json()["content"]
        assert (block["type"], block["name"], block["input"]) == ("tool_use", "weather", {"text": "hello there"})
        assert answer.json()["stop_reason"] == "tool_use"
        return
    parts = [event["delta"]["partial_json"] for event in data_of(answer) if event["type"] == "content_block_delta"]
    assert json.loads("".join(parts)) == {"text": "hello there"}


def test_an_api_may_stand_below_a_prefix() -> None:
    assert answer_to(chat(), "/openai/v1/chat/completions?api-version=1").json()["object"] == "chat.completion"


def test_models_are_listed_and_found() -> None:
    with running_provider("east", models=("small", "big")) as provider:
        listed = http1(provider.port, ClientRequest("GET", "/v1/models")).json()
        assert [model["id"] for model in listed["data"]] == ["small", "big"]
        assert http1(provider.port, ClientRequest("GET", "/v1/models/big")).json() == listed["data"][1]
        assert http1(provider.port, ClientRequest("GET", "/v1/models/none")).status == 404


def test_a_path_of_no_dialect_is_mirrored() -> None:
    document = answer_to(b"anything", "/v1/files?x=1").json()
    assert document == {"provider": "east", "method": "POST", "target": "/v1/files?x=1"}


def test_a_request_for_headers_alone_gets_no_body() -> None:
    with running_provider() as provider:
        answer = http1(provider.port, ClientRequest("HEAD", "/v1/models"))
    assert (answer.status, answer.body, answer.complete) == (200, b"", True)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"model": ""}',
        b'{"model": 7}',
        b'{"model": "\xff"}',
        b'{"model": "gpt", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"model": "gpt", "x": ' + b"9" * 5000 + b"}",
    ],
)
def test_a_body_that_asks_nothing_is_refused_in_the_dialect(body: bytes) -> None:
    openai = answer_to(body)
    assert openai.status == 400
    assert openai.json()["error"]["type"] == "invalid_request_error"
    anthropic = answer_to(body, "/v1/messages")
    assert anthropic.status == 400
    assert anthropic.json()["type"] == "error"
    assert anthropic.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    "messages", [None, 7, "text", [], [7, None], [{"role": 7, "content": {"a": 1}}], {"role": "user"}]
)
def test_messages_of_a_strange_shape_are_answered_all_the_same(messages: Any) -> None:
    assert answer_to({"model": "gpt", "messages": messages}).status == 200


def test_half_a_surrogate_pair_is_echoed_as_a_question_mark() -> None:
    body = b'{"model": "gpt", "messages": [{"role": "user", "content": "a\\ud800b"}]}'
    assert answer_to(body).json()["choices"][0]["message"]["content"] == "echo: a?b"


def test_only_post_asks_a_question() -> None:
    with running_provider() as provider:
        assert http1(provider.port, ClientRequest("GET", CHAT)).status == 405
