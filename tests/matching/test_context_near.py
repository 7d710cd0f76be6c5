"""The glance at the words around what a gate found: it spares work, and decides nothing."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.pii import RULES
from extproc.matching import scanner as scanning
from extproc.matching.rule import Rule
from extproc.matching.scanner import Scanner

_WORDS = (
    "phone",
    "Tel",
    "paragraph",
    "homePhone",
    "hom",
    "ePhoneNo",
    "né",
    "hôtel",
    "passport",
    "電話番号は",
    "電話",
    "NINO",
    "ara",
)
_VALUES = ("2813882583", "96 228011", "+49 30 901820", "(800) 123-4567", "AB123456C", "C01X00T47", "12/05/1979", "x55")
_BESIDE = (" ", "", ": ", "_", "-", "\n", "é", "x", " and the customers of the shop have been told of it ")


@cache
def _scanner() -> Scanner:
    return Scanner.compile([rule for rule in RULES if rule.context])


@given(st.lists(st.sampled_from(_WORDS + _VALUES + _BESIDE), max_size=14).map("".join))
def test_what_is_found_beside_words_does_not_depend_on_the_glance(text: str) -> None:
    found = _scanner().scan(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scanning, "hopeless", lambda *_: False)
        assert _scanner().scan(text) == found


def _judged(text: str, word: str = "ton") -> list[str]:
    """The matches that are judged for a rule that needs the word."""
    seen: list[str] = []

    def note(value: str) -> bool:
        seen.append(value)
        return True

    rule = Rule(kind="load", pattern=r"\d{3}", context=(word,), near=(20, 10), validator=note)
    Scanner.compile([rule]).scan(text)
    return seen


def test_numbers_near_a_word_that_only_stands_within_another_are_not_judged() -> None:
    assert _judged("a friendly tone 123 buttons 456") == []
    assert _judged("a ton 123") == ["123"]


def test_words_that_nothing_parts_from_a_number_have_it_judged() -> None:
    assert _judged("電話123", "電話") == ["123"]
    assert _judged("123電話", "電話") == ["123"]


def test_names_in_camel_case_have_numbers_near_them_judged() -> None:
    assert _judged("cargoTon 123") == ["123"]


def test_only_those_of_many_numbers_are_judged_that_have_a_word_near_them() -> None:
    assert _judged("ton 123" + " " * 120 + "456" + " " * 120 + "789 ton") == ["123", "789"]
