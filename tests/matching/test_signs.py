"""A match counts only where its rule's sign stands in it: else what stands nearby would decide whether it is found."""

from random import Random

import pytest

from extproc.matching.rule import Rule, marked
from extproc.matching.scanner import Scanner
from extproc.matching.span import Span
from extproc.matching.window import Window
from tests.inspection.texts import RULES, scanner

SIGNED = Scanner.compile([Rule(kind="number", pattern=r"\d{2}[ /]\d{2}", sign=r"\d/\d")])
WORDS = (
    "and",
    "so",
    "they",
    "said",
    "that",
    "the",
    "house",
    "by",
    "sea",
    "was",
    "sold",
    "to",
    "a",
    "man",
    "who",
    "went",
)
BETWEEN = (" ", "\n", ", ", " - ", "; ", "/", "(", ")", ": ", "é", "用", " 5 ", "\t", "_")


def _streamed(text: str, size: int, by: Scanner) -> list[Span]:
    window = Window(by)
    pieces = [*(window.feed(text[at : at + size]) for at in range(0, len(text), size)), window.finish()]
    return [hit.span for each in pieces if each for hit in each.hits]


@pytest.mark.parametrize("text", ["12 34", "12 34, 12/34", "12/34 and 12 34", "12/3 12 34"])
def test_a_match_without_its_sign_is_found_beside_no_other(text: str) -> None:
    found = [text[each.start : each.end] for each in SIGNED.scan(text)]
    assert found == [each for each in ["12/34"] if each in text]
    assert all(_streamed(text, size, SIGNED) == SIGNED.scan(text) for size in range(1, 6))


@pytest.mark.parametrize("count", [120, pytest.param(4000, marks=pytest.mark.deep)])
def test_drawn_texts_full_of_values_are_judged_alike_whole_and_streamed(count: int) -> None:
    """Values and what looks like them, side by side and amid words, cut into pieces of one size."""
    chance = Random(count)
    values = [marked(each)[0] for rule in RULES for each in (*rule.hits, *rule.misses)]
    wrong: list[str] = []
    for _ in range(count):
        parts: list[str] = []
        for _ in range(chance.randint(2, 7)):
            kind = chance.random()
            if kind < 0.45:
                parts.append(chance.choice(values))
            elif kind < 0.85:
                parts.append(" ".join(chance.choices(WORDS, k=chance.randint(3, 50))))
            else:
                parts.append(str(chance.randrange(10 ** chance.randint(1, 17))))
            parts.append(chance.choice(BETWEEN))
        text = "".join(parts)
        if _streamed(text, chance.choice((1, 3, 5, 9, 17)), scanner()) != scanner().scan(text):
            wrong.append(text)
    assert not wrong, wrong[0]
