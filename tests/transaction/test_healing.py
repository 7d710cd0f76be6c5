"""Errors that clients heal by: those about the context alone, in any provider's words and shape."""

import json
from collections.abc import Iterator
from typing import Final

import pytest

from extproc.transaction.responses.healing import HEALING_MAX, heals

JSON: Final = "application/json"
MESSAGES: Final = tuple(
    " ".join(each.split())
    for each in """
    prompt is too long: 212345 tokens > 200000 maximum

    input length and `max_tokens` exceed context limit: 198311 + 20000 > 200000, decrease input length or `max_tokens`
    and try again

    This model's maximum context length is 128000 tokens. However, your messages resulted in 131072 tokens. Please
    reduce the length of the messages.

    This model's maximum context length is 8192 tokens. However, you requested 9000 tokens (8000 in the messages, 1000
    in the completion). Please reduce the length of the messages or completion.

    The input token count (1048577) exceeds the maximum number of tokens allowed (1048576).

    Requested token count exceeds the model's maximum context length of 131072 tokens. You requested a total of 133345
    tokens: 125153 tokens from the input messages and 8192 tokens for the completion.

    the request exceeds the available context size, try increasing it
    """.strip().split("\n\n")
)


def shapes(message: str) -> Iterator[bytes]:
    """The error as OpenAI, Anthropic, Google and vLLM have it."""
    code = "context_length_exceeded"
    openai = {"message": message, "type": "invalid_request_error", "param": "messages", "code": code}
    anthropic = {"type": "invalid_request_error", "message": message}
    yield json.dumps({"error": openai}).encode()
    yield json.dumps({"type": "error", "error": anthropic, "request_id": "req_011CSHoEeqs5C35K2UUqR7Fy"}).encode()
    yield json.dumps({"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}}, indent=2).encode()
    yield json.dumps({"object": "error", "message": message, "type": "BadRequestError", "code": 400}).encode()


BODIES: Final = tuple(body for message in MESSAGES for body in shapes(message))
CHANGED: Final = tuple(
    body
    for message in (
        "prompt is too long: call 4012888888881881 tokens",
        "prompt is too long for jane 12345",
        "the server is at 1234 5678",
    )
    for body in shapes(message)
)
"""Errors that say more, or something else."""


@pytest.mark.parametrize("body", BODIES)
def test_an_error_about_the_context_heals(body: bytes) -> None:
    assert heals(body, JSON)
    assert heals(body, JSON + "; charset=utf-8")
    assert not heals(body, "text/plain")


@pytest.mark.parametrize("body", CHANGED)
def test_an_error_that_says_anything_else_does_not(body: bytes) -> None:
    assert not heals(body, JSON)


def test_what_is_no_such_error_does_not() -> None:
    deep = {"error": {"message": MESSAGES[0], "more": {"a": {"b": 1}}}}
    two = {"message": MESSAGES[0], "error": {"message": MESSAGES[0]}}
    said = {"error": {"message": MESSAGES[0], "param": "jane doe"}}
    named = {"error": {"message": MESSAGES[0], "4012888888881881": None}}
    counted = {"error": {"message": MESSAGES[0], "code": 4012888888881881}}
    secret = {"error": {"message": MESSAGES[0], "code": "sk-proj-1234"}, "request_id": "req_a b"}
    for value in (deep, two, said, named, counted, secret, [MESSAGES[0]], {}, {"error": {"message": [MESSAGES[0]]}}):
        assert not heals(json.dumps(value).encode(), JSON)
    assert not heals(b"{" * 2000, JSON)
    body = next(shapes(MESSAGES[0]))
    assert heals(body + b" " * (HEALING_MAX - len(body)), JSON)
    assert not heals(body + b" " * (HEALING_MAX + 1 - len(body)), JSON)
    assert not heals(next(shapes("prompt is too long: 123456789 tokens")), JSON)
