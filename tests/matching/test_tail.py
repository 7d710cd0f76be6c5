"""A finding that ends its match is told without groups: the same as RE2 tells with them."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from extproc.detectors import secrets
from extproc.matching.compiled import CompiledRule, compile_rule
from extproc.matching.expression import Repeat
from extproc.matching.rule import Rule
from extproc.matching.syntax import read
from extproc.matching.tail import MatchPlace, split
from extproc.matching.utf8 import after
from tests.gathered import gathered

OWN = (
    Rule(kind="greedy", pattern=r"a[\w.]{0,4}=b?([bc1=é-]{2,6})", before="", after="1", group=1),
    Rule(kind="long", pattern=r"(?:ab|a)b{0,3}:?([^ ]{3,300})", before=r"\w", after=r"\w", group=1),
    Rule(kind="open", pattern=r"k=([a-c=]{2,40})", before="", after="", group=1),
)
TAILED = [each for rule in (*secrets.RULES, *OWN) if (each := compile_rule(rule)).matcher.tail is not None]
PIECES = (
    *("token", "tokens", "secret", "api_key", "password", "pwd", "authorization", "bearer ", "Basic ", "aws", "AKIA"),
    *("=", ":", " ", "\n", "'", '"', "=>", "é", "\u212a", "x", "1", "-", "_", "a", "ab", "abb", "b", "c", "k=", "a="),
    *("abc123def456ghi", "0" * 20, "Zz9" * 30, "a" * 300),
)


def grouped(each: CompiledRule, data: bytes) -> Iterator[MatchPlace]:
    """The places as RE2 tells them, at every place by itself."""
    matcher = each.matcher
    assert matcher.tail is not None
    start = 0
    if matcher.starts is not None:
        yield from replace(matcher, tail=None).find(data, 0, len(data), len(data))
        return
    while start < len(data):
        found = matcher.tail.whole(data, start, len(data))
        if found[0][0] >= 0:
            yield found[1][0], found[1][1], found[2][0], found[2][1]
        start = after(data, start)


def test_rules_that_end_with_their_finding_are_among_those_of_secrets() -> None:
    titles = {each.rule.title for each in TAILED}
    assert {"assigned-secret", "password-bare", "authorization-header", "bearer-token", "greedy", "long"} <= titles


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join), st.sampled_from(TAILED))
def test_a_tail_tells_what_groups_tell(text: str, each: CompiledRule) -> None:
    data = b"\n" + text.encode()
    assert list(each.matcher.find(data, 0, len(data), len(data))) == list(grouped(each, data))


@given(st.text("ab1=:c.é ", max_size=40), st.sampled_from(TAILED[-len(OWN) :]))
def test_a_tail_tells_what_groups_tell_of_small_alphabets(text: str, each: CompiledRule) -> None:
    data = b"\n" + text.encode()
    assert list(each.matcher.find(data, 0, len(data), len(data))) == list(grouped(each, data))


@gathered("hit", [hit for each in TAILED for hit in each.rule.hits])
def test_a_tail_finds_the_examples(hit: str) -> None:
    data = b"\n" + hit.replace("«", "").replace("»", "").encode()
    for each in TAILED:
        assert list(each.matcher.find(data, 0, len(data), len(data))) == list(grouped(each, data))


@pytest.mark.parametrize(
    "pattern",
    ["abc", "(a+)b", "a(b+?)", "a(b*)", "(x)a(b+)", "a(bc)", "a(?:b+)", "a*(b+)", "a((?:bc)+)"],
)
def test_what_does_not_end_with_one_repeated_class_has_no_tail(pattern: str) -> None:
    assert split(read(pattern)[0]) is None


def test_front_and_group_are_told_apart() -> None:
    parts = split(read("ab?(c{2,9})")[0])
    assert parts is not None
    assert parts[1] == Repeat(parts[1].item, 2, 9)


def test_no_group_is_asked_for_where_a_tail_tells() -> None:
    (each,) = (each for each in TAILED if each.rule.kind == "open")
    assert each.matcher.tail is not None
    assert len(each.matcher.tail.whole(b"\nk=abc ", 0, 7)) == 3
    assert len(each.matcher.search(b"\nk=abc ", 0, 7)) == 1
