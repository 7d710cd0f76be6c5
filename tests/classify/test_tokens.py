"""Tokens: those that OpenAI counts where the tokenizer is installed, an estimate that nobody slips past elsewhere."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.apis.demand import demand
from extproc.classify import tokens
from extproc.classify.token_estimate import CLASSES, WEIGHTS, counts, estimated
from extproc.classify.tokens import COUNTED_MAX, counted, encoding_of
from tests.gathered import gathered

ROOT = Path(__file__).parents[2]


@pytest.fixture
def exact() -> None:
    """The tokenizer, loaded."""
    assert tokens.load_for(["gpt-4", "gpt-4o"])


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine without the tokenizer."""
    monkeypatch.setattr(tokens, "_loaded", {})
    monkeypatch.setattr(tokens, "installed", lambda: False)
    yield
    assert tokens._loaded == {}


CHAT = [
    {"role": "system", "content": "Answer in one short sentence, in the language of the question."},
    {"role": "user", "name": "ann", "content": "Wie heißt die Hauptstadt von Neuseeland?"},
]


@pytest.mark.usefixtures("exact")
@gathered(("model", "encoding"), [("gpt-4o", "o200k_base"), ("gpt-4-0613", "cl100k_base")])
def test_a_chat_has_the_tokens_that_openai_counts(model: str, encoding: tokens.Encoding) -> None:
    """By the formula of its guide: three for a message, one for a role, one more for a name, three at the end."""
    count = tokens._loaded[encoding]
    words = sum(count(text) for message in CHAT for name, text in message.items() if name != "role")
    found = demand(json.dumps({"model": model, "messages": CHAT}).encode(), encoding_of(model))
    assert found.input_tokens == words + 2 * (3 + 1) + 1 + 3


@gathered(
    ("model", "encoding"),
    [
        ("gpt-4o", "o200k_base"),
        ("gpt-4.1-mini", "o200k_base"),
        ("openai/gpt-5", "o200k_base"),
        ("o3", "o200k_base"),
        ("claude-sonnet-4-5", "o200k_base"),
        ("auto", "o200k_base"),
        ("", "o200k_base"),
        ("gpt-4", "cl100k_base"),
        ("gpt-4-turbo", "cl100k_base"),
        ("GPT-3.5-turbo", "cl100k_base"),
        ("text-embedding-3-small", "cl100k_base"),
    ],
)
def test_a_model_has_the_encoding_of_its_generation(model: str, encoding: str) -> None:
    assert encoding_of(model) == encoding


@pytest.mark.usefixtures("exact")
@gathered("text", ["<|endoftext|>", "\ud800", "a\x00b", "日本語", ""])
def test_any_text_is_counted(text: str) -> None:
    assert counted([text]) >= bool(text)


@pytest.mark.usefixtures("exact")
def test_a_long_text_is_counted_by_samples_and_is_not_far_off() -> None:
    pages = "".join(path.read_text() for path in sorted((ROOT / "docs").glob("*.md")))
    within, beyond = pages[:COUNTED_MAX], pages
    assert counted([within]) == tokens._loaded["o200k_base"](within)
    assert len(beyond) > 2 * COUNTED_MAX
    assert counted([beyond]) == pytest.approx(tokens._loaded["o200k_base"](beyond), rel=0.05)


@pytest.mark.usefixtures("exact")
def test_an_estimate_is_not_far_off() -> None:
    text = (ROOT / "docs" / "runbook.md").read_text()[:20_000]
    assert estimated(text) == pytest.approx(tokens._loaded["o200k_base"](text), rel=0.2)


@pytest.mark.usefixtures("without")
def test_without_the_tokenizer_tokens_are_estimated() -> None:
    assert not tokens.load()
    assert counted(["hello world, how are you?"]) == round(estimated("hello world, how are you?"))


def test_no_character_counts_for_nothing() -> None:
    assert len(WEIGHTS) == len(CLASSES)
    assert min(WEIGHTS) > 0


@given(st.text())
def test_every_character_is_of_one_class(text: str) -> None:
    assert sum(counts(text)) == len(text)


@gathered(
    ("text", "name"),
    [
        ("a", "letter"), ("Z", "capital"), (" \t", "space"), ("\n", "newline"), ("7", "digit"), ("{", "mark"),
        ("\x00", "mark"), ("é", "latin"), ("ệ", "latin"), ("Ω", "greek"), ("Ж", "cyrillic"), ("ש", "hebrew"),
        ("ش", "arabic"), ("अ", "indic"), ("த", "indic"), ("ก", "thai"), ("あ", "kana"), ("。，", "wide"), ("中", "han"),
        ("한", "hangul"), ("Ա", "other"), ("ᠠ", "other"), ("€", "other"), ("😀", "long"), ("𠀀", "long"),
    ],
)  # fmt: skip
def test_characters_are_told_apart_by_their_script(text: str, name: str) -> None:
    found = dict(zip(CLASSES, counts(text), strict=True))
    assert {each: number for each, number in found.items() if number} == {name: len(text)}
