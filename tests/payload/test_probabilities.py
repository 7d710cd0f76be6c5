"""Log probabilities spell a text again: they go with it when it changes, and what else they say is read."""

import json
import time
from typing import Any

import pytest

from extproc.payload import Document, read_plain
from extproc.payload.probabilities import NEAR

WORDS = ["john", ".doe", "@", "example", ".com"]
TEXT = "".join(WORDS)


def token(word: str, **more: Any) -> dict[str, Any]:
    return {"token": word, "logprob": -0.1, "bytes": list(word.encode()), "top_logprobs": [], **more}


def chat(words: list[str], text: str = TEXT) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {"choices": [{"index": 0, "message": message, "logprobs": {"content": [token(word) for word in words]}}]}


def legacy(words: list[str], text: str = TEXT) -> dict[str, Any]:
    spelled = {"tokens": words, "token_logprobs": [0.0] * len(words), "top_logprobs": None, "text_offset": [0, 4]}
    return {"choices": [{"index": 0, "text": text, "logprobs": spelled}]}


def responses(words: list[str], text: str = TEXT) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "logprobs": [token(word) for word in words]}
    return {"output": [{"type": "message", "content": [part]}]}


SHAPES = {"chat": chat, "legacy": legacy, "responses": responses}


def read(value: object) -> Document:
    return Document.read(json.dumps(value).encode())


def masked(document: Document, word: str = TEXT) -> Any:
    """The body with a mask for `word` in every passage that says it."""
    edits = {
        index: [(passage.text.index(word), passage.text.index(word) + len(word), "[X]")]
        for index, passage in enumerate(document.passages)
        if word in passage.text
    }
    return json.loads(document.edit(edits))


@pytest.mark.parametrize("name", SHAPES)
def test_a_changed_text_takes_its_log_probabilities_away(name: str) -> None:
    value = SHAPES[name](WORDS, f"to {TEXT}")
    out = masked(read(value))
    assert "[X]" in json.dumps(out)
    for word in ("john", "doe", "106"):
        assert word not in json.dumps(out)
    gone: list[str] | None = [] if name == "responses" else None
    assert masked(read(SHAPES[name](WORDS))) == json.loads(
        json.dumps(SHAPES[name]([], "[X]")).replace(json.dumps(_spelled(SHAPES[name]([]))), json.dumps(gone))
    )


def _spelled(value: Any) -> Any:
    """The log probabilities of a body."""
    if isinstance(value, dict):
        return value["logprobs"] if "logprobs" in value else next(filter(None, map(_spelled, value.values())), None)
    return next(filter(None, map(_spelled, value)), None) if isinstance(value, list) else None


@pytest.mark.parametrize("name", SHAPES)
def test_an_unchanged_text_keeps_its_log_probabilities_byte_for_byte(name: str) -> None:
    document = read({**SHAPES[name](WORDS), "note": "other"})
    [index] = [index for index, passage in enumerate(document.passages) if passage.text == "other"]
    assert document.edit({index: [(0, 5, "[X]")]}) == document.body.replace(b"other", b"[X]")


@pytest.mark.parametrize("name", SHAPES)
def test_tokens_that_spell_the_text_beside_them_are_no_text_of_their_own(name: str) -> None:
    passages = read(SHAPES[name](WORDS)).passages
    assert [passage.text for passage in passages if TEXT in passage.text or passage.kind == "tokens"] == [TEXT]


@pytest.mark.parametrize("name", SHAPES)
def test_tokens_that_spell_something_else_are_read_joined_and_one_by_one(name: str) -> None:
    out = masked(read(SHAPES[name](WORDS, "nothing")))
    assert "john" not in json.dumps(out)
    assert "nothing" in json.dumps(out)
    own = [each.text for each in read(SHAPES[name](WORDS, "nothing")).passages if each.kind == "tokens"]
    assert own == [TEXT, "\n".join(WORDS)]


def test_alternatives_and_their_bytes_are_read() -> None:
    other = {"token": "mary@example.com", "bytes": list(b"carl@example.com")}
    for word in ("mary@example.com", "carl@example.com"):
        value = chat(WORDS)
        value["choices"][0]["logprobs"]["content"][0]["top_logprobs"] = [other]
        out = masked(read(value), word)
        assert out["choices"][0]["logprobs"] is None
        assert out["choices"][0]["message"]["content"] == TEXT
    spelled = legacy(WORDS)
    spelled["choices"][0]["logprobs"]["top_logprobs"] = [{"mary@example.com": -1.0}]
    assert masked(read(spelled), "mary@example.com")["choices"][0]["logprobs"] is None


def test_bytes_that_spell_something_else_than_their_tokens_are_read() -> None:
    value = chat(["x"], "x")
    value["choices"][0]["logprobs"]["content"][0]["bytes"] = list(TEXT.encode())
    assert masked(read(value))["choices"][0]["logprobs"] is None


@pytest.mark.parametrize("given", [[-1], [256], [1.5], [None], {}, None])
def test_bytes_that_are_none_say_nothing(given: object) -> None:
    value = chat(["x"], "x")
    value["choices"][0]["logprobs"]["content"][0]["bytes"] = given
    assert [each.text for each in read(value).passages if each.kind == "tokens"] == []


def test_each_choice_loses_only_its_own_log_probabilities() -> None:
    value = {"choices": [chat(WORDS)["choices"][0], chat(["fine"], "fine")["choices"][0]]}
    out = masked(read(value))
    assert [choice["logprobs"] is None for choice in out["choices"]] == [True, False]


def test_text_that_is_json_takes_its_log_probabilities_away_too() -> None:
    text = json.dumps({"mail": TEXT})
    out = masked(read(chat([text[:9], text[9:]], text)))
    assert out["choices"][0]["logprobs"] is None
    assert json.loads(out["choices"][0]["message"]["content"]) == {"mail": "[X]"}


def test_log_probabilities_in_a_string_of_json_and_under_an_escaped_name_are_found() -> None:
    body = json.dumps(chat(WORDS)).replace('"logprobs"', '"log\\u0070robs"').encode()
    assert masked(Document.read(body))["choices"][0]["logprobs"] is None
    out = masked(read({"content": json.dumps(chat(WORDS))}))
    assert json.loads(out["content"])["choices"][0]["logprobs"] is None
    assert masked(read_plain(json.dumps(chat(WORDS)).encode()))["choices"][0]["logprobs"] is None


@pytest.mark.parametrize(("around", "gone"), [(NEAR, True), (NEAR + 1, False)])
def test_log_probabilities_of_the_nearest_objects_go_with_a_text(around: int, gone: bool) -> None:
    value: dict[str, Any] = {"text": TEXT}
    for _ in range(around):
        value = {"logprobs": [token("y")], "in": value}
    assert (masked(read(value))["logprobs"] == []) is gone


@pytest.mark.measured
def test_log_probabilities_within_log_probabilities_cost_no_more() -> None:
    def seconds(count: int) -> float:
        value: Any = [token("x")] * count
        for _ in range(30):
            value = {"logprobs": value, "text": "x"}
        body = json.dumps(value).encode()
        began = time.process_time()
        Document.read(body)
        return time.process_time() - began

    seconds(10)
    assert min(seconds(4_000) for _ in range(3)) < 4 * min(seconds(2_000) for _ in range(3)) + 0.005
