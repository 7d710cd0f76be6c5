"""Names that lead a secret, at the length up to which a name is looked at and past it."""

from extproc.detectors.naming import MOST_NAME
from extproc.inspection.led import _leading, leading


def test_a_name_leads_up_to_its_limit_and_a_longer_one_is_not_remembered() -> None:
    longest = "password" + "x" * (MOST_NAME - 8)
    assert leading(longest) == f'{longest}="'
    before = _leading.cache_info().currsize
    assert leading(longest + "x") == ""
    assert _leading.cache_info().currsize == before
