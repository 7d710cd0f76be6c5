"""Several texts at once: the same finds as in each by itself, for one pass where nothing is found."""

from hypothesis import given
from hypothesis import strategies as st

from extproc.matching.looks import JOINED_MOST
from extproc.matching.rule import marked
from tests.gathered import gathered
from tests.inspection.texts import RULES, scanner, texts


@given(st.lists(texts(), max_size=6))
def test_several_texts_are_found_the_same_in_as_each_by_itself(several: list[str]) -> None:
    expected = [(number, found) for number, text in enumerate(several) if (found := scanner().scan(text))]
    assert scanner().scan_all(several) == expected


@gathered("example", [hit for rule in RULES for hit in rule.hits][:40])
def test_a_find_between_other_texts_is_found_where_it_is(example: str) -> None:
    text, _ = marked(example)
    by = scanner()
    for several in (["", text, ""], ["word", text], [text, "é word", text], ["a" * 50, "", text, "b"]):
        assert by.scan_all(several) == [(n, found) for n, each in enumerate(several) if (found := by.scan(each))]


def test_texts_beyond_the_bound_are_scanned_one_by_one_and_found_the_same_in() -> None:
    for size in (JOINED_MOST - 20, JOINED_MOST + 20):
        several = ["x " * (size // 2), "a@b.de"]
        assert [number for number, _ in scanner().scan_all(several)] == [1]
