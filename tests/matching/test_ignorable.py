"""Code points that nobody sees change nothing of what is found, whole and in pieces."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.matching.ignorable import MOST_IN_A_ROW, Ignored, hidden
from extproc.matching.rule import Rule, marked
from extproc.matching.scanner import Scanner
from extproc.matching.window import Window
from tests.gathered import gathered
from tests.inspection.texts import RULES, alone, pieces, scanner, streamed, texts

SOFT, ZERO, JOINER, WORD, BOM = "\u00ad", "\u200b", "\u200d", "\u2060", "\ufeff"
TAG, VARIATION, VARIATION_17 = "\U000e0041", "\ufe0f", "\U000e0100"
UNSEEN = (SOFT, ZERO, "\u200c", JOINER, WORD, BOM, TAG, VARIATION, VARIATION_17, "\u180e", "\u202e", "\u3164")
VALUES = (
    "mail ann@example.com now",
    "4012 8888 8888 1881 x",
    "é人 10.0.0.1",
    "AKIAZYMLOPIFQYF7M2NX",
    'password: "hunter2x"',
    "078051121 is my SSN ok",
)


def strewn(text: str, what: str, every: int = 1) -> str:
    return "".join(char + what if number % every == 0 else char for number, char in enumerate(text))


@pytest.mark.parametrize("what", UNSEEN, ids=lambda what: f"U+{ord(what):04X}")
def test_a_value_with_unseen_code_points_inside_is_the_value_without_them(what: str) -> None:
    for text in VALUES:
        found = {(span.rule, text[span.start : span.end]) for span in scanner().scan(text)}
        assert found, text
        for every in (1, 2, 5):
            odd = strewn(text, what, every)
            bare = {(span.rule, odd[span.start : span.end].replace(what, "")) for span in scanner().scan(odd)}
            assert found <= bare


@gathered("rule", RULES, ids=lambda rule: rule.title)
def test_every_rule_finds_its_values_with_a_soft_hyphen_inside(rule: Rule) -> None:
    for hit in rule.hits:
        text, spans = marked(hit)
        start, end = spans[0]
        middle = (start + end) // 2
        odd = text[:middle] + SOFT + text[middle:]
        assert any(each.start <= start and each.end >= end + 1 for each in alone(rule).scan(odd)), hit


def test_what_is_found_with_an_unseen_code_point_beside_it_is_still_found() -> None:
    """Leaving it out would join the value to a letter that it may not be joined to."""
    text = f"x{ZERO}AKIAZYMLOPIFQYF7M2NX{ZERO}y"
    assert [text[span.start : span.end] for span in scanner().scan(text)] == ["AKIAZYMLOPIFQYF7M2NX"]
    assert scanner().scan(text.replace(ZERO, "")) == []


def test_a_finding_begins_and_ends_with_what_is_seen() -> None:
    text = f"{BOM}{SOFT}an{ZERO}n@example.c{WORD}om{ZERO} now"
    span = scanner().scan(text)[0]
    assert text[span.start : span.end] == f"an{ZERO}n@example.c{WORD}om"


def test_runs_of_unseen_code_points_are_left_out_up_to_the_bound() -> None:
    for number, found in ((MOST_IN_A_ROW, True), (MOST_IN_A_ROW + 1, False)):
        text = f"4012 8888{ZERO * number} 8888 1881"
        assert bool(scanner().scan(text)) == found
        assert streamed(scanner(), list(text)) == (text, scanner().scan(text))


@given(texts(), st.sampled_from(UNSEEN), st.sampled_from((1, 3, 7, 20)), st.integers(0, 1 << 30))
def test_any_cutting_gives_the_same(text: str, what: str, every: int, seed: int) -> None:
    odd = strewn(text, what, every)
    assert streamed(scanner(), pieces(odd, seed)) == (odd, scanner().scan(odd))


@given(st.text(alphabet=f"ab1 5-.@:/%\\n[m{SOFT}{ZERO}{TAG}é❤\n", max_size=60), st.integers(0, 1 << 30))
def test_any_cutting_of_noise_gives_the_same(text: str, seed: int) -> None:
    assert streamed(scanner(), pieces(text, seed)) == (text, scanner().scan(text))


@pytest.mark.parametrize("what", [SOFT, TAG])
@pytest.mark.parametrize("text", VALUES)
def test_every_two_cuts_of_a_short_text_give_the_same(text: str, what: str) -> None:
    odd = f"a plain word {strewn(text, what, 3)} and more"
    whole = (odd, scanner().scan(odd))
    for first in range(len(odd) + 1):
        for second in range(first, len(odd) + 1, 5):
            assert streamed(scanner(), [odd[:first], odd[first:second], odd[second:]]) == whole


def test_halves_of_an_unseen_character_are_that_character() -> None:
    """JSON escapes give surrogates, and an event may end between two."""
    text = "AKIAZYML\udb40\udc41OPIFQYF7M2NX!"
    whole = f"AKIAZYML{TAG}OPIFQYF7M2NX!"
    for at in range(len(text) + 1):
        assert streamed(scanner(), [text[:at], text[at:]]) == (whole, scanner().scan(whole))


def test_one_text_of_several_is_read_so() -> None:
    several = ["nothing", f"AKIAZYML{SOFT}OPIFQYF7M2NX", "mail ann@example.com"]
    assert scanner().scan_all(several) == [(number, scanner().scan(several[number])) for number in (1, 2)]
    escaped = [f"\\nAKIA{SOFT}ZYMLOPIFQYF7M2NX", "x"]
    assert scanner().scan_all(escaped) == [(0, scanner().scan(escaped[0]))]


def test_a_window_reads_once_again_when_what_is_unseen_has_passed() -> None:
    window = Window(scanner())
    for piece in ("a plain\u00ad word ", *["and more words of prose "] * 20):
        window.feed(piece)
    assert window._bare is None


def test_another_scanner_takes_over_what_is_held() -> None:
    text = f"so ann{ZERO}@exa"
    window = Window(alone(RULES[0]))
    first = window.feed(text)
    other = window.handed(scanner())
    parts = [first, other.feed("mple.com!"), other.finish()]
    assert "".join(each.text for each in parts if each) == f"{text}mple.com!"
    hits = [hit.value for each in parts if each for hit in each.hits]
    assert f"ann{ZERO}@example.com" in hits


def test_places_are_those_of_the_text() -> None:
    ignored = Ignored(7)
    assert ignored.bare(f"{ZERO}a{SOFT}{SOFT}b") + ignored.bare(f"{ZERO}c{ZERO}") == "abc"
    assert [ignored.first(place) for place in (7, 8, 9)] == [8, 11, 13]
    assert [ignored.end(place) for place in (8, 9, 10)] == [9, 12, 14]
    ignored.forget(9)
    assert (ignored.first(9), ignored.end(9), ignored.end(10)) == (13, 12, 14)


def test_all_format_characters_of_unicode_that_show_nothing_are_left_out() -> None:
    shown = {0x110BD, 0x110CD, *range(0x600, 0x606), 0x6DD, 0x70F, *range(0x890, 0x892), 0x8E2}
    shown |= {*range(0xFFF9, 0xFFFC), *range(0x13430, 0x13440)}  # signs before numbers, interlinear notes, quadrats
    formats = [chr(point) for point in range(0x110000) if unicodedata.category(chr(point)) == "Cf"]
    assert all(hidden(each) for each in formats if ord(each) not in shown)
    assert not hidden("é人…\u00a0\u2010 😀")


@pytest.mark.parametrize(
    "emoji", ["❤\ufe0f", "👩\u200d💻", "👍🏽", "❤\ufe0f\u200d🔥", "⚠\ufe0f", "🏴\U000e0067\U000e007f"]
)
def test_emoji_are_read_once(emoji: str) -> None:
    assert not hidden(emoji)
    assert not hidden(f"so {emoji} it is, " * 40)
    window = Window(scanner())
    for char in f"so {emoji} it is":
        window.feed(char)
        assert window._bare is None
    text = f"{emoji}AKIAZYML{SOFT}OPIFQYF7M2NX{emoji}"
    assert streamed(scanner(), list(text)) == (text, scanner().scan(text))
    assert len(scanner().scan(text)) == 1


def test_a_scanner_without_rules_reads_such_a_text() -> None:
    assert streamed(Scanner.compile([]), [f"a{SOFT}", "b"]) == (f"a{SOFT}b", [])
