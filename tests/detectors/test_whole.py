"""A value is found whole or not at all, whatever stands beside it: never is a part of it masked and the rest left."""

import pytest

from extproc.detectors import pii
from extproc.matching.rule import Rule, marked
from extproc.matching.span import Span, unite
from tests.conftest import PROFILE
from tests.gathered import gathered
from tests.inspection.texts import scanner

NEIGHBOURS = (
    *("7", "12", "123", "1234", "2023", "20231105", "1 2", "3.14", "x", "and", "Ltd", "é", "人", "5%", "#4"),
    *("ann@example.com", "4012 8888 8888 1881", "+1 (415) 555-2671", "192.168.1.1", "078-05-1120", "DE", "2024-01-01"),
)
"""Digits, letters, and values of other kinds."""

AROUND = (
    (" ", " "),
    (" ", ": "),
    ("(", ")"),
    ("[", "]"),
    ("\n", "\n"),
    (", ", ", "),
    ("; ", "; "),
    (": ", " - "),
    ("\t", "\t"),
)

EXAMPLES = [
    pytest.param(rule, hit, number, id=f"{rule.title}-{number}")
    for rule in pii.RULES
    if not rule.alone and rule.group == 0  # what stands around the others is a part of their match
    for number, hit in enumerate(rule.hits)
]


def _torn(found: list[Span], text: str, start: int, end: int) -> bool:
    """True if some letters or digits of a value are covered, and others are not."""
    covered = {place for span in found for place in range(span.start, span.end)}
    signs = [place for place in range(start, end) if text[place].isalnum()]
    return 0 < sum(place in covered for place in signs) < len(signs)


@gathered(("rule", "example", "number"), EXAMPLES, parts=12)
def test_no_neighbour_makes_a_value_be_found_in_part(rule: Rule, example: str, number: int) -> None:
    text, spans = marked(example)
    start, end = spans[0]
    torn = []
    # By default each example has every neighbour in one of these places, and those of the same rule have it in others.
    turn = number if PROFILE == "fast" else 0
    for at, neighbour in enumerate(NEIGHBOURS):
        for left, right in [AROUND[(at + turn) % len(AROUND)]] if PROFILE == "fast" else AROUND:
            # Between a value and the word behind it that says what it is nothing else stands.
            sides = [(neighbour + left, "")] + [("", right + neighbour)] * (start > 0 or not rule.context)
            for before, after in sides:
                beside = f"{text[:start]}{before}{text[start:end]}{after}{text[end:]}"
                first = start + len(before)
                found = unite(scanner().scan(beside))
                if _torn(found, beside, first, first + end - start):
                    torn.append(beside)
    assert torn == []


SPOKEN_OF = [pytest.param(rule, id=rule.title) for rule in pii.RULES if rule.context and not rule.alone]


@gathered("rule", SPOKEN_OF)
def test_one_word_says_what_two_values_are(rule: Rule) -> None:
    text, spans = next(
        (text, spans) for text, spans in map(marked, rule.hits) if spans[0][0] > 2 and text[: spans[0][0]].strip()
    )
    start, end = spans[0]
    value = text[start:end]
    both = f"{text[:start]}{value} and {value}"
    found = [span for span in scanner().scan(both) if span.kind == rule.kind]
    for first in (start, start + len(f"{value} and ")):
        assert any(span.start <= first and span.end >= first + len(value) for span in found)
