"""Floors for what `scripts/quality.py` measures, with a little air: rules are tuned on principles, not on rows."""

from functools import cache

import pytest

from scripts import quality

pytestmark = pytest.mark.skipif(not quality.DATA.exists(), reason="the development data lies outside the repository")

FLOORS = {
    "email": 0.98,
    "credit_card": 0.98,
    "iban": 0.98,
    "us_ssn": 0.98,
    "ip_address": 0.98,
    "url": 0.98,
    "phone": 0.90,
}


@cache
def _figures() -> dict[tuple[str, str], float]:
    return {(row.figure, row.subject): row.value for row in quality.rows()}


@pytest.mark.parametrize("source", quality.RESEARCH)
@pytest.mark.parametrize("kind", FLOORS)
def test_personal_data_is_found_and_nothing_else(kind: str, source: str) -> None:
    for figure in ("recall", "precision"):
        assert _figures().get((figure, f"pii/{kind}/{source}"), 1.0) >= FLOORS[kind]


def test_the_cases_of_another_detector_come_out_right() -> None:
    assert _figures()["right", f"pii/all/{quality.CASES}"] >= 0.95


def test_secrets_are_found_and_look_alikes_are_not() -> None:
    assert _figures()["precision", f"secrets/all/{quality.SECRETS}"] >= 0.94
    assert _figures()["recall", f"secrets/all/{quality.SECRETS}"] >= 0.92


def test_a_row_is_what_the_bench_prints() -> None:
    row = quality.Row("recall", "pii/email/x", 0.5, 2).bench()
    assert row == {
        "figure": "recall",
        "subject": "pii/email/x",
        "unit": "share",
        "median": 0.5,
        "min": 0.5,
        "max": 0.5,
        "rounds": 1,
    }
