"""The usage meter reads what providers report, and nothing of what only looks like it."""

import json
from typing import Any

import pytest

from extproc.apis import current
from extproc.apis.streams import StreamReader
from extproc.protocol.record import NO_USAGE, Usage
from extproc.usage import UsageMeter
from tests.apis.events.samples import STREAMS


def streamed(name: str, raw: bytes) -> UsageMeter:
    meter, reader = UsageMeter(current(), name), StreamReader(name)
    for event in [*reader.feed(raw), *reader.close()]:
        meter.event(event)
    return meter


def events(*values: Any) -> bytes:
    return b"".join(b"data: %b\n\n" % json.dumps(value).encode() for value in values)


def chunk(**more: Any) -> dict[str, Any]:
    return {"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "hi"}}], **more}


def test_a_body_is_counted_with_cached_and_reasoning_tokens_inside() -> None:
    meter = UsageMeter(current(), "anthropic.messages")
    counts = {"input_tokens": 7, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 20, "output_tokens": 5}
    meter.body(json.dumps({"type": "message", "usage": counts}).encode())
    assert meter.total == Usage(127, 5, 100, None, 20, source="provider")


def test_the_last_of_several_reports_of_a_stream_counts() -> None:
    first = chunk(usage={"prompt_tokens": 3, "completion_tokens": 1})
    last = chunk(usage={"prompt_tokens": 3, "completion_tokens": 9})
    assert streamed("openai.chat", events(first, last)).total == Usage(3, 9, source="provider")


@pytest.mark.parametrize(
    "raw",
    [
        events(chunk(), chunk(usage=None)),
        b'data: {"choices":[],"usage":null}\n\n',
        events(chunk(note='"usage": {"prompt_tokens": 3}')),
        b'data: {"usage": {"prompt_tokens": 3\n\n',
        b"data: [DONE]\n\n: comment\n\n",
    ],
    ids=["null", "null-without-blank", "in-a-text", "cut", "no-json"],
)
def test_what_is_no_report_counts_nothing(raw: bytes) -> None:
    assert streamed("openai.chat", raw).total is NO_USAGE


def test_a_name_that_is_null_first_and_counted_then_is_read() -> None:
    raw = b'data: {"choices":[{"usage":null}],"usage":{"prompt_tokens":3,"completion_tokens":1}}\n\n'
    assert streamed("openai.chat", raw).total == Usage(3, 1, source="provider")


def test_events_of_another_api_are_counted_as_that_api_counts() -> None:
    counts = {"promptTokenCount": 100, "candidatesTokenCount": 20, "thoughtsTokenCount": 30}
    raw = events({"candidates": [{"content": {"parts": [{"text": "x"}]}}], "usageMetadata": counts})
    assert streamed("", raw).total == Usage(100, 50, None, 30, source="provider")


def test_a_body_that_cannot_be_decoded_counts_nothing() -> None:
    meter = UsageMeter(current(), "openai.chat")
    for body in (b"", b'"usage"', b'[{"usage":1}]', b'{"usage":' * 3000, b'{"usage":{"prompt_tokens":-1}}'):
        meter.body(body)
    assert meter.total is NO_USAGE


SILENT = {"completions", "mcp", "parts", "tools"}
"""Samples that report nothing."""


@pytest.mark.parametrize("name", sorted(STREAMS))
def test_reading_a_stream_twice_changes_nothing(name: str) -> None:
    api, made = STREAMS[name]
    reader = StreamReader(api)
    read = [event for raw in made(["Hello ", "there"]) for event in reader.feed(raw)]
    meter = UsageMeter(current(), api)
    for event in read:
        meter.event(event)
    once = meter.total
    for event in read:
        meter.event(event)
    assert meter.total == once
    assert (once is NO_USAGE) == (name in SILENT)
