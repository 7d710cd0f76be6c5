"""National identifiers of Sweden, Finland, Denmark and Norway."""

from extproc.detectors.checksums import digits, luhn, numerals, weighted
from extproc.detectors.pii.dates import is_day, is_ddmmyy, is_yymmdd
from extproc.detectors.pii.runs import national, sole, spoken
from extproc.matching.rule import Rule

_HETU_CHECKS = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_COORDINATION = 60
"""Added to the day of a coordination number (Sweden), which those get who are not in the population register."""


def _personnummer(text: str) -> bool:
    number = numerals(text)[-10:]
    return luhn(number) and is_yymmdd(number)


def _personnummer_spoken(text: str) -> bool:
    number = numerals(text)[-10:]
    year, month, day = int(number[:2]), int(number[2:4]), int(number[4:6])
    return luhn(number) and (is_day(year, month, day) or is_day(year, month, day - _COORDINATION))


def _hetu(text: str) -> bool:
    # Digital and Population Data Services Agency: individual numbers from 002 on; the check is the rest of all nine.
    number = text[:6] + text[7:10]
    return is_ddmmyy(text) and int(text[7:10]) >= 2 and _HETU_CHECKS[int(number) % 31] == text[10].upper()


def _cpr(text: str) -> bool:
    # Since 2007 there are numbers whose check digit (mod 11) is wrong.
    return is_ddmmyy(numerals(text))


def _fodselsnummer(text: str) -> bool:
    # Skatteetaten: a D number has 40 added to the day; 40, 65 and 80 are added to the month in other registers.
    number = digits(text)
    day, month, year = (10 * number[at] + number[at + 1] for at in (0, 2, 4))
    day = day - 40 if day > 40 else day
    born = any(is_day(year, month - added, day) for added in (0, 40, 65, 80))
    first = weighted(number, (3, 7, 6, 1, 8, 9, 4, 5, 2, 1))
    second = weighted(number, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1))
    return born and first % 11 == second % 11 == 0


RULES = (
    Rule(
        kind="se_personnummer",
        name="se-personnummer",
        numeric=True,
        pattern=r"\d{6}[+-]\d{4}",
        before=r"[:alnum:].+-/",
        after=r"[:alnum:]/-",
        validator=_personnummer,
        # Of random numbers of this form, 4 in 1,000 pass: a day, and one check digit.
        score=0.7,
        hits=("«811228-9874» bor i Lund", "personnummer «670919-9530»", "hon är över hundra: «121212+1212»"),
        misses=("811228-9873", "811328-9871", "8112289874", "20811228-9874", "811228-9874-1"),
    ),
    *national(
        spoken(
            "se_personnummer",
            r"(?:1[89]|20)?\d{6}[ +-]?\d{4}",
            _personnummer_spoken,
            name="se-personnummer-spoken-of",
            score=0.95,
            hits=(
                "Mitt personnummer är «8112289874».",
                "personnr: «19811228-9874»",
                "samordningsnummer «701063-2391»",
                "person_number=«198112289874»",
            ),
            misses=("8112289874", "personnummer 8112289873", "personnummer 198113289871", "order 198112289874"),
        )
    ),
    Rule(
        kind="fi_hetu",
        numeric=True,
        # Small letters in the middle are those of hexadecimal numbers.
        pattern=r"\d{6}(?:[+-]\d{3}[0-9A-FHJ-NPR-Ya-fhj-npr-y]|[A-FU-Y]\d{3}[0-9A-FHJ-NPR-Y])",
        sign=r"\d{6}[A-FU-Y+-]\d{3}[0-9A-Ya-y][^0-9A-Za-z]",
        before=r"[:alnum:].+-",
        after=r"[:alnum:]-",
        validator=_hetu,
        # One in 850 of random numbers of this form passes: a day, and one of 31 check characters.
        score=0.9,
        hits=("HETU: «131052-308T»", "henkilötunnus «131052A308T».", "«010594Y9032»", "«131052-308t»"),
        misses=("131052-308U", "131352-308T", "131052a308t", "131052-308T-1"),
    ),
    spoken(
        "dk_cpr",
        r"\d{6}[ -]?\d{4}",
        _cpr,
        # More than that of a Finnish number by its form alone.
        score=0.95,
        # With a day, but no check digit: 4 in 100 of random numbers pass.
        hits=(
            "CPR-nummer: «211062-5629»",
            "cpr «2110625629»",
            "«010190 1234» er mit CPR-nr.",
            "cpr_number: «0101901234»",
        ),
        misses=("211062-5629", "cpr 321062-5629", "CPR 211362-5629", "kunde 2110625629"),
    ),
    *national(
        spoken(
            "no_fodselsnummer",
            r"\d{6}[ .-]?\d{5}",
            _fodselsnummer,
            score=0.95,
            hits=(
                "Fødselsnummer: «15108695088»",
                "fnr «151086 95088»",
                "D-nummer «55108627033»",
                "«15108695088» er fødselsnummeret",
            ),
            misses=("15108695088", "fødselsnummer 15108695077", "fnr 15138695088", "KID 15108695088"),
        )
    ),
    sole("se_personnummer", r"(?:1[89]|20)\d{6}-?\d{4}", _personnummer, "198112289874", ("198112289873", "8112289874")),
)
