import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from extproc.apis import current
from extproc.apis.registry import BUILT_IN
from extproc.apis.usage import MAX_TOKENS, ReportedUsage, reported, tokens
from extproc.payload.sse import Reader
from tests.apis.events.apis import APIS
from tests.apis.events.samples import STREAMS
from tests.apis.toy import TOY
from tests.gathered import gathered

ANTHROPIC = {"cached_inside": False}
GEMINI = {"reasoning_inside": False}

DETAILED = {
    "prompt_tokens": 2006,
    "completion_tokens": 300,
    "total_tokens": 2306,
    "prompt_tokens_details": {"cached_tokens": 1920, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 192, "audio_tokens": 0},
}
CHUNK = {"id": "c", "object": "chat.completion.chunk", "choices": list[Any]()}
RESPONSE = {"id": "resp_1", "object": "response", "output": list[Any]()}
TOLD = {
    "input_tokens": 328,
    "input_tokens_details": {"cached_tokens": 64},
    "output_tokens": 52,
    "output_tokens_details": {"reasoning_tokens": 7},
    "total_tokens": 380,
}
CANDIDATES = {"candidates": [{"content": {"parts": [{"text": "x"}]}}]}
METADATA = {
    "promptTokenCount": 100,
    "candidatesTokenCount": 20,
    "thoughtsTokenCount": 30,
    "cachedContentTokenCount": 60,
    "toolUsePromptTokenCount": 5,
    "totalTokenCount": 155,
}
COUNTED = {"billed_units": {"input_tokens": 5, "output_tokens": 9}, "tokens": {"input_tokens": 71, "output_tokens": 11}}
LLAMA = {"content": "", "stop": True, "tokens_evaluated": 12, "tokens_predicted": 40, "tokens_cached": 51}


@gathered(
    ("name", "value", "usage"),
    [
        (
            "openai.chat",
            {**CHUNK, "usage": DETAILED},
            ReportedUsage(2006, 300, 1920, None, 192, input_audio_tokens=0, output_audio_tokens=0),
        ),
        ("openai.chat", {**CHUNK, "usage": {"prompt_tokens": 3, "completion_tokens": 5}}, ReportedUsage(3, 5)),
        ("openai.chat", {**CHUNK, "usage": {"completion_tokens": 5}}, ReportedUsage(None, 5)),
        (
            "openai.chat",
            {**CHUNK, "x_groq": {"usage": {"prompt_tokens": 3, "completion_tokens": 5}}},
            ReportedUsage(3, 5),
        ),
        (
            "openai.chat",  # DeepSeek
            {"usage": {"prompt_tokens": 9, "completion_tokens": 5, "prompt_cache_hit_tokens": 4}},
            ReportedUsage(9, 5, 4),
        ),
        (
            "openai.chat",  # xAI
            {
                "usage": {
                    "prompt_tokens": 32,
                    "completion_tokens": 9,
                    "total_tokens": 135,
                    "completion_tokens_details": {"reasoning_tokens": 94},
                }
            },
            ReportedUsage(32, 9, None, None, 94, reasoning_inside=False),
        ),
        ("openai.chat", {**CHUNK, "usage": None}, None),
        ("openai.chat", CHUNK, None),
        (
            "openai.completions",
            {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 5}},
            ReportedUsage(3, 5),
        ),
        ("openai.embeddings", {"data": [], "usage": {"prompt_tokens": 8, "total_tokens": 8}}, ReportedUsage(8)),
        *(
            (
                "openai.responses",
                {"type": f"response.{kind}", "response": {**RESPONSE, "usage": TOLD}},
                ReportedUsage(328, 52, 64, None, 7),
            )
            for kind in ("completed", "incomplete", "failed")
        ),
        ("openai.responses", {**RESPONSE, "usage": TOLD}, ReportedUsage(328, 52, 64, None, 7)),
        ("openai.responses", {"type": "response.created", "response": {**RESPONSE, "usage": None}}, None),
        ("openai.responses", {"type": "response.output_text.delta", "delta": "x"}, None),
        (
            "openai.responses",
            {"type": "transcript.text.done", "text": "x", "usage": {"type": "tokens", **TOLD}},
            ReportedUsage(328, 52, 64, None, 7),
        ),
        ("openai.responses", {"type": "transcript.text.done", "usage": {"type": "duration", "seconds": 3}}, None),
        (
            "threads",
            {"object": "thread.run", "usage": {"prompt_tokens": 3, "completion_tokens": 5}},
            ReportedUsage(3, 5),
        ),
        ("threads", {"object": "thread.run.step", "usage": {"prompt_tokens": 3, "completion_tokens": 5}}, None),
        (
            "anthropic.messages",
            {
                "type": "message_start",
                "message": {
                    "usage": {
                        "input_tokens": 25,
                        "cache_read_input_tokens": 1000,
                        "cache_creation_input_tokens": 200,
                        "output_tokens": 1,
                    }
                },
            },
            ReportedUsage(25, 1, 1000, 200, **ANTHROPIC, begun=True),
        ),
        (
            "anthropic.messages",
            {"type": "message_delta", "usage": {"output_tokens": 15}},
            ReportedUsage(None, 15, **ANTHROPIC),
        ),
        (
            "anthropic.messages",
            {"type": "message", "content": [], "usage": {"input_tokens": 5, "output_tokens": 6}},
            ReportedUsage(5, 6, **ANTHROPIC),
        ),
        ("anthropic.messages", {"type": "message_stop"}, None),
        ("anthropic.count_tokens", {"input_tokens": 14}, None),  # a question about tokens uses none
        ("gemini", {**CANDIDATES, "usageMetadata": METADATA}, ReportedUsage(105, 20, 60, None, 30, **GEMINI)),
        (
            "gemini",
            {"response": {**CANDIDATES, "usageMetadata": METADATA}},
            ReportedUsage(105, 20, 60, None, 30, **GEMINI),
        ),
        ("gemini", {**CANDIDATES, "usageMetadata": {"promptTokenCount": 4}}, ReportedUsage(4, **GEMINI)),
        ("gemini", CANDIDATES, None),
        (
            "cohere",
            {"type": "message-end", "delta": {"usage": {**COUNTED, "cached_tokens": 3}}},
            ReportedUsage(71, 11, 3),
        ),
        ("cohere", {"id": "x", "message": {}, "usage": COUNTED}, ReportedUsage(71, 11)),
        ("cohere", {"event_type": "stream-end", "response": {"meta": COUNTED}}, ReportedUsage(71, 11)),
        ("cohere", {"text": "x", "meta": {"billed_units": COUNTED["billed_units"]}}, ReportedUsage(5, 9)),
        ("tokens", {"model": "m", "done": True, "prompt_eval_count": 26, "eval_count": 298}, ReportedUsage(26, 298)),
        ("tokens", {"model": "m", "done": False}, None),
        ("tokens", {**LLAMA, "timings": {"cache_n": 7, "prompt_n": 5}}, ReportedUsage(12, 40, 7)),
        ("tokens", LLAMA, ReportedUsage(12, 40)),
        (
            "tokens",
            {"generated_text": "x", "details": {"generated_tokens": 20, "input_length": 6}},
            ReportedUsage(6, 20),
        ),
        ("tokens", {"generated_text": "x", "details": None}, None),
        ("mcp", {"jsonrpc": "2.0", "result": {"usage": DETAILED}}, None),
    ],
)
def test_the_tokens_that_a_provider_reports_are_read(
    name: str, value: dict[str, Any], usage: ReportedUsage | None
) -> None:
    api = current().named(name)
    assert api is not None
    assert api.usage(value) == usage
    assert usage is None or api.may_report(json.dumps(value).encode())


def of_stream(name: str, documents: Sequence[Any]) -> ReportedUsage | None:
    """Sum up as a meter does: of each event that may report usage, the latest counts hold."""
    api = current().named(name)
    assert api is not None
    total: ReportedUsage | None = None
    for each in documents:
        if api.may_report(json.dumps(each).encode()) and (found := api.usage(each)) is not None:
            total = found if total is None else total.updated(found)
    return total


@pytest.mark.parametrize(
    ("stream", "usage"),
    [
        ("chat", ReportedUsage(3, 5)),
        ("choices", ReportedUsage(None, 8)),
        ("tools", None),
        ("responses", ReportedUsage(3, 9)),
        ("messages", ReportedUsage(25, 15, **ANTHROPIC)),
        ("mcp", None),
    ],
)
def test_a_stream_comes_to_what_its_last_events_report(stream: str, usage: ReportedUsage | None) -> None:
    name, make = STREAMS[stream]
    data = [each.data for each in Reader().feed(b"".join(make(["a ", "b"])))]
    assert of_stream(name, [json.loads(each) for each in data if each is not None and each != b"[DONE]"]) == usage


@pytest.mark.parametrize("stream", APIS)
def test_no_stream_of_an_unclaimed_api_is_misread(stream: str) -> None:
    documents = APIS[stream](["a ", "b"])
    shaped = {name for each in documents for name, events in current().shaped if events.known(each)}
    assert shaped
    assert {of_stream(name, documents) for name in shaped} == {None}


@pytest.mark.parametrize("wrong", [None, True, -1, 1.5, "3", [3], {}, MAX_TOKENS])
def test_what_is_no_count_is_none(wrong: object) -> None:
    assert tokens({"a": {"b": wrong}}, "a", "b") is None
    assert tokens({"a": wrong}, "a", "b") is None
    assert tokens({"a": {"b": MAX_TOKENS - 1}}, "a", "b") == MAX_TOKENS - 1


@gathered("api", [*BUILT_IN, TOY], ids=lambda api: api.name)
@gathered("value", [{}, {"usage": 1}, {"usage": []}, {"usageMetadata": {"x": 1}}, {"details": 3}])
def test_no_shape_is_an_error(api: Any, value: dict[str, Any]) -> None:
    assert api.usage(value) is None


def test_later_counts_hold_and_those_left_out_stay() -> None:
    began = ReportedUsage(25, 1, 1000, 200, None, cached_inside=False)
    assert began.updated(ReportedUsage(None, 15, cached_inside=False)) == ReportedUsage(
        25, 15, 1000, 200, cached_inside=False
    )


def test_counts_of_different_providers_compare_once_they_are_inclusive() -> None:
    assert ReportedUsage(25, 15, 1000, 200, cached_inside=False).inclusive() == ReportedUsage(1225, 15, 1000, 200)
    assert ReportedUsage(105, 20, 60, None, 30, reasoning_inside=False).inclusive() == ReportedUsage(
        105, 50, 60, None, 30
    )
    assert ReportedUsage(None, None, 5, 5, 5, cached_inside=False, reasoning_inside=False).inclusive() == ReportedUsage(
        None, None, 5, 5, 5
    )
    assert ReportedUsage(2006, 300, 1920, None, 192).inclusive() == ReportedUsage(2006, 300, 1920, None, 192)


def test_usage_without_a_count_is_none_and_zero_is_a_count() -> None:
    assert reported(ReportedUsage(cached_inside=False)) is None
    assert reported(ReportedUsage(0)) == ReportedUsage(0)


def test_usage_is_cheap_data() -> None:
    assert msgspec.json.decode(msgspec.json.encode(ReportedUsage(1, 2)), type=ReportedUsage) == ReportedUsage(1, 2)
