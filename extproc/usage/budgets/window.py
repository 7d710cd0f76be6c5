"""Windows of time in which budgets are counted."""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from msgspec import Struct

from extproc.policy.units import zone_of

MONDAY: Final = 4 * 86400
"""Seconds from 1970 to the first Monday, from which windows follow one another: so seven days begin on Mondays."""

MONTH: Final = 0
"""The length of a window that is a calendar month."""

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001  - local time, which is counted as if there were no zones


class Period(Struct, frozen=True, gc=False):
    """One window: from `start` to before `end`, in whole seconds since 1970.

    `before`: where the window before began, which sliding windows count a part of.
    """

    start: int
    end: int
    before: int


LASTING: Final = Period(0, 1 << 62, 0)
"""The period of budgets of streams, which have no window."""


class BudgetWindow:
    """The windows of one budget. `seconds`: their length, or MONTH. `sliding`: the last `seconds` count at any moment.

    Days and months are those of `zone`; sliding windows need none.
    """

    __slots__ = ("_last", "_zone", "_zone_name", "seconds", "sliding")

    def __init__(self, seconds: int, *, sliding: bool = False, zone: str = "UTC") -> None:
        self.seconds = seconds
        self.sliding = sliding
        self._zone_name = zone
        self._zone: tzinfo = UTC if sliding else zone_of(zone)
        self._last = Period(0, 0, 0)

    @property
    def key(self) -> str:
        """What tells windows apart that count differently."""
        return f"{self.seconds} {'sliding' if self.sliding else self._zone_name}"

    def period(self, now: float) -> Period:
        """Return the window that `now`, in seconds since 1970, is in."""
        last = self._last
        if last.start <= now < last.end:
            return last
        found = self._last = self._found(now)
        return found

    def _found(self, now: float) -> Period:
        local = self._local(now)
        if self.seconds == MONTH:
            start = datetime(local.year, local.month, 1)  # noqa: DTZ001  - see `_EPOCH`
            before, end = _month_before(start), _month_after(start)
        else:
            length = self.seconds
            second = int((local - _EPOCH).total_seconds())
            first = (second - MONDAY) // length * length + MONDAY
            start, before, end = (_EPOCH + timedelta(seconds=first + off) for off in (0, -length, length))
        return self._spanning(now, self._instant(start), self._instant(end), self._instant(before))

    def _spanning(self, now: float, start: int, end: int, before: int) -> Period:
        """Return the period, stretched to hold `now`: an hour that a clock shows twice is in one window."""
        return Period(min(start, int(now // 1)), max(end, int(now // 1) + 1), before)

    def _local(self, now: float) -> datetime:
        return datetime.fromtimestamp(now, self._zone).replace(tzinfo=None)

    def _instant(self, local: datetime) -> int:
        return int(local.replace(tzinfo=self._zone).timestamp())

    def __repr__(self) -> str:
        return f"BudgetWindow({self.key})"


def _month_before(start: datetime) -> datetime:
    return (start - timedelta(days=1)).replace(day=1)


def _month_after(start: datetime) -> datetime:
    return (start + timedelta(days=32)).replace(day=1)
