from extproc.matching.span import Distinct, Span


def _span(start: int, end: int, kind: str, score: float) -> Span:
    return Span(start, end, kind, kind, score)


def test_a_find_within_one_that_is_as_sure_says_nothing_new() -> None:
    distinct = Distinct()
    assert distinct.new(0, _span(5, 20, "phone", 0.9))
    assert not distinct.new(0, _span(5, 20, "phone", 0.8))
    assert not distinct.new(0, _span(8, 20, "uk_nhs", 0.8))


def test_a_surer_find_within_another_is_told_and_so_is_one_that_goes_beyond() -> None:
    distinct = Distinct()
    assert distinct.new(0, _span(0, 30, "url", 0.5))
    assert distinct.new(0, _span(10, 20, "email", 1.0))
    assert distinct.new(0, _span(25, 35, "phone", 0.4))
    assert not distinct.new(0, _span(26, 35, "uk_nhs", 0.4))


def test_what_another_processor_found_is_no_matter() -> None:
    distinct = Distinct()
    assert distinct.new(0, _span(5, 20, "phone", 0.9))
    assert distinct.new(1, _span(5, 20, "phone", 0.9))
