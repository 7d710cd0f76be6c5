"""The law of scanner.Scanner: a verdict depends on what lies within `reach`, and cutting a text changes nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.matching.rule import Rule, marked
from extproc.matching.scanner import Scanner
from extproc.matching.span import Span
from extproc.matching.window import Window
from tests.conftest import PROFILE
from tests.gathered import gathered
from tests.inspection.texts import RULES, alone, pieces, scanner, streamed, texts

FILLER = ("", "words and ", "x", "é人 ", "1 ", "ssn phone card ", "\n", "4111 ")


def _touching(spans: list[Span], start: int, end: int, shift: int = 0) -> list[tuple[int, int, str]]:
    return [
        (span.start + shift, span.end + shift, span.rule)
        for span in spans
        if span.start + shift < end and span.end + shift > start
    ]


@given(
    st.sampled_from(RULES),
    st.integers(0, 99),
    st.lists(st.sampled_from(FILLER), max_size=30).map("".join),
    st.lists(st.sampled_from(FILLER), max_size=30).map("".join),
    st.integers(0, 400),
    st.sampled_from((1, 5, 30)),
)
def test_what_is_said_of_a_place_depends_on_what_lies_within_reach(
    rule: Rule, which: int, left: str, right: str, start: int, size: int
) -> None:
    examples = [*(marked(hit)[0] for hit in rule.hits), *rule.misses]
    text = left + examples[which % len(examples)] + right
    one = alone(rule)
    start %= len(text) + 1
    low, high = max(0, start - one.reach), min(len(text), start + size + one.reach)
    whole = _touching(one.scan(text), start, start + size)
    assert _touching(one.scan(text[low:high]), start, start + size, low) == whole


@given(texts(), st.integers(0, 1 << 30))
def test_any_cutting_gives_the_same_finds_and_the_same_text(text: str, seed: int) -> None:
    assert streamed(scanner(), pieces(text, seed)) == (text, scanner().scan(text))


@given(st.text(alphabet="ab1 5-.@:/+(é人\n", max_size=60), st.integers(0, 1 << 30))
def test_any_cutting_of_noise_gives_the_same(text: str, seed: int) -> None:
    assert streamed(scanner(), pieces(text, seed)) == (text, scanner().scan(text))


SHORT = (
    "mail ann@example.com now",
    "ssn 460-89-9847.",
    "078051121 is my SSN ok",
    "4012 8888 8888 1881 x",
    "GB69 PMNJ 1891 3943 4307 45",
    "call +44 20 7123 4567",
    "é人 10.0.0.1",
    "AKIAZYMLOPIFQYF7M2NX",
    'password: "hunter2x"',
)


@pytest.mark.parametrize("text", SHORT)
def test_every_two_cuts_of_a_short_text_give_the_same(text: str) -> None:
    whole = (text, scanner().scan(text))
    for first in range(len(text) + 1):
        for second in range(first, len(text) + 1, 3 if PROFILE == "fast" else 1):
            assert streamed(scanner(), [text[:first], text[first:second], text[second:]]) == whole


@gathered("rule", RULES, ids=lambda rule: rule.title, parts=4)
def test_no_character_of_a_find_leaves_before_it_is_known(rule: Rule) -> None:
    for hit in rule.hits:
        text, spans = marked(hit)
        for start, _ in spans:
            window, out = Window(alone(rule)), 0
            for char in text[: start + 1]:
                released = window.feed(char)
                out += len(released.text) if released else 0
            # Up to its first character nothing was known, so that character must still be held.
            assert out <= start


@pytest.mark.parametrize("parts", [["a\ud83d", "\ude00b"], ["a\ud83d\ude00b"], ["a", "\ud83d", "", "\ude00", "b"]])
def test_a_character_in_two_halves_is_put_together(parts: list[str]) -> None:
    assert streamed(scanner(), parts) == ("a😀b", [])


@pytest.mark.parametrize("parts", [["a\ud83d", "b"], ["a", "\ud83d", "b\ude00"], ["\ude00\ud83d"]])
def test_half_a_character_alone_becomes_a_question_mark(parts: list[str]) -> None:
    text, _ = streamed(scanner(), parts)
    assert text == "".join(parts).replace("\ud83d", "?").replace("\ude00", "?")


def test_a_rule_that_knows_enough_releases_at_the_bound() -> None:
    rule = Rule(kind="run", pattern=r"a{1,50}b")
    by = Scanner.compile([rule])
    window, most = Window(by), 0
    for _ in range(2_000):
        window.feed("a")
        most = max(most, window.held)
    # LONG_WORD is the least that the hold tells apart by width.
    assert most <= 128 + 8
    assert by.longest_hold == 52


@pytest.mark.deep
@given(texts(1, 12), st.integers(0, 1 << 30))
def test_any_cutting_of_long_texts_gives_the_same(text: str, seed: int) -> None:
    assert streamed(scanner(), pieces(text, seed)) == (text, scanner().scan(text))


ESCAPES = (
    "\\n",
    "\\t",
    "%20",
    "%3D",
    "\\u000a",
    "\\x0a",
    "\x1b[31m",
    "\\x1b[0m",
    "[1;31m",
    "\u00a0",
    "\u2011",
    "\uff11",
    "\\",
    "[",
    "%2",
)
ESCAPED = st.lists(
    st.builds(str.__add__, st.sampled_from(ESCAPES), st.sampled_from(("", " ", "a", "1", *SHORT, "ann@example.com"))),
    max_size=5,
).map("".join)


@given(ESCAPED, st.integers(0, 1 << 30))
def test_any_cutting_of_escapes_and_values_gives_the_same(text: str, seed: int) -> None:
    assert streamed(scanner(), pieces(text, seed)) == (text, scanner().scan(text))
