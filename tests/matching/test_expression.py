import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.matching.compiled import LONGEST_MATCH, RuleError, compile_rule
from extproc.matching.expression import ExpressionError, Width, bounded, folded, union, width, without
from extproc.matching.re2_search import expression
from extproc.matching.render import charset, exact, members, prefixes, starters
from extproc.matching.rule import Rule
from extproc.matching.syntax import MOST_REPEATS, read
from tests.gathered import gathered

PATTERNS = (
    "abc",
    "a|bc|",
    "(a)(?:b|c)+?d",
    "a{2,3}b*c?",
    r"\d+[a-c]\w",
    "[^a-c]b",
    "(?i)ab(?-i:C)",
    "a(?i)b|B",
    r"\x41\x{42}c",
    "[]a]|[a-]",
    "a.c",
    "(?s)a.c",
    r"\ba\b",
    "(a|b){2}c{0}",
    "(?:ab?){1,2}",
    r"a\.b\-c",
    "[[:digit:]a]{2}",
    "a{,2}",
    "x{",
    r"\Qa.b\E",
)
ALPHABET = "abcABC01. -x{,2}\n]é"


@given(st.sampled_from(PATTERNS), st.text(alphabet=ALPHABET, max_size=8))
def test_a_pattern_read_and_written_again_means_the_same(pattern: str, text: str) -> None:
    written = exact(read(pattern)[0], groups=False)
    data = text.encode()
    assert (expression(rf"\A(?:{written})\z").search(data) is None) == (
        expression(rf"\A(?:{pattern})\z").search(data) is None
    )


@pytest.mark.parametrize(
    ("pattern", "low", "high"),
    [
        ("abc", 3, 3),
        ("a|bcd", 1, 3),
        ("a{2,5}b?", 2, 6),
        ("(ab){3}", 6, 6),
        (r"\ba$", 1, 1),
        ("a*", 0, None),
        ("(?:a+){2}", 2, None),
    ],
)
def test_the_width_of_a_pattern_is_known(pattern: str, low: int, high: int | None) -> None:
    assert width(read(pattern)[0]) == Width(low, high)


def test_endless_repetitions_are_bounded_beyond_their_least_number() -> None:
    assert width(bounded(read("a*b{3,}(?:c+){2}")[0], 10)) == Width(5, 10 + 13 + 22)


@gathered(
    ("pattern", "message"),
    [
        ("(?=a)", "look-around"),
        ("(?<!a)b", "look-around"),
        (r"(a)\1", r"\\1 is not known"),
        (r"\pL", r"\\p is not known"),
        (r"\Aa", r"\\A is not known"),
        ("(a", r"missing \)"),
        ("a)", r"unmatched \)"),
        ("[a", r"missing \]"),
        ("*a", "nothing to repeat"),
        (r"\b+", "nothing to repeat"),
        ("[b-a]", "from a lower to a higher"),
        ("a{3,2}", "must rise"),
        (f"a{{{MOST_REPEATS + 1}}}", "must rise and stay within"),
        ("[[:nope:]]", "not known"),
        (r"\xzz", "hexadecimal"),
        ("(?P<name", "missing >"),
    ],
)
def test_what_is_not_known_is_refused_with_its_place(pattern: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message) as caught:
        read(pattern)
    assert 0 <= caught.value.at <= len(pattern)


def test_the_greatest_repetition_is_read() -> None:
    assert width(read(f"a{{{MOST_REPEATS}}}")[0]).high == MOST_REPEATS


def test_a_match_may_be_as_wide_as_the_limit_and_no_wider() -> None:
    assert compile_rule(Rule(kind="x", pattern=f"a{{{LONGEST_MATCH}}}")).longest == LONGEST_MATCH
    with pytest.raises(RuleError, match="must take 1 to"):
        compile_rule(Rule(kind="x", pattern=f"a{{{LONGEST_MATCH}}}b"))


def test_a_pattern_that_matches_nothing_at_all_is_refused() -> None:
    with pytest.raises(RuleError, match="must take 1 to"):
        compile_rule(Rule(kind="x", pattern="a?"))


@given(
    st.sampled_from(("abc", "a{2,3}b", "(?:ab|cd){1,2}e", r"\d{2}(?:-\d{2})?x", "a?b?c", "[ab]{1,90}c")),
    st.integers(0, 1 << 20),
)
def test_every_beginning_of_a_match_is_a_prefix(pattern: str, seed: int) -> None:
    source = random.Random(seed)
    node = read(pattern)[0]
    beginning = expression(rf"\A(?:{prefixes(node)})\z")
    whole = re.compile(pattern)
    for _ in range(200):
        text = "".join(source.choice("abcdex0-") for _ in range(source.randint(1, 6)))
        if whole.fullmatch(text):
            assert all(beginning.search(text[:end].encode()) for end in range(1, len(text) + 1))


def test_a_text_that_no_match_begins_with_is_no_prefix() -> None:
    beginning = expression(rf"\A(?:{prefixes(read('ab(?:cd|e){2}f')[0])})\z")
    assert [text for text in ("b", "ac", "abd", "abcda", "abefx") if beginning.search(text.encode())] == []


def test_sets_of_characters() -> None:
    assert union(((1, 3),), ((4, 5), (9, 9))) == ((1, 5), (9, 9))
    assert without(without(((3, 5), (9, 9)))) == ((3, 5), (9, 9))
    assert folded(((0x61, 0x63),)) == ((0x41, 0x43), (0x61, 0x63))
    assert folded(((0xE9, 0xE9),)) == ((0xC9, 0xC9), (0xE9, 0xE9))
    assert charset(((0x2D, 0x2D), (0x61, 0x7A))) == r"[\x{2d}a-z]"
    assert starters(read("a?(?:b|c)d")[0]) == ((0x61, 0x63),)
    assert members(read("a?(?:b|c){2}d")[0]) == ((0x61, 0x64),)
