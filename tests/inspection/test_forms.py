"""Recorded streams with planted values, in any spelling; see `forms`."""

import pytest

from tests.inspection.forms import check


@pytest.mark.parametrize("seed", [*range(30), 175, 1208])
def test_a_planted_value_is_judged_alike_in_every_form(seed: int) -> None:
    check(seed)
