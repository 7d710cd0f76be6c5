"""Rules that need digits are asked only about what is near them, and only in texts that have as many."""

from itertools import product

import pytest

from extproc.matching import digits as near_digits
from extproc.matching.digits import CROWDED, FAR, SHORT, Near, NearDigits, Spread, flat, spread
from extproc.matching.expression import digits
from extproc.matching.regions import MANY
from extproc.matching.rule import Rule, marked
from extproc.matching.scanner import Scanner
from extproc.matching.syntax import read
from tests.gathered import gathered
from tests.inspection.texts import RULES, scanner

PROSE = "and so the house of the sea was sold to a man who went by it each day, or so they said in town; "


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


@pytest.mark.parametrize(
    ("pattern", "far"),
    [
        (r"ab\d{2}", Spread(None, 2, 0, 0)),
        (r"(?:a{3})?\d(?:x{2,4}\d)?[b-d]{0,2}", Spread(None, 3, 4, 2)),
        (r"\d(?:[ -]?\d){3}", Spread(None, 0, 1, 0)),
        (r"é{2}\d|\d\w", Spread(None, 8, None, 1)),
        (r"a?", Spread(1)),
    ],
)
def test_how_far_a_match_goes_from_its_digits(pattern: str, far: Spread) -> None:
    found = spread(read(pattern)[0])
    assert (found.without, found.front, found.between or 0, found.behind) == (
        far.without,
        far.front,
        far.between or 0,
        far.behind,
    )


@pytest.mark.parametrize(("more", "near"), [(0, True), (1, False)])
@pytest.mark.parametrize("pattern", ["a{{{}}}\\d", "\\da{{{}}}", "\\da{{0,{}}}\\d"])
def test_a_gate_is_near_its_digits_up_to_a_bound(pattern: str, more: int, near: bool) -> None:
    assert spread(read(pattern.format(FAR + more))[0]).near == near


def test_what_may_have_no_digit_is_near_none() -> None:
    assert not spread(read(r"a|\d")[0]).near


def test_parts_hold_all_that_is_near_digits_and_hits_in_them_keep_their_places() -> None:
    near = Near([Spread(None, 3, 4, 2)])
    for gap in range(30):
        data = f"{PROSE * 2}abc1{'-' * gap}2de{PROSE * 2}".encode()
        parts = near.parts(data, *flat(data))
        assert parts is not None
        for sign in (b"c1", b"2d"):
            at = data.index(sign)
            assert any(low <= at - 3 and high >= at + 4 for low, high in parts.places)
            end = parts.joined.index(sign) + len(sign)
            assert parts.placed([(0, end)]) == [(0, at + len(sign))]
        assert len(parts.places) == (1 if gap <= 6 + 2 else 2) or abs(gap - 8) < 2


@pytest.mark.parametrize(
    "pattern", [r"\d[X-Z]{{{0}}}\d", r"[X-Z]{{{0}}}\d", r"\d[X-Z]{{{0}}}", r"[X-Z]{{{0}}}\d[X-Z]{{{0}}}\d"]
)
def test_a_match_is_found_however_far_it_goes_from_its_digits(pattern: str) -> None:
    for size in range(1, FAR + 2):
        alone = Scanner.compile([Rule(kind="some", pattern=pattern.format(size))])
        letters = "Y" * size
        value = pattern.replace(r"\d", "7").replace("[X-Z]{{{0}}}", letters)
        assert len(alone.scan(f"{PROSE * 3} {value} {PROSE * 3}")) == 1, size


def test_short_and_crowded_texts_are_read_whole() -> None:
    near = Near([Spread(None, 1, 0, 1)])
    text = b"a" * (SHORT * CROWDED)

    def parts(data: bytes) -> NearDigits | None:
        return near.parts(data, *flat(data))

    assert parts(b"1" + b"a" * (SHORT - 1)) is None
    assert parts(b"1" + b"a" * SHORT) is not None
    assert parts(text + b"1" * (len(text) // (CROWDED - 1) - 1)) is not None
    assert parts(text + b"1" * (len(text) // (CROWDED - 1) + 1)) is None


def test_every_example_is_found_amid_prose_as_when_all_of_a_text_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of them with little prose between, as what is near the digits of both may meet or not."""
    texts = []
    for number, (rule, gap) in enumerate(product(RULES, (1, 24))):
        for example in rule.hits:
            other = RULES[(number * 7 + 3) % len(RULES)].hits
            between = PROSE[:gap].rpartition(" ")[0]
            beside = marked(other[0])[0] if other else ""
            texts.append(f"{PROSE * 3}\n{marked(example)[0]}\n{between} {beside} {PROSE * 3}")
    parted = [scanner().scan(text) for text in texts]
    monkeypatch.setattr(near_digits, "SHORT", 1 << 30)
    wrong = [text for text, found in zip(texts, parted, strict=True) if found != scanner().scan(text)]
    assert not wrong, wrong[0]


@gathered("rule", RULES, ids=lambda rule: rule.title)
def test_no_example_has_fewer_digits_than_its_rule_asks_for(rule: Rule) -> None:
    compiled = next(each for each in scanner()._lanes if each.rule.title == rule.title)
    for example in rule.hits:
        # What stands before a group of the match is a part of the match.
        assert sum(map(str.isdecimal, marked(example)[0])) >= compiled.digits


@pytest.mark.parametrize("count", [1, MANY - 1, MANY, MANY + 1])
@pytest.mark.parametrize("numeric", [False, True])
def test_a_rule_is_asked_from_its_own_number_of_digits_on(count: int, numeric: bool) -> None:
    asked = Scanner.compile([Rule(kind="some", pattern=rf"\d{{{count}}}", numeric=numeric)])
    for around in ("", PROSE * 3):
        assert asked.scan(f"{around} {'7' * count} {around}")
        assert not asked.scan(f"{around} {'7' * (count - 1)} {around}")


def test_a_gate_that_rules_share_is_near_digits_only_if_each_of_them_needs_one() -> None:
    both = Scanner.compile(
        [
            Rule(kind="with", pattern=r"[X-Z]{4,8}", digits=1, validator=lambda value: not value.isalpha()),
            Rule(kind="without", pattern=r"[X-Z]{4,8}"),
        ]
    )
    assert [each.kind for each in both.scan(f"{PROSE * 3} YYYYY {PROSE * 3}")] == ["without"]
