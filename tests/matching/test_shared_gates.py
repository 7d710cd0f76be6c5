"""Rules with one gate: it stands in the databases once, and only rules that have a word beside it are asked."""

import pytest

from extproc.matching.compiled import compile_rule
from extproc.matching.context_words import apart
from extproc.matching.gates import MOST_NAMES, SharedGate, shared_gates
from extproc.matching.matcher import Matcher
from extproc.matching.regions import Regions
from extproc.matching.rule import Rule
from extproc.matching.scanner import Scanner
from extproc.matching.window import Window
from tests.gathered import gathered

SIGN = r"\d{6}[^0-9A-Za-z]"


def _rule(kind: str, *words: str, pattern: str = r"\d{6,9}", **more: object) -> Rule:
    return Rule(kind=kind, pattern=pattern, sign=SIGN, numeric=True, context=words, **more)  # type: ignore[arg-type]


RULES = (
    _rule("badge", "badge", "badge no", named=True),
    _rule("locker", "locker", "schließfach", pattern=r"\d{6,7}(?: \d{2})?", named=True),
    _rule("member", "member", "会員"),
    _rule("plain"),
    _rule("whole", "desk", alone=True),
)


def _gate() -> SharedGate:
    (gate,) = shared_gates([compile_rule(rule) for rule in RULES]).values()
    return gate


def _found(text: str, name: str | None = None) -> list[tuple[str, str]]:
    return [(span.kind, text[span.start : span.end]) for span in Scanner.compile(RULES).scan(text, name)]


def test_a_gate_that_rules_share_is_hit_once() -> None:
    regions = Regions(tuple(map(compile_rule, RULES)))
    assert regions.hits(b"\nbadge 1234567 there\n") == [(0, 15)]


def test_rules_whose_gates_differ_share_none() -> None:
    rules = (_rule("badge", "badge"), Rule(kind="other", pattern=r"\d{6,9}", numeric=True))
    assert shared_gates([compile_rule(rule) for rule in rules]) == {}


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("badge 1234567", {"badge"}),
        ("1234567 is my locker", {"locker"}),
        ("Schließfach 123456 12", {"locker"}),
        ("myBadgeNo=1234567", {"badge"}),
        ("会員1234567", {"member"}),
        ("BADGE_NO: 1234567, member 1234567", {"badge", "member"}),
        ("lockers 1234567", set()),
        ("a number 1234567", set()),
    ],
)
def test_each_rule_is_judged_as_it_would_be_alone(text: str, kinds: set[str]) -> None:
    found = _found(text)
    assert {kind for kind, _ in found} - {"plain", "whole"} == kinds
    for rule in RULES:
        alone = [(span.kind, text[span.start : span.end]) for span in Scanner.compile([rule]).scan(text)]
        assert [each for each in found if each[0] == rule.kind] == alone


def test_a_number_that_is_all_of_a_text_needs_no_word_where_a_rule_says_so() -> None:
    assert {kind for kind, _ in _found("1234567")} == {"plain", "whole"}


def test_the_name_of_a_member_counts_for_rules_that_say_so() -> None:
    assert {kind for kind, _ in _found("1234567", "badge no")} == {"badge", "plain"}
    assert {kind for kind, _ in _found("1234567", "member")} == {"plain"}


def test_only_rules_with_a_word_beside_a_number_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    scanner = Scanner.compile(RULES)
    asked = 0
    find = Matcher.find

    def count(self: Matcher, data: bytes, start: int, stop: int, limit: int) -> object:
        nonlocal asked
        asked += 1
        return find(self, data, start, stop, limit)

    monkeypatch.setattr(Matcher, "find", count)
    scanner.scan("of many numbers 1234567 is one")
    assert asked == len({"plain", "whole"})
    scanner.scan("of many numbers 1234567 is a locker")
    assert asked == len({"plain", "whole"}) + len({"plain", "whole", "locker"})


@gathered("cut", range(1, 24))
def test_a_stream_that_is_cut_anywhere_gives_what_the_whole_text_gives(cut: int) -> None:
    text = "123456 12 is in locker"
    window = Window(Scanner.compile(RULES))
    released = [window.feed(text[:cut]), window.feed(text[cut:]), window.finish()]
    spans = [hit.span for each in released if each for hit in each.hits]
    assert sorted((span.kind, text[span.start : span.end]) for span in spans) == sorted(_found(text))


def test_names_of_members_are_remembered_up_to_a_bound() -> None:
    gate = _gate()
    for number in range(MOST_NAMES + 1):
        assert gate.named(f"name {number}") == ()
    assert len(gate.known) == 1
    assert gate.named("badge no") == gate.named("badge no") != ()


def test_a_word_with_letters_around_it_does_not_stand_apart() -> None:
    compiled = compile_rule(RULES[0])
    assert compiled.apart is not None
    assert "badge" in apart([(compiled.rule, compiled.node)])
    for text, stands in ((b" badge ", True), (b"_badge:", True), (b"sbadge ", False), (b" badge7", False)):
        assert (compiled.apart(text, 0, len(text))[0][0] >= 0) == stands
