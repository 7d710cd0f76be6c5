import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.apis.events import JsonText
from extproc.apis.events.fragment import MAX_BARE

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
PIECES = [
    *('"', "\\", "u", "\\u0040", "\\ud83d", "\\ude00", "\\n", '\\"', "é", "😀", "a", " ", ":", ",", "{", "]", "-1.5e3"),
    *("true", "\\x", "\\u00", "d83d", "\ud83d"),
]
ANYTHING = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


def pieces(text: str, seed: int) -> list[str]:
    source = random.Random(seed)
    cuts = sorted(source.choices(range(len(text) + 1), k=source.choice((0, 1, 4, len(text) + 1))))
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def said(parts: list[str]) -> str:
    text = JsonText()
    return "".join(map(text.feed, parts)) + text.finish()


def edited(parts: list[str], start: int, end: int, mask: str, seed: int = 0) -> str:
    """The text with `mask` for the characters from `start` to `end`, in steps of any size."""
    source, text, out, at, known = random.Random(seed), JsonText(), "", 0, 0
    for last, part in [*((False, part) for part in parts), (True, "")]:
        known += len(text.finish() if last else text.feed(part))
        upto = known if last else source.randint(at, known)
        while at < upto:
            stop = min(upto, at + source.randint(1, 6), *(edge for edge in (start, end) if edge > at))
            inside = start <= at < end
            out += text.edit([(stop - at, (mask if at == start else "") if inside else None)])
            at = stop
    return out + text.close()


@given(VALUES, st.booleans(), st.integers(0, 99))
def test_a_json_text_says_the_same_as_its_document_written_without_escapes(
    value: object, ascii_only: bool, seed: int
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    assert said(pieces(text, seed)) == unescaped(value)


def unescaped(value: object) -> str:
    """The document as JSON would stand if strings needed no escapes."""
    match value:
        case str():
            return f'"{value}"'
        case list():
            return "[" + ", ".join(map(unescaped, value)) + "]"
        case dict():
            return "{" + ", ".join(f'"{name}": {unescaped(each)}' for name, each in value.items()) + "}"
    return json.dumps(value)


@given(ANYTHING | VALUES.map(json.dumps), st.integers(0, 99))
def test_what_nobody_changes_leaves_as_it_came_and_cuts_do_not_matter(text: str, seed: int) -> None:
    assert said(pieces(text, seed)) == said([text])
    assert edited(pieces(text, seed), -1, -1, "", seed) == text


@given(
    ANYTHING | VALUES.map(json.dumps),
    st.integers(0, 20),
    st.integers(1, 9),
    st.sampled_from(["", "[X]", '"\\\n', "é"]),
    st.integers(0, 99),
)
def test_what_is_put_in_is_the_same_for_any_cuts_and_steps(
    text: str, start: int, length: int, mask: str, seed: int
) -> None:
    end = min(start + length, len(said([text])))
    assert edited(pieces(text, seed), start, end, mask, seed) == edited([text], start, end, mask, seed + 1)


@given(VALUES, st.integers(0, 60), st.integers(1, 20), st.integers(0, 99))
def test_a_document_stays_a_document_of_the_same_structure_whatever_is_masked(
    value: object, start: int, length: int, seed: int
) -> None:
    text = json.dumps(value)
    end = min(start + length, len(said([text])))
    masked = json.loads(edited(pieces(text, seed), start, end, "[MASKED]", seed), object_pairs_hook=list)
    assert outline(masked) == outline(json.loads(text, object_pairs_hook=list))


def outline(value: object) -> object:
    return [outline(each) for each in value] if isinstance(value, (list, tuple)) else "leaf"


MASKED = [
    ('{"to": "bob@x.com"}', "bob@x.com", '[E"1]', '{"to": "[E\\"1]"}'),
    ('{"to": "bob\\u0040x.com"}', "bob@x.com", "[E]", '{"to": "[E]"}'),
    ('{"to": "\\ud83d\\ude00b"}', "😀", "é", '{"to": "éb"}'),
    ('{"n": 4111111111111111}', "4111111111111111", "[CARD]", '{"n": 0}'),
    ('{"n": 4111111111111111}', "1111", "[CARD]", '{"n": 0}'),
    ('["a", "b"]', 'a", "b', "[X]", '["[X]", ""]'),
    ('{"a": true, "b": "x"}', 'true, "b": "x', "[X]", '{"a": "[X]", "": ""}'),
    ("my card is 4111 1111", "4111 1111", "[X]", "my card is 0 0"),
]


@pytest.mark.parametrize(("text", "find", "mask", "expected"), MASKED)
def test_a_masked_value_is_written_as_its_place_needs_it(text: str, find: str, mask: str, expected: str) -> None:
    start = said([text]).index(find)
    for seed in range(40):
        assert edited(pieces(text, seed), start, start + len(find), mask, seed) == expected


@pytest.mark.parametrize(("length", "expected"), [(MAX_BARE - 3, '"[X]{}"'), (MAX_BARE - 2, "[X]{}")])
def test_a_number_up_to_the_bound_is_kept_together_and_one_past_it_passes(length: int, expected: str) -> None:
    text = "a" + "7" * length
    for seed in range(20):
        assert edited(pieces(text, seed), 0, 1, "[X]", seed) == expected.format("7" * length)


def test_what_is_held_is_counted_and_small_once_taken() -> None:
    text = JsonText()
    assert text.feed('{"a":"bc\\u00') == '{"a":"bc'
    assert text.held == 12
    assert text.take(8) == '{"a":"bc'
    assert text.held == 4
    assert text.feed("41") == "A"
    assert text.take(5) == "\\u0041"
    assert (text.held, text.close()) == (0, "")


def test_a_lone_surrogate_counts_as_one_character_and_leaves_as_it_came() -> None:
    text = JsonText()
    assert text.feed('"\\ud83d') == '"'
    assert text.feed("\\u0041x") == "\ufffdAx"
    assert text.take(4) == '"\\ud83d\\u0041x'
