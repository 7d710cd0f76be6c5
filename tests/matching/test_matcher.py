"""Where a rule matches: without groups as with them, and where its fast-lane hits leave room for it."""

from collections.abc import Iterator
from functools import cache

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from extproc.matching.compiled import CompiledRule, compile_rule
from extproc.matching.matcher import AT_ONCE
from extproc.matching.regions import Regions
from extproc.matching.rule import Rule, marked
from extproc.matching.scanner import Scanner
from extproc.matching.tail import MatchPlace
from extproc.matching.utf8 import after
from tests.gathered import gathered
from tests.inspection.texts import RULES, scanner, texts

OWN = (
    Rule(kind="greedy", pattern=r"a[ab.é ]{0,4}", before="a", after="b"),
    Rule(kind="edgeless", pattern=r"a[ab]{1,3}", before="", after=""),
    Rule(kind="wide", pattern=r"[aé]{1,3}", before="", after="a"),
)
BARE = [each for rule in (*RULES, *OWN) if (each := compile_rule(rule)).matcher.ending is not None]


def grouped(each: CompiledRule, data: bytes) -> Iterator[MatchPlace]:
    """The places as RE2 tells them by groups, at every place by itself."""
    ending = each.matcher.ending
    assert ending is not None
    start = 0
    while start < len(data):
        found = ending(data, start, len(data))
        if found[0][0] >= 0:
            yield found[1] + found[1]
        start = after(data, start)


def found(each: CompiledRule, data: bytes) -> list[MatchPlace]:
    return list(each.matcher.find(data, 0, len(data), len(data)))


@given(st.text("ab.é ", max_size=30), st.sampled_from(BARE[-len(OWN) :]))
def test_a_whole_match_is_told_without_groups_as_with_them(text: str, each: CompiledRule) -> None:
    data = b"\n" + text.encode()
    assert found(each, data) == list(grouped(each, data))


@gathered("end", ["", ".", " é"])
@gathered("each", BARE, ids=lambda each: each.title)
def test_the_examples_are_told_without_groups_as_with_them(each: CompiledRule, end: str) -> None:
    for example in (*each.rule.hits, *each.rule.misses):
        data = b"\n" + (marked(example)[0] + end).encode()
        assert found(each, data) == list(grouped(each, data))


def test_matches_in_a_long_stretch_are_those_of_short_ones() -> None:
    """They come one by one there, as there may be any number of them."""
    (each,) = (each for each in BARE if each.title == "greedy")
    data = b"\n" + "a b é a. ".encode() * AT_ONCE
    assert found(each, data) == list(grouped(each, data))


@cache
def unbound() -> Scanner:
    """The scanner of all rules without a bound of where a match may start before its hit."""
    return Scanner(tuple(replace(each, least=0) for each in scanner()._lanes))


@given(texts())
def test_a_match_is_looked_for_wherever_its_hit_leaves_room(text: str) -> None:
    assert unbound().scan(text) == scanner().scan(text)


def test_a_match_starts_so_far_before_the_end_of_its_hit_as_it_is_long_at_least() -> None:
    (email, card) = (next(each for each in BARE if each.title == title) for title in ("email", "credit-card-digits"))
    assert email.least == 5, "the sign: a character, @, two of a domain with a dot between them"
    assert card.least == 15, "fourteen digits, and the neighbour"


def test_the_order_of_hits_is_no_matter() -> None:
    """Hyperscan promises none."""
    lanes = (compile_rule(Rule(kind="x", pattern="x{2,4}")),)
    around = Regions(lanes).around
    assert around({0: [90, 10, 50, 12]}) == around({0: [10, 12, 50, 90]})
    assert len(around({0: [90, 10, 50, 12]})) == 3
