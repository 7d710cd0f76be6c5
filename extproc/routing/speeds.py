"""Speeds of candidates: moving percentiles of times that were seen to pass.

A time goes into one of a fixed row of buckets, each a quarter wider than the one before, whose counts fade by half
every `HALF_LIFE`. Rows are plain numbers: those of several workers can be added up, or lie in shared memory.
"""

from collections.abc import Sequence
from math import log
from typing import Final, TypeAlias

from extproc.routing.health import HealthKey

HALF_LIFE: Final = 60.0
"""Seconds after which a time counts half: a provider's bad quarter of an hour is over for us some minutes later, and a
model with a request a second still has the weight of 87 of them."""

KNOWN_LEAST: Final = 0.25
"""Weight below which nothing is known: that of one time two half-lives ago."""

QUANTILE: Final = 0.5
"""The percentile that candidates are compared by: half of all requests are faster. The mean would be that of the
slowest few."""

SHORTEST: Final = 0.0005
"""Seconds of the first bucket's upper edge: no model writes a token faster."""

STEP: Final = 1.25
"""The growth of each bucket: the error of a percentile is at most this, far less than what models differ by."""

BUCKETS: Final = 64
"""The last one begins at 640 s, longer than anybody waits."""

_LOG_STEP: Final = log(STEP)
AGE_MOST: Final = 40.0
"""Half-lives after which all counts are scaled down: floats are exact far beyond the scale of that time."""


class FadingTimes:
    """The times of one kind of one candidate. Counts grow by the scale of their time, so that older ones fade."""

    __slots__ = ("_begun", "_cached", "_counts", "_total")

    def __init__(self, now: float) -> None:
        self._counts = [0.0] * BUCKETS
        self._begun = now
        self._total = 0.0
        self._cached: float | None = None

    def add(self, seconds: float, now: float) -> None:
        """Take a time that was seen at `now`."""
        age = (now - self._begun) / HALF_LIFE
        if age > AGE_MOST:
            faded = 2.0**-age  # 0 after a long pause, as it should be
            self._counts = [each * faded for each in self._counts]
            self._total *= faded
            self._begun, age = now, 0.0
        scale = 2.0**age
        self._counts[bucket(seconds)] += scale
        self._total += scale
        self._cached = None

    def weight(self, now: float) -> float:
        """Return how many times there are, each by what it still counts."""
        return float(self._total * 2.0 ** -((now - self._begun) / HALF_LIFE))

    @property
    def percentile(self) -> float:
        """Return the time that `QUANTILE` of them do not exceed; they fade alike, so that it waits for the next one."""
        if self._cached is None:
            self._cached = percentile(self._counts, self._total)
        return self._cached


def bucket(seconds: float) -> int:
    """Return the place of the bucket for a time."""
    if seconds <= SHORTEST:
        return 0
    return min(BUCKETS - 1, 1 + int(log(seconds / SHORTEST) / _LOG_STEP))


def percentile(counts: Sequence[float], total: float) -> float:
    """Return the upper edge of the bucket in which `QUANTILE` of a row is reached."""
    left = QUANTILE * total
    for place, count in enumerate(counts):
        left -= count
        if left <= 0:
            return float(SHORTEST * STEP**place)
    return float(SHORTEST * STEP ** (BUCKETS - 1))


TimesKey: TypeAlias = tuple[HealthKey, str]


class Speeds:
    """The measured speed of candidates: mutable, one per worker.

    Three kinds of times for each: to the first part of a stream, from there for each token, and of whole responses.
    """

    __slots__ = ("_times",)

    def __init__(self) -> None:
        self._times: dict[TimesKey, FadingTimes] = {}

    def began(self, key: HealthKey, seconds: float, now: float, *, stream: bool) -> None:
        """Take the time from the decision to the beginning of a response; for one that is no stream, to all of it."""
        self._add((key, "first" if stream else "whole"), seconds, now)

    def wrote(self, key: HealthKey, seconds: float, now: float) -> None:
        """Take the time of one output token of a stream."""
        self._add((key, "token"), seconds, now)

    def expected(self, key: HealthKey, tokens: int, now: float, *, stream: bool) -> float | None:
        """Return the seconds that a response of so many tokens is expected to take; None if too little is known.

        The time of a whole response is that of the usual one, whatever its length.
        """
        first = self._known((key, "first" if stream else "whole"), now)
        if first is None or not stream:
            return first
        token = self._known((key, "token"), now)
        return first if token is None else first + tokens * token

    def _add(self, key: TimesKey, seconds: float, now: float) -> None:
        times = self._times.get(key)
        if times is None:
            times = self._times[key] = FadingTimes(now)
        times.add(seconds, now)

    def _known(self, key: TimesKey, now: float) -> float | None:
        times = self._times.get(key)
        return None if times is None or times.weight(now) < KNOWN_LEAST else times.percentile

    def __repr__(self) -> str:
        return f"Speeds({len(self._times)})"
