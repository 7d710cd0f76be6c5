"""Estimates of what a model wrote, against what its tokenizer makes of it."""

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from extproc.apis import current
from extproc.apis.api import Api
from extproc.usage.estimate import SaidCount
from extproc.usage.said import joined, pieces
from extproc.usage.tally import BLOCK, EventTally

quicktok = pytest.importorskip("quicktok")

ROOT: Final = Path(__file__).parents[2]
WITHIN: Final = 0.05
"""The share of the truth by which estimates may be off on average over the groups."""


def api(name: str) -> Api:
    found = current().named(name)
    assert found is not None
    return found


def event(value: Any) -> bytes:
    return b"data: %b\n\n" % json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def chat(piece: str, name: str = "content") -> bytes:
    return event({"id": "c", "choices": [{"index": 0, "delta": {name: piece}, "finish_reason": None}]})


def call(piece: str) -> bytes:
    delta = {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}
    return event({"id": "c", "choices": [{"index": 0, "delta": delta}]})


def delta(kind: str, name: str) -> Callable[[str], bytes]:
    return lambda piece: event({"type": "content_block_delta", "index": 0, "delta": {"type": kind, name: piece}})


GROUPS: Final[dict[str, tuple[str, Callable[[str], bytes], int]]] = {
    "chat": ("openai.chat", chat, 1),
    "chat, reasoning": ("openai.chat", lambda piece: chat(piece, "reasoning_content"), 1),
    "chat, tool calls": ("openai.chat", call, 1),
    "chat, several tokens a piece": ("openai.chat", chat, 5),
    "completions": ("openai.completions", lambda piece: event({"choices": [{"index": 0, "text": piece}]}), 1),
    "responses": ("openai.responses", lambda piece: event({"type": "response.output_text.delta", "delta": piece}), 1),
    "messages": ("anthropic.messages", delta("text_delta", "text"), 4),
    "messages, thinking": ("anthropic.messages", delta("thinking_delta", "thinking"), 6),
    "messages, tool calls": ("anthropic.messages", delta("input_json_delta", "partial_json"), 4),
    "gemini": ("gemini", lambda piece: event({"candidates": [{"content": {"parts": [{"text": piece}]}}]}), 25),
    "cohere": ("cohere", lambda piece: event({"delta": {"message": {"content": {"text": piece}}}}), 1),
}
"""Dialects and channels, with the tokens that providers put into a piece."""


def written() -> Sequence[str]:
    """Texts as models write them: prose in Markdown, and code."""
    pages = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md"))[:8]]
    code = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "extproc").rglob("*.py"))[::60]]
    return [text[at : at + 2500] for text in (*pages, *code) for at in (0, 2500) if len(text) > at + 500]


def off(of: str, made: Callable[[str], bytes], size: int, draw: random.Random) -> float:
    """How far estimates of the texts are off, on average."""
    encoding = quicktok.get_encoding("o200k_base")
    errors = []
    for text in written():
        ids, at = encoding.encode(text), 0
        tally = EventTally(api(of), "o200k_base")
        while at < len(ids):
            step = 1 if size == 1 else max(1, round(draw.gauss(size, size / 3)))
            tally.feed(made(encoding.decode(ids[at : at + step])))
            at += step
        tally.finish()
        errors.append(abs(tally.said / len(ids) - 1))
    return sum(errors) / len(errors)


def test_estimates_are_right_within_five_percent_over_all_dialects() -> None:
    draw = random.Random(1)
    found = {name: off(*group, draw) for name, group in GROUPS.items()}
    assert sum(found.values()) / len(found) < WITHIN, found
    assert all(each < 3 * WITHIN for each in found.values()), found


def test_a_long_stream_is_estimated_by_samples() -> None:
    tally = EventTally(api("openai.chat"), "o200k_base")
    words = [(" river", " stone", " house")[number % 3] for number in range(10 * BLOCK // 60)]
    for word in words:
        tally.feed(chat(word))
    tally.finish()
    assert tally.said == pytest.approx(len(words), rel=WITHIN)


def test_escapes_are_undone_also_over_pieces() -> None:
    raw = b'{"content":"a\\n\\u00e9 \\\\"}{"content":"\\ud83d"}{"content":"\\ude00 \\"q\\""}{"content":"cut \\u00'
    assert joined(pieces(raw, (b"content",))) == 'a\n\u00e9 \\\U0001f600 "q"cut '
    assert joined(pieces(b'{"content":"\\ud83d half"}', (b"content",)))  # half a pair is no text, and no error
    assert pieces(b'{"content":null,"content":""}', (b"content",)) == []


def test_few_pieces_are_not_taken_for_tokens() -> None:
    count = SaidCount()
    count.take(b"".join(chat(word) for word in ("Hello there", " my", " friend")), (b"content",), "o200k_base")
    assert count.likely == round(count.tokens)
