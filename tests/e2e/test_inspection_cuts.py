"""Through the real Envoy, streams cut at any byte: no part of a masked or blocked value reaches the client."""

import json
from typing import Any, Final

import pytest

from extproc.gateway.bootstrap import Profile
from extproc.testing.clients import Ending
from tests.e2e.conftest import Shared
from tests.e2e.gateway import Gateway, post, tagged

pytestmark = pytest.mark.envoy

POLICY: Final = """\
version: 1
backends:
  - {name: north, url: $north/v1, api: openai}
  - {name: claude, url: $claude/v1, api: anthropic}
models:
  - {name: chat, targets: [{backend: north}]}
  - {name: opus, targets: [{backend: claude}]}
pipelines:
  - name: default
    response:
      - {use: pii, kinds: [email, credit_card, iban, ip_address], action: mask}
      - {use: pattern, name: aws-access-key-id, regex: 'AKIA[0-9A-Z]{16}', action: mask}
      - {use: pattern, name: codename, regex: 'Projekt Übermorgen \\d+', action: block}
"""
MASKED: Final = {
    "écrire à jane.doe+x@exämple.example.org, vite": "écrire à [EMAIL_1], vite",
    "card 4012 8888 8888 1881 and 4012-8888-8888-1881.": "card [CREDIT_CARD_1] and [CREDIT_CARD_2].",
    "konto DE89 3704 0044 0532 0130 00 bitte": "konto [IBAN_1] bitte",
    "a key AKIAZ7XQ4HNRTW2LPYKM and 🙂 192.168.17.4 too": "a key [AWS_ACCESS_KEY_ID_1] and 🙂 [IP_ADDRESS_1] too",
}
"""What is said, and what the client is to read of it."""
SPLITS: Final = (1, 7, *(pytest.param(size, marks=pytest.mark.deep) for size in (2, 3, 5, 17, 71)))
"""Bytes in a piece of what the provider writes."""
BLOCKED: Final = ("all of this goes out, but ", "Projekt Übermorgen 2027", " and what follows does not")


@pytest.fixture
def cutting(shared: Shared, profile: Profile) -> Gateway:
    return shared(POLICY, profile)


def asked(dialect: str, text: str) -> dict[str, Any]:
    request: dict[str, Any] = {"stream": True, "messages": [{"role": "user", "content": text}]}
    if dialect == "anthropic":
        return request | {"model": "opus", "max_tokens": 500}
    return request | {"model": "chat"}


def told(body: bytes) -> str:
    """The text of a stream, of either dialect."""
    parts: list[str] = []
    for line in body.decode().splitlines():
        if not line.startswith("data: {"):
            continue
        event = json.loads(line[6:])
        parts += [choice["delta"].get("content") or "" for choice in event.get("choices", ())]
        parts.append(event.get("delta", {}).get("text", "") if event.get("type") == "content_block_delta" else "")
    return "".join(parts)


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
@pytest.mark.parametrize("split", SPLITS)
def test_no_part_of_a_masked_value_passes_wherever_the_stream_is_cut(
    cutting: Gateway, dialect: str, split: int
) -> None:
    target, provider = ("/v1/messages", "claude") if dialect == "anthropic" else ("/v1/chat/completions", "north")
    for said, read in MASKED.items():
        body = json.dumps(asked(dialect, said)).encode()
        answer, _ = cutting.ask(body, do=f"split-{split}", target=target, provider=provider)
        assert told(answer.body).removeprefix("echo: ") == read


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
@pytest.mark.parametrize("split", SPLITS)
def test_no_part_of_a_blocked_value_passes_wherever_the_stream_is_cut(
    cutting: Gateway, dialect: str, split: int
) -> None:
    target, provider = ("/v1/messages", "claude") if dialect == "anthropic" else ("/v1/chat/completions", "north")
    tag = tagged()
    body = json.dumps(asked(dialect, "".join(BLOCKED))).encode()
    answer = cutting.send(post(body, tag=tag, do=f"split-{split}", target=target))
    cutting.forwarded(tag, provider)
    assert (answer.status, answer.ending) == (200, Ending.COMPLETE)
    text = told(answer.body).removeprefix("echo: ")
    assert BLOCKED[0].startswith(text)
    assert text.split()[:3] == ["all", "of", "this"]
    # Anthropic has a word of its own for it.
    assert (b"refusal" if dialect == "anthropic" else b"content_filter") in answer.body
