"""What a request is expected to take, whatever its client writes to make that small."""

import random
import re
from typing import Final

import pytest

from extproc.usage.budgets import estimate
from extproc.usage.budgets.estimate import (
    BYTES_PER_TOKEN,
    CHOICES_MOST,
    LIMIT_MOST,
    MEDIA_TOKENS,
    PROMPTS_MOST,
    RUN,
    expected,
)
from tests.gathered import gathered

NONE_STATED: Final = 1024


@gathered(
    ("api", "body", "output"),
    [
        ("openai.chat", b'{"max_tokens": 7}', 7),
        ("openai.chat", b'{"max_tokens": 7, "max_completion_tokens": 9}', 9),
        ("openai.chat", b'{"max_tokens": 9, "max_tokens": 7}', 9),
        ("openai.chat", b'{"max_tokens": 1e5}', 100_000),
        ("openai.chat", b'{"max_tokens": 100000.0}', 100_000),
        ("openai.chat", b'{"max_tokens": "100000"}', 100_000),
        ("openai.chat", b'{"max\\u005ftokens": 100000}', 100_000),
        ("openai.chat", b'{"max_tokens": %d}' % (LIMIT_MOST + 1), LIMIT_MOST),
        ("openai.chat", b'{"max_tokens": 1%s}' % (b"0" * 400), LIMIT_MOST),
        ("gemini", b'{"generationConfig": {"maxOutputTokens": 7, "candidateCount": 3}}', 21),
        ("gemini", b'{"generation_config": {"max_output_tokens": 7}}', 7),
        ("", b'{"inferenceConfig": {"maxTokens": 7}}', 7),
        ("", b'{"parameters": {"max_new_tokens": 7}}', 7),
    ],
)
def test_the_limit_that_a_request_states_is_what_it_may_write(api: str, body: bytes, output: int) -> None:
    assert expected(body, api).output(NONE_STATED) == output


@gathered(
    ("api", "body"),
    [
        ("openai.chat", b'{"metadata": {"max_tokens": 1}}'),
        ("openai.chat", b'{"tools": [{"parameters": {"max_tokens": 1}}]}'),
        ("openai.chat", b'{"max_tokens": null, "metadata": {"max_tokens": 1}}'),
        ("openai.chat", b'{"max_tokens": -1, "metadata": {"max_tokens": 1}}'),
        ("openai.chat", b'{"max_tokens": 0}'),
        ("openai.chat", b'{"max_tokens": true}'),
        ("openai.chat", b'{"max_tokens": "many"}'),
        ("openai.chat", b'{"max_output_tokens": 1, "max_new_tokens": 1}'),
        ("openai.responses", b'{"max_tokens": 1}'),
        ("gemini", b'{"max_tokens": 1, "generationConfig": []}'),
        ("anthropic.messages", b"["),
    ],
)
def test_a_member_that_limits_nothing_makes_no_reservation_small(api: str, body: bytes) -> None:
    assert expected(body, api).output(NONE_STATED) == NONE_STATED


@gathered(
    ("body", "responses"),
    [
        (b'{"n": 5}', 5),
        (b'{"n": 5e1}', 50),
        (b'{"n": "50"}', 50),
        (b'{"n": 2, "best_of": 20}', 20),
        (b'{"n": 100000}', CHOICES_MOST),
        (b'{"prompt": "one"}', 1),
        (b'{"prompt": ["a", "b", "c"], "n": 2}', 6),
        (b'{"prompt": [1, 2, 3]}', 1),
        (b'{"prompt": [[1, 2], [3]]}', 2),
        (b'{"prompt": []}', 1),
        (b'{"prompt": [%s]}' % b",".join([b'""'] * (PROMPTS_MOST + 1)), PROMPTS_MOST),
    ],
)
def test_each_response_to_each_prompt_is_reserved_for(body: bytes, responses: int) -> None:
    assert expected(body, "openai.completions").choices == responses


def test_a_response_that_comes_in_another_exchange_is_known_by_the_request() -> None:
    assert expected(b'{"background": true}').later
    assert not expected(b'{"background": false, "metadata": {"background": true}}').later


def test_runs_that_are_pictures_are_told_from_words_wherever_they_stand() -> None:
    every = re.compile(rb"[A-Za-z0-9+/_=-]{%d,}" % RUN)
    for seed in range(300):
        chosen = random.Random(seed)
        sizes = [chosen.choice([1, 5, 100, RUN - 1, RUN, RUN + 1, 2 * RUN, 9000]) for _ in range(chosen.randint(1, 8))]
        body = chosen.choice([b"", b" "]) + b"".join(b"a" * size + b" " * chosen.randint(1, 3) for size in sizes)
        found = [len(each) for each in every.findall(body)]
        text = -(-(len(body) - sum(found)) // BYTES_PER_TOKEN)
        assert expected(body).input == text + len(found) * MEDIA_TOKENS, seed


def test_runs_a_bit_too_short_for_pictures_are_looked_at_as_seldom_as_words(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    ended = estimate._ended

    def seen(body: bytes, at: int) -> int:
        looked.append(at)
        return ended(body, at)

    monkeypatch.setattr(estimate, "_ended", seen)
    expected((b"a" * (RUN - 1) + b" ") * 100)
    assert len(looked) <= 200
