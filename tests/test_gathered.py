"""Cases that are gathered in one test fail as they would alone."""

import pytest

from tests.gathered import gathered


def test_every_case_is_tried_and_each_that_failed_is_named() -> None:
    tried: list[str] = []

    @gathered("number", range(4))
    @gathered(("letter", "even"), [("a", 0), pytest.param("b", 1, id="odd")])
    def halves(number: int, letter: str, even: int) -> None:
        tried.append(f"{letter}{number}")
        assert number % 2 == even
        if number == 3:
            with pytest.raises(ValueError):
                int(number)

    with pytest.raises(BaseExceptionGroup) as caught:
        halves()
    assert sorted(tried) == ["a0", "a1", "a2", "a3", "b0", "b1", "b2", "b3"]
    assert caught.value.message == "5 of 8 cases failed: 0-odd, 1-a-0, 2-odd, 3-a-0, 3-odd"
    assert [each.__notes__[0] for each in caught.value.exceptions][:2] == ["case: 0-odd", "case: 1-a-0"]


def test_parts_share_the_cases_among_them_and_fixtures_are_those_of_the_test() -> None:
    tried: list[int] = []

    @gathered("number", range(7), parts=3)
    def collects(number: int, into: list[int]) -> None:
        into.append(number)

    for part in range(3):
        collects(part=part, into=tried)
    assert sorted(tried) == list(range(7))


@pytest.mark.parametrize("parts", [1, 3])
def test_a_test_without_cases_is_refused(parts: int) -> None:
    with pytest.raises(ValueError, match="cannot fail"):
        gathered("number", range(parts - 1), parts=parts)
