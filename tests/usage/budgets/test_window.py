from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.usage.budgets.window import MONTH, BudgetWindow

DAY = 86400


def at(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def shown(moment: int, zone: str = "UTC") -> str:
    return datetime.fromtimestamp(moment, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("seconds", "now", "start", "end"),
    [
        (60, "2026-12-01 15:16:12", "2026-12-01 15:16", "2026-12-01 15:17"),
        (3600, "2026-12-01 15:16", "2026-12-01 15:00", "2026-12-01 16:00"),
        (DAY, "2026-12-01 15:16", "2026-12-01 00:00", "2026-12-02 00:00"),
        (7 * DAY, "2026-12-01 15:16", "2026-11-30 00:00", "2026-12-07 00:00"),
        (MONTH, "2026-12-31 23:59", "2026-12-01 00:00", "2027-01-01 00:00"),
        (MONTH, "2028-02-29 12:00", "2028-02-01 00:00", "2028-03-01 00:00"),
    ],
)
def test_fixed_windows_begin_where_a_person_would_expect(seconds: int, now: str, start: str, end: str) -> None:
    period = BudgetWindow(seconds).period(at(now))
    assert (shown(period.start), shown(period.end)) == (start, end)


def test_days_and_months_are_those_of_the_time_zone() -> None:
    berlin = "Europe/Berlin"
    day = BudgetWindow(DAY, zone=berlin).period(at("2026-12-01 00:30", berlin))
    assert (shown(day.start, berlin), shown(day.end, berlin)) == ("2026-12-01 00:00", "2026-12-02 00:00")
    month = BudgetWindow(MONTH, zone=berlin).period(at("2026-07-31 23:59", berlin))
    assert shown(month.end, berlin) == "2026-08-01 00:00"
    assert (shown(month.before, berlin), month.before) == ("2026-06-01 00:00", at("2026-06-01 00:00", berlin))


def test_a_day_on_which_clocks_change_is_as_long_as_it_is() -> None:
    berlin = "Europe/Berlin"
    spring = BudgetWindow(DAY, zone=berlin).period(at("2026-03-29 12:00", berlin))
    autumn = BudgetWindow(DAY, zone=berlin).period(at("2026-10-25 12:00", berlin))
    assert [(each.end - each.start) // 3600 for each in (spring, autumn)] == [23, 25]


@given(
    st.integers(1_600_000_000, 1_900_000_000),
    st.sampled_from([1, 60, 3600, 7 * 3600, DAY, 7 * DAY, 30 * DAY, MONTH]),
    st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns", "Australia/Lord_Howe"]),
)
def test_every_moment_is_in_its_window(now: int, seconds: int, zone: str) -> None:
    period = BudgetWindow(seconds, zone=zone).period(now + 0.5)
    assert period.before < period.start <= now + 0.5 < period.end


def test_sliding_windows_do_not_depend_on_a_zone() -> None:
    period = BudgetWindow(DAY, sliding=True, zone="Asia/Tokyo").period(at("2026-12-01 15:16"))
    assert datetime.fromtimestamp(period.start, UTC).hour == 0
