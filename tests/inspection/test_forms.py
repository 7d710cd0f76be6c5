"""Recorded streams with planted values, in any spelling; see `forms`."""

from tests.gathered import gathered
from tests.inspection.forms import check


@gathered("seed", [*range(30), 175, 1208], parts=3)
def test_a_planted_value_is_judged_alike_in_every_form(seed: int) -> None:
    check(seed)
