"""Drivers and vehicles: driver's licences, number plates, vehicle identification numbers."""

import re
from collections.abc import Callable

from extproc.detectors.pii.words import expressions
from extproc.matching.rule import Rule

_VIN_VALUES = dict(
    zip("ABCDEFGHJKLMNPRSTUVWXYZ", (1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9), strict=True)
)
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_VIN_SERIAL = 4
"""Last characters of a vehicle's number, which are digits (49 CFR 565.15)."""

_LEAST_LETTERS = 3
"""The maker's code and the model have as many in every number."""

_LEAST_PLATE, _MOST_PLATE = 4, 10
"""Letters and digits of a plate: `A 123`, and `KA53ME3456` of India."""

_LEAST_LICENSE, _MOST_LICENSE = 6, 19
"""The same of a licence; the longest are those of New York, a letter and 18 digits."""

_SURE_DIGITS, _LEAST_DIGITS = 5, 3
"""Digits of a licence, and the fewest among capitals."""

_QUARTER = re.compile("(?:19|20)[0-9]{2}q[1-4]")
"""A quarter of a year, as statisticians write it."""

_GROUP = re.compile(r"[^ -]+")


def _vin(text: str) -> bool:
    """A number whose ninth place is its check digit, as North America and China ask for."""
    code = text.upper()
    total = sum(
        weight * (int(char) if char.isdigit() else _VIN_VALUES[char])
        for weight, char in zip(_VIN_WEIGHTS, code, strict=True)
    )
    return _numbered(code) and "0123456789X"[total % 11] == code[8]


def _numbered(code: str) -> bool:
    return code[-_VIN_SERIAL:].isdigit() and sum(map(str.isalpha, code)) >= _LEAST_LETTERS


def _vin_spoken(text: str) -> bool:
    return _numbered(text.upper())


def _plate_end(text: str) -> int:
    """Return where the plate that begins `text` ends, 0 if none does: what follows may look like more groups of it."""
    return _end(text, _plate)


def _license_end(text: str) -> int:
    """The same for the number of a licence."""
    return _end(text, _license)


def _end(text: str, valid: Callable[[str], bool]) -> int:
    ends = [group.end() for group in _GROUP.finditer(text)]
    return next((end for end in reversed(ends) if valid(text[:end])), 0)


def _plate(text: str) -> bool:
    signs = [char for char in text if char.isalnum()]
    count = sum(map(str.isdigit, signs))
    return _LEAST_PLATE <= len(signs) <= _MOST_PLATE and 1 <= count < len(signs)


def _license(text: str) -> bool:
    """A number in one of the forms of the states: with few digits, capitals tell it from a word."""
    signs = [char for char in text if char.isalnum() or char == "*"]
    count = sum(map(str.isdigit, signs))
    if _QUARTER.fullmatch(text) is not None:
        return False
    sure = count >= _SURE_DIGITS or (count >= _LEAST_DIGITS and text.isupper())
    return sure and _LEAST_LICENSE <= len(signs) <= _MOST_LICENSE


RULES = (
    Rule(
        kind="driver_license",
        name="driver-license-uk",
        numeric=True,
        # Five letters of the surname, the date of birth, two initials and three more; months of women begin with 5.
        pattern=r"(?:[a-z]{5}|[a-z]{4}9|[a-z]{3}99|[a-z]{2}999)\d(?:[05][1-9]|[16][0-2])(?:0[1-9]|[12]\d|3[01])\d"
        r"[a-z9]{2}[a-z0-9][a-z]{2}",
        sign=r"\d{6}[a-z9]{2}[a-z0-9][a-z]{2}",
        fold=True,
        score=0.9,
        hits=("«MORGA657054SM9IJ»", "licence «FO999512018AA1AB».", "«morga607054sm9ij»"),
        misses=("MORGA697054SM9IJ", "MORGA657004SM9IJ", "XMORGA657054SM9IJ", "MORGA657054SM9I1"),
    ),
    Rule(
        kind="driver_license",
        name="driver-license-spoken-of",
        cued=True,
        # AAMVA's forms of the American states, and those of Canada, Europe, India and Korea: no word tells which of
        # them it is, and nearly all are letters and digits in groups.
        pattern=r"[A-Za-z0-9]{6,18}|(?:[A-Za-z]{1,3}-?|[A-Z]{1,3} )\d{2,4}(?:[ -]\d{2,11}){1,4}|\d{5}/\d{2}/\d{4}|"
        r"\d{2}-\d{2}-\d{6}-\d{2}|\d{6}-\d{3}|\d{2,3} \d{3} \d{3,4}|\d{2,3}-\d{3}-\d{3,4}|[A-Z*]{5}[A-Z*0-9]{7}",
        sign=r"\d[0-9A-Za-z*]{0,10}[^0-9A-Za-z]",
        digits=_LEAST_DIGITS,
        before=r"[:alnum:].*",
        fit=_license_end,
        context=expressions("driver_license"),
        near=(40, 0),
        named=True,
        score=0.9,
        hits=(
            "Driver's license: «D1234567»",
            "driver license «123 456 789» (NY)",
            "my driving licence number is «H12-345-678-901»",
            "Führerschein-Nr. «B072RRE2I55»",
            "patente di guida «U1K711J11M»",
            "permis de conduire n° «911199201542»",
            "driving license «KA01 20110012345»",
            "운전면허 «13-22-123456-12»",
            "driver_license=«123456789»",
            "DL no. «92-123-4567»",
        ),
        misses=("D1234567", "driver's license expired", "a software license 123456789", "driver license 12345"),
    ),
    Rule(
        kind="license_plate",
        cued=True,
        pattern=r"(?:[A-Z\x{c4}\x{d6}\x{dc}\x{410}-\x{42f}]{1,3}|\d{1,4})"
        r"(?:[ -]?(?:[A-Z\x{410}-\x{42f}]{1,3}|\d{1,5})){1,4}|"
        r"[a-z]{2,3}-?\d{2,4}[a-z]{0,3}",
        sign=r"\d[A-Za-z]{0,3}[^0-9A-Za-z]|\d[ -]?[A-Z]{1,3}[^0-9A-Za-z]",
        before=r"[:alnum:].-",
        after=r"[:alnum:]",
        fit=_plate_end,
        context=expressions("license_plate"),
        near=(40, 0),
        named=True,
        score=0.7,
        hits=(
            "license plate «7ABC123»",
            "number plate: «AB51 ABC»",
            "Kennzeichen «B-MW 1234»",
            "plaque d'immatriculation «AB-123-CD»",
            "Plaka «34 ABC 1234»",
            "license_plate=«KA53ME3456»",
        ),
        misses=("7ABC123", "license plate holder", "number plates since 1903", "license plate ABCDEF"),
    ),
    Rule(
        kind="vin",
        name="vin",
        numeric=True,
        pattern=r"[A-HJ-NPR-Z0-9]{8}[0-9X][A-HJ-NPR-Z0-9]{4}\d{4}",
        sign=r"[A-HJ-NPR-Z0-9]{4}[0-9X][A-HJ-NPR-Z0-9]{4}\d{4}[^0-9A-Za-z]",
        before=r"[:alnum:].-",
        after=r"[:alnum:]-",
        validator=_vin,
        score=0.8,
        hits=("«1HGCM82633A004352»", "the car «1M8GDM9AXKP042788»."),
        misses=("1HGCM82634A004352", "11111111111111111", "1HGCM82633A004352X", "IHGCM82633A004352"),
    ),
    Rule(
        kind="vin",
        name="vin-spoken-of",
        cued=True,
        pattern=r"[a-hj-npr-z0-9]{17}",
        sign=r"[a-hj-npr-z0-9]{13}\d{4}",
        fold=True,
        validator=_vin_spoken,
        context=expressions("vin"),
        near=(40, 24),
        named=True,
        score=0.95,
        hits=("VIN: «WVWZZZ1JZ3W386752»", "Fahrgestellnummer «WBA3B1C50DF461234»", "«wvwzzz1jz3w386752» is the vin"),
        misses=("WVWZZZ1JZ3W386752", "VIN 12345678901234567", "vin WVWZZZ1JZ3W38675"),
    ),
)
