"""Days within national identifiers: whether some digits of a number are a day that there is."""

from calendar import monthrange
from typing import Final

LEAP_YEAR: Final = 2000
"""The year that stands for one of which two digits are known: only 1900 of those in use had no 29 February."""


def is_day(year: int, month: int, day: int) -> bool:
    """True if there is such a day; a year of two digits may be one of any century."""
    year = year + LEAP_YEAR if year < 100 else year
    return 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]


def is_yymmdd(number: str) -> bool:
    """True if `number` begins with the year, the month and the day, two digits each."""
    return is_day(int(number[:2]), int(number[2:4]), int(number[4:6]))


def is_ddmmyy(number: str) -> bool:
    """True if `number` begins with the day, the month and the year, two digits each."""
    return is_day(int(number[4:6]), int(number[2:4]), int(number[:2]))


def is_yyyymmdd(number: str) -> bool:
    """True if `number` begins with a day from 1800 to 2099, the year in four digits."""
    return "18" <= number[:2] <= "20" and is_day(int(number[:4]), int(number[4:6]), int(number[6:8]))
