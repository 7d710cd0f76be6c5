"""Moving percentiles: within a bucket of the true one, fading by half, however long a worker lives."""

from random import Random
from statistics import median

import pytest

from extproc.routing.speeds import BUCKETS, HALF_LIFE, KNOWN_LEAST, SHORTEST, STEP, FadingTimes, bucket


def test_a_median_is_within_a_bucket_of_the_true_one() -> None:
    random, times = Random(1), FadingTimes(0.0)
    seen = [random.lognormvariate(-1, 1) for _ in range(2000)]
    for each in seen:
        times.add(each, 0.0)
    assert median(seen) / STEP <= times.percentile <= median(seen) * STEP


def test_a_time_counts_half_after_a_half_life() -> None:
    times = FadingTimes(0.0)
    for _ in range(4):
        times.add(1.0, 0.0)
    assert times.weight(HALF_LIFE) == pytest.approx(2.0)
    for _ in range(3):
        times.add(8.0, HALF_LIFE)
    assert times.percentile > 7.0, "three new ones outweigh four old ones"
    assert times.weight(HALF_LIFE * 10) < KNOWN_LEAST


def test_a_worker_that_lives_for_weeks_forgets_and_learns_as_one_that_just_began() -> None:
    times = FadingTimes(0.0)
    for day in range(30):
        for _ in range(10):
            times.add(0.1 if day < 29 else 5.0, day * 86400.0)
    assert times.percentile == pytest.approx(5.0, rel=STEP - 1)
    assert times.weight(29 * 86400.0) == pytest.approx(10.0)


def test_every_time_has_a_bucket() -> None:
    assert bucket(0.0) == bucket(SHORTEST) == 0
    assert bucket(SHORTEST * 1.01) == 1
    assert bucket(1e9) == BUCKETS - 1
    edges = [SHORTEST * STEP**place for place in range(BUCKETS)]
    assert [bucket(edge * 0.999) for edge in edges] == list(range(BUCKETS))
    times = FadingTimes(0.0)
    times.add(1e9, 0.0)
    assert times.percentile == pytest.approx(edges[-1])
