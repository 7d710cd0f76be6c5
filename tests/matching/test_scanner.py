from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.patterns import MOST_LITERALS, literals, regex
from extproc.matching.allow import AllowList, allowing
from extproc.matching.compiled import RuleError
from extproc.matching.rule import Rule
from extproc.matching.scanner import Scanner
from extproc.matching.span import Span, Union, unite
from extproc.matching.syntax import MOST_NESTED
from extproc.matching.window import Window


def _texts(scanner: Scanner, text: str) -> list[str]:
    return [text[span.start : span.end] for span in scanner.scan(text)]


def _span(start: int, end: int, kind: str = "a", score: float = 1.0) -> Span:
    return Span(start, end, kind, kind, score)


def test_spans_count_code_points_not_bytes() -> None:
    scanner = Scanner.compile([regex("x", "é+b")])
    assert [(span.start, span.end) for span in scanner.scan("人😀éébé éb")] == [(2, 5), (3, 5), (7, 9)]


def test_a_lone_surrogate_is_one_code_point_and_harms_nothing() -> None:
    scanner = Scanner.compile([regex("x", "ab")])
    assert [(span.start, span.end) for span in scanner.scan("\ud83dab")] == [(1, 3)]


def test_every_place_is_tried_whatever_was_found_before_it() -> None:
    assert _texts(Scanner.compile([regex("x", "aba")]), "ababa") == ["aba", "aba"]


def test_the_first_of_two_alternatives_is_preferred_and_lazy_is_lazy() -> None:
    scanner = Scanner.compile([regex("x", "<.*?>")])
    assert _texts(scanner, "<a> b>") == ["<a>"]


def test_a_caret_is_the_start_of_a_line_and_a_dollar_the_end_of_the_text() -> None:
    assert _texts(Scanner.compile([regex("x", r"^ab")]), "ab\nab ab") == ["ab", "ab"]
    assert _texts(Scanner.compile([regex("x", r"ab$")]), "ab\nab ab") == ["ab"]


def test_two_rules_of_one_name_are_refused() -> None:
    with pytest.raises(RuleError, match="same name: x"):
        Scanner.compile([regex("x", "a"), regex("x", "b")])


def test_a_group_that_does_not_exist_is_refused() -> None:
    with pytest.raises(RuleError, match="rule x: the pattern has no group 2"):
        Scanner.compile([regex("x", "(a)", group=2)])
    with pytest.raises(RuleError, match="rule x: the pattern has no group name"):
        Scanner.compile([regex("x", "(a)", group="name")])


def test_a_named_group_is_the_find() -> None:
    assert _texts(Scanner.compile([regex("x", "id=(?P<id>[0-9]{2})", group="id")]), "id=12 id=345") == ["12", "34"]


def test_no_rules_find_nothing() -> None:
    assert Scanner.compile([]).scan("anything") == []


def test_context_counts_on_both_sides_and_only_as_a_word() -> None:
    rule = Rule(kind="x", pattern=r"\d{4}", context=("pin",), near=(8, 6))
    scanner = Scanner.compile([rule])
    assert _texts(scanner, "pin 1234") == ["1234"]
    assert _texts(scanner, "1234 pin") == ["1234"]
    assert _texts(scanner, "pinch 1234") == []
    assert _texts(scanner, "pin, far away: 1234") == []


def test_a_value_that_is_all_there_is_needs_no_context() -> None:
    scanner = Scanner.compile([Rule(kind="x", pattern=r"\d{4}", context=("pin",), alone=True)])
    assert _texts(scanner, ' "1234".\n') == ["1234"]
    assert _texts(scanner, "1234 a") == []


def test_allowed_values_and_expressions_are_no_finds() -> None:
    rules = allowing([regex("x", r"\w+@\w+")], AllowList(["a@b"], [r"\w+@corp"]))
    more = Scanner.compile(allowing(rules, AllowList(["e@f"])))
    assert _texts(more, "a@b") == []
    assert [text for text in _texts(more, "cc@corp") if text == "cc@corp"] == []
    assert "c@corpse" in _texts(more, "c@corpse")
    assert _texts(more, "e@f") == []
    assert _texts(more, "g@h") == ["g@h"]


def test_an_expression_of_an_allow_list_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(RuleError, match="allow: missing"):
        AllowList(expressions=["(a"])


def test_literals_are_found_as_words_the_longest_first() -> None:
    scanner = Scanner.compile(literals("x", ["Project Titan", "Project", "C++"], ignore_case=True))
    assert [t for s, t in zip(unite(scanner.scan("project titan")), ["project titan"], strict=True) if s.end == len(t)]
    assert _texts(scanner, "Projects in c++.") == ["c++"]


def test_literals_within_words_when_asked() -> None:
    assert _texts(Scanner.compile(literals("x", ["tan"], words=False)), "titan") == ["tan"]


@pytest.mark.parametrize("values", [[], [""], ["a", ""], [str(n) for n in range(MOST_LITERALS + 1)]])
def test_too_few_and_too_many_literals_are_refused(values: list[str]) -> None:
    with pytest.raises(RuleError, match="literals are needed"):
        literals("x", values)


def test_as_many_literals_as_allowed_are_found_the_longest_of_those_that_begin_alike() -> None:
    words = [f"w{n:05}" for n in range(MOST_LITERALS - 1)]
    scanner = Scanner.compile(literals("x", [*words, "w04999 and more"]))
    text = "w00000 xw00001 W00002 w09998, w04999 and more"
    assert {text[s.start : s.end] for s in scanner.scan(text)} == {"w00000", "w09998", "w04999 and more"}
    assert {span.kind for span in scanner.scan(text)} == {"x"}


@pytest.mark.parametrize(
    "literal", ["a" * 1024, "word " * 204 + "abcd", "\u6f22\u5b57" * 512, "\u6f22\u5b57 \u6f22" * 256]
)
def test_the_longest_literals_are_found_whole_and_in_pieces(literal: str) -> None:
    scanner = Scanner.compile(literals("x", [literal]))
    text = f"so {literal}, and {literal[:-1]}"
    assert _texts(scanner, text) == [literal]
    window = Window(scanner)
    pieces = [text[at : at + 100] for at in range(0, len(text), 100)]
    released = [*map(window.feed, pieces), window.finish()]
    assert [hit.value for each in released if each is not None for hit in each.hits] == [literal]


def test_groups_and_repetitions_without_end_are_an_error_of_the_expression() -> None:
    Scanner.compile([regex("x", "(" * MOST_NESTED + "a" + ")" * MOST_NESTED)])
    with pytest.raises(RuleError, match="more than 100 groups inside each other"):
        Scanner.compile([regex("x", "(" * (MOST_NESTED + 1) + "a" + ")" * (MOST_NESTED + 1))])
    with pytest.raises(RuleError, match="a repetition follows a repetition"):
        Scanner.compile([regex("x", "a" + "{1}" * 1300)])


def test_united_spans_are_leftmost_then_longest_and_cover_all_that_was_found() -> None:
    spans = [_span(5, 9, "b"), _span(0, 6), _span(0, 3, "c"), _span(2, 4, "d"), _span(20, 22)]
    assert unite(spans) == [_span(0, 6), _span(6, 9, "b"), _span(20, 22)]


def test_of_two_spans_of_one_place_the_surer_wins() -> None:
    assert unite([_span(0, 3, "a", 0.5), _span(0, 3, "b", 0.9)]) == [_span(0, 3, "b", 0.9)]


SPANS = st.lists(
    st.builds(lambda start, size: _span(start, start + size), st.integers(0, 30), st.integers(1, 9)), max_size=12
)


@given(SPANS, st.randoms(use_true_random=False))
def test_uniting_covers_the_same_places_without_overlap_in_any_order(spans: list[Span], source: object) -> None:
    pieces = unite(spans)
    assert {place for span in spans for place in range(span.start, span.end)} == {
        place for piece in pieces for place in range(piece.start, piece.end)
    }
    assert all(before.end <= after.start for before, after in pairwise(pieces))
    shuffled = list(spans)
    getattr(source, "shuffle")(shuffled)  # noqa: B009  - Hypothesis types it as object
    assert unite(shuffled) == pieces


@given(SPANS)
def test_uniting_one_by_one_gives_the_same(spans: list[Span]) -> None:
    union = Union()
    pieces = [union.cut(span) for span in sorted(spans, key=lambda span: (span.start, -span.end))]
    assert [piece for piece in pieces if piece is not None] == unite(spans)
