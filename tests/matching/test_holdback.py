import random

import pytest

from extproc.detectors.patterns import regex
from extproc.matching.escapes import LONGEST
from extproc.matching.pane import LONG_HELD, SPARE, STEP
from extproc.matching.scanner import Scanner
from extproc.matching.window import Window
from tests.inspection.texts import scanner

PROSE = (
    "The committee met on Tuesday to talk about the plan for the new library, and most of its members agreed that it "
    "should open before winter. Mrs. Alder said (rightly, I think) that 40 seats are too few; in 2019 there were 65. "
    "“Nobody reads at home any more,” she added. The architect, who had come with three drafts, smiled. "
) * 8

ADVERSARIAL = {
    "letters": "a" * 20_000,
    "digits": "".join(random.Random(1).choices("0123456789", k=20_000)),
    "base64": "".join(
        random.Random(2).choices("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", k=20_000)
    ),
    "brackets": "[{(" * 7_000,
    "emoji": "😀" * 6_000,
    "chinese": "人工智能系统" * 2_000,
    "opened keys": "-----BEGIN PRIVATE KEY-----" * 700,
    "ats": "a@" * 10_000,
    "spaced digits": "4111 " * 4_000,
}


def _held(text: str, size: int) -> list[int]:
    window, held = Window(scanner()), []
    for start in range(0, len(text), size):
        window.feed(text[start : start + size])
        held.append(window.held)
    return held


@pytest.mark.parametrize("size", [1, 3, 4, 5, 8, 13])
def test_prose_is_held_back_by_less_than_eight_characters_in_the_mean(size: int) -> None:
    held = _held(PROSE, size)
    assert sum(held) / len(held) < 8


@pytest.mark.parametrize("text", ADVERSARIAL.values(), ids=ADVERSARIAL)
def test_no_text_is_held_back_beyond_the_bound(text: str) -> None:
    # The bound counts code points of ASCII matches; the widest rules are of those.
    assert max(_held(text, 8)) <= scanner().longest_hold + STEP + 16


def test_prose_hardly_ever_looks_like_the_beginning_of_a_match_with_spaces() -> None:
    words = PROSE.split(" ")
    hits = [scanner().hold._spans.hits(f". {word} ".encode()) for word in words]
    assert sum(map(bool, hits)) < len(words) / 5


def test_text_without_spaces_in_another_script_is_hardly_held() -> None:
    # A local part of an e-mail address may be in progress.
    held = _held(ADVERSARIAL["chinese"], 4)
    assert max(held) <= 64


def test_a_long_word_is_looked_at_only_now_and_then_but_let_go_when_it_ends() -> None:
    window = Window(Scanner.compile([regex("x", "a{1,600}b")]))
    for _ in range(LONG_HELD + 50):
        window.feed("a")
    assert window.held > LONG_HELD
    window.feed(" ")
    assert window.held == 0


def test_what_is_kept_of_a_stream_at_rest_is_small() -> None:
    window = Window(scanner())
    for start in range(0, len(PROSE), 5):
        window.feed(PROSE[start : start + 5])
    # Context that rules look back at, four bytes a code point at most, and what is spared until it is much.
    assert len(window._data) <= 4 * scanner().left + SPARE + LONGEST
    assert len(window._data) < 32 * 1024


def test_words_that_begin_a_phrase_hold_as_much_when_they_are_remembered_as_the_first_time() -> None:
    rules = [regex("x", "key [0-9]+"), regex("y", "on key [a-c]{3}")]
    known = Scanner.compile(rules)

    def released(scanner_: Scanner, pieces: list[str]) -> list[str]:
        window = Window(scanner_)
        return [each.text if (each := window.feed(piece)) is not None else "" for piece in pieces]

    for tail in ("", "1", "a", "q", "ab"):
        pieces = ["turn", " on key ", tail, " it"]
        fresh = released(Scanner.compile(rules), pieces)
        assert released(known, pieces) == fresh == released(known, pieces)
        assert "key" not in "".join(fresh[: 2 + (tail == "")]), "what may go on is held"
