"""Sizes, durations and shares as people write them: `2MiB`, `50ms`, `10%`."""

import re
from datetime import UTC, tzinfo
from typing import Annotated, Any, Final, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, Strict

from extproc.policy.base import Written, refusal

KIB: Final = 1024
MIB: Final = 1024 * KIB
GIB: Final = 1024 * MIB

UTC_NAME: Final = "UTC"

_SIZE_UNITS: Final = {"B": 1, "KiB": KIB, "MiB": MIB, "GiB": GIB, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9}
_DURATION_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SHARE: Final = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?) ?%", re.ASCII)
# At most 15 digits: enough for any size or time, and no cost in turning them into a number.
_WRITTEN: Final = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?) ?([A-Za-z]+)", re.ASCII)

SIZE_MEND: Final = "write a whole number of bytes, or a number with KiB, MiB or GiB, such as 2MiB"
SHARE_MEND: Final = "write a number above 0% and at most 100%, such as 10%"
DURATION_MEND: Final = "write a number with ms, s, m, h or d, such as 50ms, 10s or 1h"


def size(value: Any) -> Any:
    """Bytes of `2MiB`, `512KiB`, `1MB` or a plain whole number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    written = _WRITTEN.fullmatch(value) if isinstance(value, str) else None
    if written is None:
        raise refusal("this is not a size", SIZE_MEND)
    number, unit = written.groups()
    if unit not in _SIZE_UNITS:
        raise refusal(f"a size has no unit {unit}", SIZE_MEND)
    scaled = float(number) * _SIZE_UNITS[unit]
    if not scaled.is_integer():
        raise refusal("this is not a whole number of bytes", SIZE_MEND)
    return int(scaled)


def duration(value: Any) -> Any:
    """Seconds of `50ms`, `10s`, `1h`. A bare number is refused: nobody sees whether it means seconds."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise refusal("a duration needs its unit", DURATION_MEND)
    written = _WRITTEN.fullmatch(value) if isinstance(value, str) else None
    if written is None:
        raise refusal("this is not a duration", DURATION_MEND)
    number, unit = written.groups()
    if unit not in _DURATION_UNITS:
        raise refusal(f"a duration has no unit {unit}", DURATION_MEND)
    return float(number) * _DURATION_UNITS[unit]


def share(value: Any) -> Any:
    """Return the fraction that `10%` is. A bare number is refused: nobody sees whether 1 means all or a hundredth."""
    written = _SHARE.fullmatch(value) if isinstance(value, str) else None
    if written is None:
        raise refusal("this is not a percentage", SHARE_MEND)
    found = float(written[1]) / 100
    if not 0 < found <= 1:
        raise refusal("a share lies above 0% and is at most 100%", SHARE_MEND)
    return found


def written_size(amount: int) -> str:
    """A number of bytes the way an operator would write it."""
    for unit, factor in (("GiB", GIB), ("MiB", MIB), ("KiB", KIB)):
        if amount >= factor and amount % factor == 0:
            return f"{amount // factor}{unit}"
    return str(amount)


def written_duration(seconds: float) -> str:
    """A number of seconds the way an operator would write it."""
    for unit, factor in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        if seconds >= factor and seconds % factor == 0:
            return f"{seconds / factor:.0f}{unit}"
    return f"{seconds * 1000:g}ms" if seconds else "0s"


Size = Annotated[int, BeforeValidator(size), Written("size", "2MiB")]
"""A number of bytes."""

Seconds = Annotated[float, BeforeValidator(duration), Written("duration", "10s")]
"""A time in seconds, written with its unit."""

Count = Annotated[int, Strict(), Written("whole number", "3")]
"""A whole number: not text, not a fraction, not true or false."""

Amount = Annotated[float, Strict(), Field(allow_inf_nan=False), Written("number", "0.15")]
"""A number: not text, not true or false."""

Truth = Annotated[bool, Strict(), Written("`true` or `false`", "true")]
"""True or false: not text, not a number."""

Share = Annotated[float, BeforeValidator(share), Written("percentage", "10%")]
"""A fraction of all, written in percent."""


def zone_of(name: str) -> tzinfo:
    """Return a time zone of the IANA database. UTC needs no database. Raises LookupError, ValueError or OSError."""
    return UTC if name == UTC_NAME else ZoneInfo(name)


def zone(name: str) -> str:
    """Return the name of a time zone of the IANA database that this machine knows."""
    try:
        zone_of(name)
    except (ValueError, OSError, LookupError):  # a path, a folder, or none of the database
        mend = "write it like Europe/Berlin, or UTC; a machine without time zones needs the package tzdata"
        raise refusal("there is no such time zone on this machine", mend) from None
    return name


TimeZone: TypeAlias = Annotated[str, AfterValidator(zone), Written("time zone", "Europe/Berlin")]
