"""The record has the tokens that a response reports, however it comes and whatever becomes of it."""

import gzip
import json
from typing import Any

import pytest

from extproc.protocol.modes import BodyMode
from extproc.testing.playbook import Playbook, request_body, request_headers, response_body, response_headers
from tests.records import logged
from tests.transaction.plans import plan

COUNTS = {"prompt_tokens": 20, "completion_tokens": 30, "prompt_tokens_details": {"cached_tokens": 4}}
KEYS = ("input_tokens", "output_tokens", "cached_input_tokens", "reasoning_tokens")
PROFILES = pytest.mark.parametrize("mode", [BodyMode.BUFFERED, BodyMode.FULL_DUPLEX_STREAMED])
STEPS = pytest.mark.parametrize("step", ["action: mask", "action: block", "action: report"])


def exchanged(step: str, mode: BodyMode, body: bytes, kind: bytes, *more: tuple[str, bytes]) -> dict[str, Any]:
    """The log line of an exchange with that response."""
    pipeline = f"pipelines: [{{name: p, response: [{{use: pii, {step}}}]}}]" if step else ""
    policy = plan(f"usage: {{from: processor}}\n{pipeline}")
    with Playbook(policy, request=mode, response=mode) as envoy:
        envoy.sends(request_headers("/v1/chat/completions", ("content-type", b"application/json")))
        envoy.sends(request_body(b'{"model":"plain","messages":[]}'))
        envoy.sends(response_headers(200, ("content-type", kind), *more))
        envoy.sends(response_body(body))
        return logged(envoy.leaves())


def of(line: dict[str, Any]) -> tuple[int | None, ...]:
    return tuple(line[key] for key in KEYS)


@PROFILES
@STEPS
@pytest.mark.parametrize("text", ["hello", "a@b.de"], ids=["harmless", "finding"])
def test_a_whole_response_is_counted(step: str, mode: BodyMode, text: str) -> None:
    body = json.dumps({"choices": [{"index": 0, "message": {"content": text}}], "usage": COUNTS}).encode()
    assert of(exchanged(step, mode, body, b"application/json")) == (20, 30, 4, None)


@PROFILES
def test_an_encoded_response_is_counted(mode: BodyMode) -> None:
    body = gzip.compress(json.dumps({"choices": [], "usage": COUNTS}).encode())
    line = exchanged("action: mask", mode, body, b"application/json", ("content-encoding", b"gzip"))
    assert of(line) == (20, 30, 4, None)


@PROFILES
@STEPS
@pytest.mark.parametrize("text", ["hello ", "a@b.de "], ids=["harmless", "finding"])
def test_a_stream_is_counted(step: str, mode: BodyMode, text: str) -> None:
    chunks: list[Any] = [{"choices": [{"index": 0, "delta": {"content": text}}]}, {"choices": [], "usage": COUNTS}]
    body = b"".join(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks) + b"data: [DONE]\n\n"
    assert of(exchanged(step, mode, body, b"text/event-stream")) == (20, 30, 4, None)
