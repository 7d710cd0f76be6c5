from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfoNotFoundError

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from extproc.policy import units
from extproc.policy.units import duration, size, written_duration, written_size, zone, zone_of
from tests.gathered import gathered

SIZES = [
    (0, 0),
    (512, 512),
    ("512", None),
    ("512B", 512),
    ("512 KiB", 524_288),
    ("512KiB", 524_288),
    ("2MiB", 2_097_152),
    ("1.5MiB", 1_572_864),
    ("1GiB", 1_073_741_824),
    ("1kB", 1000),
    ("1MB", 1_000_000),
    ("2GB", 2_000_000_000),
    ("2Mib", None),
    ("MiB", None),
    ("-1MiB", None),
    ("1e3B", None),
    ("٣MiB", None),
    ("9" * 16 + "B", None),
    (True, None),
    (1.0, None),
    (None, None),
]
DURATIONS = [
    ("50ms", 0.05),
    ("10s", 10.0),
    ("1.5s", 1.5),
    ("2m", 120.0),
    ("1h", 3600.0),
    ("1d", 86400.0),
    ("10 s", 10.0),
    ("0s", 0.0),
    ("10", None),
    ("10S", None),
    ("1min", None),
    ("-1s", None),
    ("infs", None),
    (10, None),
    (1.5, None),
    (True, None),
    (None, None),
]


@gathered(("written", "amount"), SIZES)
def test_sizes_are_bytes(written: object, amount: int | None) -> None:
    if amount is None:
        with pytest.raises(ValueError):
            size(written)
    else:
        assert size(written) == amount


@gathered(("written", "seconds"), DURATIONS)
def test_durations_are_seconds_and_have_a_unit(written: object, seconds: float | None) -> None:
    if seconds is None:
        with pytest.raises(ValueError):
            duration(written)
    else:
        assert duration(written) == seconds


@given(st.integers(min_value=0, max_value=1 << 40))
def test_a_size_written_out_reads_back(amount: int) -> None:
    written = written_size(amount)
    assert size(int(written) if written.isdigit() else written) == amount


@given(st.integers(min_value=0, max_value=10_000_000))
def test_a_duration_written_out_reads_back(seconds: int) -> None:
    assert duration(written_duration(float(seconds))) == seconds


def test_amounts_are_written_in_their_largest_whole_unit() -> None:
    assert [written_size(n) for n in (0, 1023, 1024, 1536, 1 << 20, 3 << 30)] == [
        "0",
        "1023",
        "1KiB",
        "1536",
        "1MiB",
        "3GiB",
    ]
    assert [written_duration(n) for n in (0, 0.05, 1.5, 90, 60, 7200, 86400)] == [
        "0s",
        "50ms",
        "1500ms",
        "90s",
        "1m",
        "2h",
        "1d",
    ]


def test_utc_is_known_on_a_machine_without_time_zones(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> object:
        raise ZoneInfoNotFoundError(name)

    assert zone_of("Europe/Berlin").utcoffset(datetime(2026, 1, 1)) == timedelta(hours=1)  # noqa: DTZ001
    monkeypatch.setattr(units, "ZoneInfo", missing)
    assert zone_of(zone("UTC")) is UTC
    with pytest.raises(PydanticCustomError, match="no such time zone"):
        zone("Europe/Berlin")
