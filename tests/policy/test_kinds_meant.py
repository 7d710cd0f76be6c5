"""The nearest name to one that is not known, whatever its case."""

import pytest

from extproc.policy.base import meant
from extproc.policy.kinds import PII_GROUPS, PII_KINDS


@pytest.mark.parametrize(
    ("name", "mend"),
    [
        ("EU", "did you mean eu?"),
        ("CREDIT_CARD", "did you mean credit_card?"),
        ("Finance", "did you mean finance?"),
        ("credit-card", "did you mean credit_card?"),
    ],
)
def test_a_kind_in_another_spelling_has_a_nearest_one(name: str, mend: str) -> None:
    assert meant(name, (*PII_GROUPS, *PII_KINDS)) == mend


def test_names_in_capitals_stay_as_they_are() -> None:
    assert meant("Sonnet", ("SONNET", "opus")) == "did you mean SONNET?"


def test_without_a_near_name_the_known_ones_are_listed() -> None:
    assert meant("zzz", ("eu", "us")) == "known here: eu, us"
