"""Reloads under load, through the real Envoy: see scripts/benchmarks/reloads.py, which the long version is, too."""

import pytest

from scripts.benchmarks.reloads import run

pytestmark = pytest.mark.envoy


def _check(seconds: float, reloads: int) -> None:
    outcome = run(seconds, reloads)
    assert outcome.wrong == []
    assert outcome.reloads >= reloads
    assert outcome.spanned["streamed"] > 0
    assert outcome.spanned["retried"] > 0


def test_no_client_notices_a_reload_and_each_exchange_is_judged_by_one_version() -> None:
    _check(6.0, 8)


@pytest.mark.deep
def test_no_client_notices_100_reloads_in_a_minute() -> None:
    _check(60.0, 100)
