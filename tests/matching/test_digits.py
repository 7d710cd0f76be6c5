"""Rules that need digits are asked only about texts that have as many."""

import pytest

from extproc.matching.expression import digits
from extproc.matching.regions import MANY, SOME
from extproc.matching.rule import Rule, marked
from extproc.matching.scanner import Scanner
from extproc.matching.syntax import read
from tests.gathered import gathered
from tests.inspection.texts import RULES, scanner


@pytest.mark.parametrize(
    ("pattern", "fewest"),
    [
        (r"\d{3}-?\d", 4),
        (r"\d{2,5}|x\d", 1),
        (r"(?:\d ?){7}", 7),
        (r"[0-9a-f]{8}", 0),
        (r"\d*a", 0),
        (r"[1-9]\b", 1),
    ],
)
def test_the_fewest_digits_of_a_match(pattern: str, fewest: int) -> None:
    assert digits(read(pattern)[0]) == fewest


@gathered("rule", RULES, ids=lambda rule: rule.title)
def test_no_example_has_fewer_digits_than_its_rule_asks_for(rule: Rule) -> None:
    compiled = next(each for each in scanner()._lanes if each.rule.title == rule.title)
    for example in rule.hits:
        # What stands before a group of the match is a part of the match.
        assert sum(map(str.isdecimal, marked(example)[0])) >= compiled.digits


@pytest.mark.parametrize("count", [1, SOME - 1, SOME, MANY - 1, MANY, MANY + 1])
@pytest.mark.parametrize("numeric", [False, True])
def test_a_rule_is_asked_from_its_own_number_of_digits_on(count: int, numeric: bool) -> None:
    asked = Scanner.compile([Rule(kind="some", pattern=rf"\d{{{count}}}", numeric=numeric)])
    assert asked.scan("7" * count)
    assert not asked.scan("7" * (count - 1))
