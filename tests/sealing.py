"""A provider whose responses are full of values that only it can read, each of which says whose it is."""

import json
from collections.abc import Iterator
from itertools import count
from typing import Any, Final, Literal, TypeAlias

Dialect: TypeAlias = Literal["chat", "responses", "messages"]
PATHS: Final[dict[Dialect, str]] = {
    "chat": "/v1/chat/completions",
    "responses": "/v1/responses",
    "messages": "/v1/messages",
}
DIALECTS: Final = tuple(PATHS)


class SealingProvider:
    """Makes responses. `made` are all of its sealed values; each has its name in it, and nothing else has."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.made: set[str] = set()
        self._numbers = count(1)

    def reply(self, dialect: Dialect, *, light: bool = False) -> dict[str, Any]:
        """A whole response. `light`: all that it seals is thinking, beside identifiers."""
        made = {"chat": self._chat, "responses": self._response, "messages": self._message}[dialect]()
        if light and dialect == "chat":
            message = made["choices"][0]["message"]
            del message["audio"], message["tool_calls"]
        elif light and dialect == "messages":
            made["content"] = [*made["content"][:2], {"type": "text", "text": "hello"}]
        return made

    def events(self, dialect: Dialect, reply: dict[str, Any]) -> list[bytes]:
        """The same as events."""
        streams = {"chat": self._chunks, "responses": self._response_events, "messages": self._message_events}
        return list(streams[dialect](reply))

    def _id(self, prefix: str) -> str:
        return self._new(f"{prefix}{self.name}{next(self._numbers):04}")

    def _seal(self) -> str:
        """Base64, with padding or without."""
        number = next(self._numbers)
        return self._new(f"SEAL{self.name}{number:04}".ljust(24, "A") + ("", "AA==", "AAA=")[number % 3])

    def _new(self, value: str) -> str:
        self.made.add(value)
        return value

    def _chat(self) -> dict[str, Any]:
        signed = {"extra_content": {"google": {"thought_signature": self._seal()}}}
        function = {"name": "look", "arguments": '{"id": "plain", "signature": "plain"}'}
        message = {
            "role": "assistant",
            "content": "hello",
            "audio": {"id": self._id("audio_"), "data": "", "transcript": "hello"},
            "reasoning_details": [{"type": "reasoning.encrypted", "data": self._seal()}],
            "tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function, **signed}],
        }
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
        return {"id": "chatcmpl-1", "object": "chat.completion", "model": "m", "choices": [choice]}

    def _chunks(self, reply: dict[str, Any]) -> Iterator[bytes]:
        message = reply["choices"][0]["message"]
        for name in message:
            choice = {"index": 0, "delta": {name: message[name]}, "finish_reason": None}
            yield event({"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "m", "choices": [choice]})
        end = {"index": 0, "delta": {}, "finish_reason": "tool_calls"}
        yield event({"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "m", "choices": [end]})
        yield b"data: [DONE]\n\n"

    def _response(self) -> dict[str, Any]:
        note = {"type": "container_file_citation", "file_id": self._id("cfile_"), "container_id": self._id("cntr_")}
        text = {"type": "output_text", "text": 'say "item_id":"plain"', "annotations": [note]}
        call = {"name": "look", "arguments": '{"id": "plain", "encrypted_content": "plain"}', "call_id": "call_1"}
        return {
            "id": self._id("resp_"),
            "object": "response",
            "status": "completed",
            "previous_response_id": None,
            "conversation": {"id": self._id("conv_")},
            "model": "m",
            "metadata": {"id": "plain", "file_id": "plain"},
            "output": [
                {"type": "reasoning", "id": self._id("rs_"), "summary": [], "encrypted_content": self._seal()},
                {"type": "message", "id": self._id("msg_"), "role": "assistant", "content": [text]},
                {"type": "function_call", "id": self._id("fc_"), **call},
            ],
        }

    def _response_events(self, reply: dict[str, Any]) -> Iterator[bytes]:
        numbers = count()

        def made(kind: str, **members: Any) -> bytes:
            return event({"type": kind, "sequence_number": next(numbers), **members}, name=kind)

        yield made("response.created", response={**reply, "status": "in_progress", "output": []})
        for index, item in enumerate(reply["output"]):
            yield made("response.output_item.added", output_index=index, item=item)
            if item["type"] == "message":
                part = item["content"][0]
                at = {"item_id": item["id"], "output_index": index, "content_index": 0}
                for piece in ("say ", '"item_id":', '"plain"'):
                    yield made("response.output_text.delta", **at, delta=piece)
                note = part["annotations"][0]
                yield made("response.output_text.annotation.added", **at, annotation_index=0, annotation=note)
                yield made("response.content_part.done", **at, part=part)
            yield made("response.output_item.done", output_index=index, item=item)
        yield made("response.completed", response=reply)

    def _message(self) -> dict[str, Any]:
        found = {"type": "web_search_result", "url": "https://a.example", "encrypted_content": self._seal()}
        cited = {"type": "web_search_result_location", "encrypted_index": self._seal(), "cited_text": "x"}
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "container": {"id": self._id("container_"), "expires_at": "2027-01-01"},
            "content": [
                {"type": "thinking", "thinking": "so", "signature": self._seal()},
                {"type": "redacted_thinking", "data": self._seal()},
                {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [found]},
                {"type": "text", "text": '"signature":"plain"', "citations": [cited]},
                {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"signature": "plain", "file_id": "p"}},
            ],
            "stop_reason": "tool_use",
        }

    def _message_events(self, reply: dict[str, Any]) -> Iterator[bytes]:
        def made(kind: str, **members: Any) -> bytes:
            return event({"type": kind, **members}, name=kind)

        yield made("message_start", message={**reply, "content": [], "container": None, "stop_reason": None})
        for index, block in enumerate(reply["content"]):
            begun, deltas = dict(block), list[dict[str, Any]]()
            if block["type"] == "thinking":
                half = len(block["signature"]) // 2  # the API sends it whole; nothing says that it must
                begun |= {"thinking": "", "signature": ""}
                deltas = [
                    {"type": "thinking_delta", "thinking": block["thinking"]},
                    {"type": "signature_delta", "signature": block["signature"][:half]},
                    {"type": "signature_delta", "signature": block["signature"][half:]},
                ]
            elif block["type"] == "text":
                begun |= {"text": "", "citations": []}
                deltas = [{"type": "text_delta", "text": block["text"]}]
                deltas += [{"type": "citations_delta", "citation": each} for each in block.get("citations", ())]
            yield made("content_block_start", index=index, content_block=begun)
            for delta in deltas:
                yield made("content_block_delta", index=index, delta=delta)
            yield made("content_block_stop", index=index)
        yield made("message_delta", delta={"stop_reason": reply["stop_reason"], "container": reply["container"]})
        yield made("message_stop")


def event(value: dict[str, Any], name: str = "") -> bytes:
    """An event that says this."""
    return (f"event: {name}\n" if name else "").encode() + b"data: %s\n\n" % json.dumps(value).encode()


def seen(dialect: Dialect, stream: bytes) -> dict[str, Any]:
    """The response that a client makes of a stream; but for its text, which does not matter here."""
    values = [json.loads(line[6:]) for line in stream.decode().splitlines() if line.startswith("data: {")]
    if dialect == "responses":
        made: dict[str, Any] = values[-1]["response"]
        return made
    if dialect == "chat":
        message: dict[str, Any] = {}
        for value in values:
            message |= value["choices"][0]["delta"]
        return {**values[0], "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    reply: dict[str, Any] = values[0]["message"]
    for value in values:
        match value["type"]:
            case "content_block_start":
                reply["content"].append(value["content_block"])
            case "content_block_delta":
                block = reply["content"][value["index"]]
                for name in ("thinking", "signature", "text"):
                    if name in value["delta"]:
                        block[name] += value["delta"][name]
                if "citation" in value["delta"]:
                    block["citations"].append(value["delta"]["citation"])
            case "message_delta":
                reply |= value["delta"]
    return reply
