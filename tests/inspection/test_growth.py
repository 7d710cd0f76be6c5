"""Nothing is quadratic: twice a text costs about twice as much, whatever it repeats.

By default what matchers look at is counted, which never varies; `scripts/bench thresholds` measures time.
"""

import random
import time
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise

import pytest
from msgspec.structs import replace

from extproc.detectors.patterns import literals, regex
from extproc.matching.compiled import CompiledRule, compile_rule
from extproc.matching.looks import LEAST_LOOKS, MOST_LOOKS, TooManyCandidatesError, most_looks
from extproc.matching.re2_search import Search, Spans
from extproc.matching.rule import Rule, marked
from extproc.matching.scanner import Scanner
from tests.gathered import gathered
from tests.inspection.texts import RULES, scanner

KIB = 1024
MOST_GROWTH = 2.6
"""Of what a text of twice the length costs: a doubling, and air for what comes once a text."""
AIR_LOOKED_AT = 32 * KIB
"""Bytes that may be looked at besides: the widest match and what is beside it, a few times over."""
AIR_SECONDS = 0.001
TRIES = 4

OPENINGS = (
    *("api_key=", "Authorization: ", "Authorization:", "AccountKey=abc", "CLOUDFLARE_API_TOKEN=", "client_secret="),
    *("password: ", "curl -u ", "https://joe:pw@host/", "https://hooks.slack.com/services/", "bearer ", "eyJ", "sk-"),
    *("-----BEGIN PRIVATE KEY-----", "4111 ", "41111111", "+49 30 ", "12-", "1.", "00:", "::", "a@b.", "@"),
)
"""What is said over and over: the beginnings of matches, one after the other or each within the one before."""


OWN = (
    (regex("any", ".*b"), "a"),
    (regex("tag", r"<[^>]*>"), "<"),
    (regex("late", r"id=[\s\S]*?;[0-9]{4}"), "id=;"),
    (regex("nested", r"(?:a{1,9},){1,90}b"), "a,"),
    (regex("two ends", r"a.{0,500}z|b.{0,500}y"), "ab"),
    (literals("words", ["aa", "aaaa", "aaaaaaaa"], words=False)[0], "a"),
)
"""Expressions that an operator may write, and what makes them work hardest."""


class Counted:
    """Lanes whose matchers tell how many matches they found, starts among them, and how many bytes they looked at.

    Up to a match's end, or all if there is none.
    """

    def __init__(self, lanes: tuple[CompiledRule, ...]) -> None:
        self.bytes = self.places = 0
        self.scanner = Scanner(tuple(self._counting(each) for each in lanes))

    def scan(self, text: str) -> int:
        self.bytes = self.places = 0
        self.scanner.scan(text)
        return self.bytes

    def _counting(self, each: CompiledRule) -> CompiledRule:
        matcher = each.matcher
        starts = matcher.starts and self._counted(matcher.starts)
        return replace(each, matcher=replace(matcher, search=self._counted(matcher.search), starts=starts))

    def _counted(self, search: Search) -> Search:
        def look(data: bytes, start: int, stop: int) -> Spans:
            found = search(data, start, stop)
            self.places += found[0][0] >= 0
            self.bytes += (found[0][1] if found[0][0] >= 0 else stop) - start
            return found

        return look


@cache
def _counted() -> Counted:
    return Counted(scanner()._lanes)


def _repeated(part: str, size: int) -> str:
    return (part * (size // len(part) + 1))[:size]


def _examples(rule: Rule) -> Iterator[str]:
    for example in (*(marked(hit)[0] for hit in rule.hits), *rule.misses):
        yield example
        yield example + " "
        # The beginning alone, again and again: the gate opens, and nothing follows.
        yield example[: len(example) // 2] or example


def _grows(count: Counted, part: str, sizes: tuple[int, ...]) -> bool:
    costs = [count.scan(_repeated(part, size)) for size in sizes]
    return any(more > MOST_GROWTH * less + AIR_LOOKED_AT for less, more in pairwise(costs))


def _seconds(text: str) -> float:
    before = time.process_time()
    scanner().scan(text)
    return time.process_time() - before


def _grows_in_time(part: str, sizes: tuple[int, ...]) -> bool:
    """Whether it does each time that it is measured."""
    for _ in range(TRIES):
        costs = [min(_seconds(_repeated(part, size)) for _ in range(2)) for size in sizes]
        if all(more < MOST_GROWTH * less + AIR_SECONDS for less, more in pairwise(costs)):
            return False
    return True


@gathered("part", OPENINGS)
def test_what_opens_matches_over_and_over_is_looked_at_in_proportion(part: str) -> None:
    assert not _grows(_counted(), part, (8 * KIB, 16 * KIB))


@gathered("rule", RULES, ids=lambda rule: rule.title, parts=10)
def test_the_examples_of_a_rule_repeated_are_looked_at_in_proportion(rule: Rule) -> None:
    for part in (marked(rule.hits[0])[0], rule.misses[0]):
        assert not _grows(_counted(), part, (4 * KIB, 8 * KIB))


@pytest.mark.parametrize(("rule", "part"), OWN, ids=[rule.title for rule, _ in OWN])
def test_what_an_operator_writes_looks_at_text_in_proportion(rule: Rule, part: str) -> None:
    assert not _grows(Counted((compile_rule(rule),)), part, (8 * KIB, 16 * KIB))


@pytest.mark.measured
@pytest.mark.parametrize("part", OPENINGS)
def test_what_opens_matches_over_and_over_costs_time_in_proportion(part: str) -> None:
    assert not _grows_in_time(part, (8 * KIB, 16 * KIB, 32 * KIB))


@pytest.mark.measured
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.title)
def test_the_examples_of_a_rule_repeated_cost_time_in_proportion(rule: Rule) -> None:
    for part in _examples(rule):
        assert not _grows_in_time(part, (4 * KIB, 8 * KIB, 16 * KIB)), part


# -- how many matches are judged


def _digits(source: random.Random, *sizes: int) -> list[str]:
    return ["".join(source.choices("0123456789", k=size)) for size in sizes]


def _letters(source: random.Random, size: int) -> str:
    return "".join(source.choices("abcdefghijklmnopqrstuvwxyz", k=size))


DENSE: dict[str, Callable[[random.Random], str]] = {
    "numbers of three digits": lambda source: _digits(source, 3)[0] + " ",
    "numbers of four digits": lambda source: _digits(source, 4)[0] + " ",
    "numbers of eleven digits": lambda source: _digits(source, 11)[0] + "\n",
    "cards": lambda source: "4{} {} {} {}\n".format(*_digits(source, 3, 4, 4, 4)),
    "addresses": lambda source: f"{_letters(source, 3)}@{_letters(source, 4)}.com,",
    "telephone numbers": lambda source: "name,+49 {} {}\n".format(*_digits(source, 3, 7)),
    "numbers spoken of": lambda source: "phone {} {}, ".format(*_digits(source, 3, 4)),
    "accounts": lambda source: "DE{} {} {} {} {} {}\n".format(*_digits(source, 2, 4, 4, 4, 4, 2)),
    "hosts": lambda source: "10.{}.{}.1 ".format(*_digits(source, 2, 2)).replace(".0", ".1"),
    "assigned secrets": lambda source: f"APP_API_KEY={_letters(source, 9)}{_digits(source, 6)[0]}\n",
}
"""Honest texts that are full of what is looked at closely: tables, lists, files of settings."""


QUICK = ("numbers of three digits", "cards", "addresses", "telephone numbers", "assigned secrets")


@pytest.mark.parametrize(
    "line", [pytest.param(DENSE[name], marks=() if name in QUICK else pytest.mark.deep, id=name) for name in DENSE]
)
def test_honest_tables_and_lists_are_far_from_the_bound(line: Callable[[random.Random], str]) -> None:
    source, size = random.Random(1), 64 * KIB
    text = "".join(line(source) for _ in range(size // 6))[:size]
    counting = _counted()
    counting.scan(text)
    assert counting.places < 0.6 * most_looks(size)


def test_a_text_has_as_many_looks_as_bytes_within_limits() -> None:
    assert most_looks(10) == most_looks(LEAST_LOOKS) == LEAST_LOOKS
    assert most_looks(LEAST_LOOKS + 1) == LEAST_LOOKS + 1
    assert most_looks(MOST_LOOKS + 1) == MOST_LOOKS


def test_a_text_with_as_many_matches_as_allowed_is_judged_and_one_with_more_is_refused() -> None:
    most, scan = LEAST_LOOKS // 2, Scanner.compile([regex("x", "a"), regex("y", "a")]).scan
    assert len(scan("a" * most)) == 2 * most
    with pytest.raises(TooManyCandidatesError):
        scan("a" * (most + 1))


def test_a_part_of_a_long_match_counts_for_more_than_a_whole_one() -> None:
    text = "a" * 4096 + "b"
    assert Scanner.compile([regex("x", "a{1,4096}(?:b)")]).scan(text)
    with pytest.raises(TooManyCandidatesError):
        Scanner.compile([regex("x", "a{1,4096}(b)", group=1)]).scan(text)


def test_a_refusal_tells_nothing_of_the_text() -> None:
    with pytest.raises(TooManyCandidatesError) as caught:
        Scanner.compile([regex("x", "a"), regex("y", "a")]).scan("a" * LEAST_LOOKS)
    assert str(caught.value) == ""
