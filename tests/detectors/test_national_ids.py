"""National identifiers and VAT numbers: how many random numbers of their form pass, and what a word tells."""

import random
import re
from collections.abc import Callable

import pytest

from extproc.detectors import pii
from extproc.detectors.pii import dates, vat, words
from extproc.detectors.pii.runs import RUN
from extproc.matching.rule import Rule, marked
from tests.gathered import gathered
from tests.inspection.texts import scanner

TRIES = 4000

BARE: dict[str, tuple[Callable[[random.Random], str], float]] = {
    "se-personnummer": (lambda chance: f"{_digits(chance, 6)}-{_digits(chance, 4)}", 0.006),
    "fi_hetu": (
        lambda chance: f"{_digits(chance, 6)}-{_digits(chance, 3)}{chance.choice('0123456789ABCDEFHJ')}",
        0.004,
    ),
    "cz-rodne-cislo": (lambda chance: f"{_digits(chance, 6)}/{_digits(chance, 4)}", 0.012),
    "kr-rrn": (lambda chance: f"{_digits(chance, 6)}-{_digits(chance, 7)}", 0.006),
    "be-nrn": (lambda chance: f"{_digits(chance, 2)}.{_digits(chance, 2)}.{_digits(chance, 2)}-123.45", 0.02),
    "ch-ahv": (lambda chance: f"756.{_digits(chance, 4)}.{_digits(chance, 4)}.{_digits(chance, 2)}", 0.13),
    "th-id": (
        lambda chance: f"1-{_digits(chance, 4)}-{_digits(chance, 5)}-{_digits(chance, 2)}-{_digits(chance, 1)}",
        0.13,
    ),
    "ar-cuil": (lambda chance: f"20-{_digits(chance, 8)}-{_digits(chance, 1)}", 0.13),
    "cl-rut": (lambda chance: f"{_digits(chance, 2)}.{_digits(chance, 3)}.{_digits(chance, 3)}-1", 0.13),
    "mx-rfc": (lambda chance: f"ABCD{_digits(chance, 6)}{_digits(chance, 3)}", 0.006),
    "sg-nric": (lambda chance: f"S{_digits(chance, 7)}{chance.choice('ABCDEFGHIJKLMNOPQRSTUVWXYZ')}", 0.06),
    "eu-vat": (lambda chance: f"DE{_digits(chance, 9)}", 0.13),
}
"""The title of a rule that needs no word -> how to draw a text of its form, and how many of these may pass."""


def _digits(chance: random.Random, number: int) -> str:
    return "".join(chance.choices("0123456789", k=number))


def _rule(title: str) -> Rule:
    return next(rule for rule in pii.RULES if rule.title == title)


@pytest.mark.parametrize("title", BARE)
def test_few_random_numbers_of_a_form_pass(title: str) -> None:
    draw, most = BARE[title]
    rule, chance = _rule(title), random.Random(title)
    assert rule.validator is not None
    passed = sum(rule.validator(draw(chance)) for _ in range(TRIES))
    assert passed / TRIES <= most


SPOKEN = [pytest.param(rule, id=rule.title) for rule in pii.RULES if rule.sign == RUN]


@gathered("rule", SPOKEN)
def test_the_value_of_a_rule_that_needs_a_word_is_nothing_without_one(rule: Rule) -> None:
    assert rule.context
    for hit in rule.hits:
        text, spans = marked(hit)
        value = text[spans[0][0] : spans[0][1]]
        for beside in (f"lot {value} of 7", value, f'{{"value": "{value}"}}'):
            assert rule.title not in {span.rule for span in scanner().scan(beside)}


@gathered("rule", SPOKEN)
def test_the_name_of_a_member_is_a_word(rule: Rule) -> None:
    text, spans = marked(rule.hits[0])
    value = text[spans[0][0] : spans[0][1]]
    written = (each.replace(words._BLANK, " ") for each in rule.context)
    word = next(each for each in written if re.fullmatch(r"[a-z ]+", each))
    assert rule.kind in {span.kind for span in scanner().scan(value, word)}


VALUES = {marked(hit)[0][-40:]: hit for hit in _rule("eu-vat").hits}


def test_every_member_state_has_a_number_among_the_examples() -> None:
    found = {match.group()[:2] for hit in VALUES for match in re.finditer(r"[A-Z]{2} ?[0-9A-Z]+", hit)}
    assert set(vat._NUMBERS) <= found
    assert len(vat._NUMBERS) == 28  # 27 member states and Northern Ireland


@gathered("country", sorted(vat._NUMBERS))
def test_a_vat_number_with_another_check_digit_is_none(country: str) -> None:
    values = [re.sub(r"[^0-9A-Z]", "", marked(hit)[0].rpartition(":")[2]) for hit in VALUES.values()]
    value = next(each for each in values if each.startswith(country))
    assert vat._vat(value)
    others = [f"{value[:-1]}{digit}" for digit in "0123456789" if digit != value[-1]]
    if country in {"SE", "NL", "FR", "LT"}:  # the last digits are no check digits, or not alone
        others = [f"{value[:-3]}{(int(value[-3]) + 1) % 10}{value[-2:]}" if value[-3].isdigit() else f"{value}0"]
    assert sum(map(vat._vat, others)) <= 1


@pytest.mark.parametrize(
    ("number", "is_day"), [("240229", True), ("240230", False), ("241301", False), ("240001", False), ("000229", True)]
)
def test_days_are_days_of_the_calendar(number: str, *, is_day: bool) -> None:
    assert dates.is_yymmdd(number) == is_day
    assert dates.is_ddmmyy(number[4:] + number[2:4] + number[:2]) == is_day


def test_a_year_of_four_digits_is_one_in_which_somebody_lived() -> None:
    assert dates.is_yyyymmdd("18000101")
    assert dates.is_yyyymmdd("20991231")
    assert not dates.is_yyyymmdd("17991231")
    assert not dates.is_yyyymmdd("21000101")
