"""National identifiers of Bulgaria, Croatia, Czechia and Slovakia, Greece, Hungary and Romania."""

from extproc.detectors.checksums import digits, luhn, mod11_10, numerals, weighted
from extproc.detectors.pii.dates import is_day, is_ddmmyy, is_yymmdd
from extproc.detectors.pii.runs import national, spoken
from extproc.matching.rule import Rule

_SHORT = 9
"""Digits of a rodné číslo from before 1954, which have no check digit."""

_WOMEN = 50
"""Added to the month of a woman's rodné číslo."""


def rodne_cislo(text: str) -> bool:
    """Personal number of Czechia and Slovakia: a day, and all ten digits divide by 11."""
    number = numerals(text)
    year, month, day = int(number[:2]), int(number[2:4]), int(number[4:6])
    # Act 133/2000: 20 more from 2004 on where a day has no numbers left.
    born = any(is_day(year, month - added, day) for added in (0, 20, _WOMEN, _WOMEN + 20))
    if len(number) == _SHORT:
        return born and year < 54 and number[6:] != "000"
    return born and _rodne_check(number)


def _rodne_cislo_bare(text: str) -> bool:
    # Behind a slash stand parts of addresses and of dates, too: only the usual months count.
    number = numerals(text)
    born = is_day(int(number[:2]), int(number[2:4]) % _WOMEN, int(number[4:6]))
    return born and _rodne_check(number)


def _rodne_check(number: str) -> bool:
    # Until 1985, a rest of 10 was written as 0.
    return int(number) % 11 == 0 or (int(number[:9]) % 11 == 10 and number[9] == "0")


def _cnp(text: str) -> bool:
    number = digits(text)
    check = weighted(number, (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)) % 11
    county = 10 * number[7] + number[8]
    return number[0] > 0 and is_yymmdd(text[1:]) and 1 <= county <= 83 and number[12] == (1 if check == 10 else check)


def _egn(text: str) -> bool:
    # 20 is added to the month of those born before 1900, 40 from 2000 on.
    number = digits(text)
    year, month, day = int(text[:2]), int(text[2:4]), int(text[4:6])
    born = any(is_day(year, month - added, day) for added in (0, 20, 40))
    return born and weighted(number, (2, 4, 8, 5, 10, 9, 7, 3, 6)) % 11 % 10 == number[9]


def oib(text: str) -> bool:
    """Personal identification number of Croatia: mod 11,10."""
    return len(set(text)) > 2 and mod11_10(digits(text))


def _amka(text: str) -> bool:
    return is_ddmmyy(text) and luhn(text)


def afm(text: str) -> bool:
    """Tax number of Greece: powers of two, mod 11."""
    number = digits(text)
    total = weighted(number, (256, 128, 64, 32, 16, 8, 4, 2))
    return len(set(number)) > 2 and total % 11 % 10 == number[8]


def _taj(text: str) -> bool:
    number = digits(text)
    return len(set(number)) > 2 and weighted(number, (3, 7, 3, 7, 3, 7, 3, 7)) % 10 == number[8]


def _hu_tax(text: str) -> bool:
    number = digits(text)
    return weighted(number, (1, 2, 3, 4, 5, 6, 7, 8, 9)) % 11 == number[9]


RULES = (
    Rule(
        kind="cz_rodne_cislo",
        name="cz-rodne-cislo",
        numeric=True,
        pattern=r"\d{6}/\d{4}",
        before=r"[:alnum:]./-",
        after=r"[:alnum:]/-",
        validator=_rodne_cislo_bare,
        # Of random numbers of this form, 7 in 1,000 pass: a day, and one check digit.
        score=0.7,
        hits=("r.č. «780123/3540»", "«736028/5163» je její rodné číslo"),
        misses=("780123/3541", "781323/3540", "https://example.com/780123/3540/", "/780123/3540"),
    ),
    *national(
        spoken(
            "cz_rodne_cislo",
            r"\d{6}[ /]?\d{4}",
            rodne_cislo,
            name="cz-rodne-cislo-spoken-of",
            score=0.95,
            hits=("rodné číslo «7801233540»", "RČ: «780123 3540»", "rodneCislo=«7360285163»"),
            misses=("7801233540", "rodné číslo 7801233541", "objednávka 7801233540"),
        )
    ),
    spoken(
        "cz_rodne_cislo",
        r"\d{6}[ /]?\d{3}",
        rodne_cislo,
        name="cz-rodne-cislo-before-1954",
        hits=("rodné číslo: «530123/354»", "r.č. «536028516»"),
        misses=("530123/354", "rodné číslo 780123354", "social security number 500101123"),
    ),
    *national(
        spoken(
            "ro_cnp",
            r"[1-9]\d{12}",
            _cnp,
            score=0.95,
            hits=("CNP: «1630615123457»", "codul numeric personal este «1630615123457»", "«1630615123457» (CNP)"),
            misses=("1630615123457", "CNP 1630615123458", "CNP 1631315123457", "comanda 1630615123457"),
        )
    ),
    *national(
        spoken(
            "bg_egn",
            r"\d{10}",
            _egn,
            score=0.95,
            hits=("ЕГН: «7523169263»", "EGN «8032056031»", "единен граждански номер «7523169263»"),
            misses=("7523169263", "ЕГН 7523169262", "ЕГН 7513169263", "номер 7523169263"),
        )
    ),
    spoken(
        "hr_oib",
        r"\d{11}",
        oib,
        score=0.95,
        hits=("OIB: «33392005961»", "osobni identifikacijski broj «33392005961»", "oib=«33392005961»"),
        misses=("33392005961", "OIB 33392005962", "račun 33392005961"),
    ),
    *national(
        spoken(
            "gr_amka",
            r"\d{6}[ -]?\d{5}",
            _amka,
            score=0.95,
            hits=("ΑΜΚΑ: «01013099997»", "AMKA «010130 99997»", "«01013099997» είναι ο ΑΜΚΑ μου"),
            misses=("01013099997", "ΑΜΚΑ 01013099998", "ΑΜΚΑ 01133099997"),
        )
    ),
    spoken(
        "gr_afm",
        r"\d{9}",
        afm,
        # One in ten of random numbers passes.
        hits=("ΑΦΜ: «094259216»", "Α.Φ.Μ. «094259216»", "afm «094259216»"),
        misses=("094259216", "ΑΦΜ 094259217", "κωδικός 094259216"),
    ),
    spoken(
        "hu_taj",
        r"\d{9}|\d{3}[ -]\d{3}[ -]\d{3}",
        _taj,
        # One in ten of random numbers passes.
        hits=("TAJ-szám: «123 456 788»", "TAJ «123456788»", "taj_szam: «123-456-788»"),
        misses=("123456788", "TAJ 123456789", "rendelés 123 456 788"),
    ),
    spoken(
        "hu_tax_id",
        r"8\d{9}",
        _hu_tax,
        hits=("adóazonosító jel: «8071592153»", "Adóazonosító «8071592153»", "adoazonosito_jel=«8071592153»"),
        misses=("8071592153", "adóazonosító jel 8071592154", "számla 8071592153"),
    ),
)
