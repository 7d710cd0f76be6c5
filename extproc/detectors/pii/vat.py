"""VAT numbers of the European Union, each by its country's form and check digits, and of the United Kingdom."""

import re
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from extproc.detectors.checksums import digits, luhn, mod11_10, mod97, numerals, weighted
from extproc.detectors.pii.central_europe import afm, oib, rodne_cislo
from extproc.detectors.pii.runs import RUN, spoken
from extproc.detectors.pii.west_europe import pps
from extproc.detectors.pii.words import expressions
from extproc.matching.rule import Rule

Check: TypeAlias = Callable[[str], bool]
"""Says whether the check digits of a number fit. Its form does, and it has neither country nor separators."""

_NIF_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_CIF_LETTERS = "JABCDEFGHI"
_CYPRUS_ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21)
_SIREN_LETTERS = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"


def _sum_is(weights: tuple[int, ...], modulus: int, rest: int = 0) -> Check:
    """Return the check whether the weighted sum of the digits leaves a rest."""
    return lambda text: weighted(digits(text), weights) % modulus == rest


def _from_eleven(weights: tuple[int, ...]) -> Check:
    """Return the check of what is missing to 11, where 10 and 11 are written 0."""
    return lambda text: -weighted(digits(text), weights) % 11 % 10 == digits(text)[-1]


def _at(text: str) -> bool:
    number = digits(text)
    return (
        sum(number[0:7:2]) + sum(2 * each // 10 + 2 * each % 10 for each in number[1:6:2]) + 4 + number[7]
    ) % 10 == 0


def _be(text: str) -> bool:
    return 97 - int(text[:8]) % 97 == int(text[8:])


def _bg(text: str) -> bool:
    number = digits(text)
    if len(number) == 9:
        check = weighted(number[:8], (1, 2, 3, 4, 5, 6, 7, 8)) % 11
        if check == 10:
            check = weighted(number[:8], (3, 4, 5, 6, 7, 8, 9, 10)) % 11 % 10
        return check == number[8]
    person = weighted(number, (2, 4, 8, 5, 10, 9, 7, 3, 6)) % 11 % 10
    foreigner = weighted(number, (21, 19, 17, 13, 11, 9, 7, 3, 1)) % 10
    other = -weighted(number, (4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return number[9] in {person, foreigner, other}


def _cy(text: str) -> bool:
    number = digits(text)
    total = sum(_CYPRUS_ODD[each] for each in number[::2]) + sum(number[1::2])
    return text[:2] != "12" and chr(65 + total % 26) == text[8]


def _cz(text: str) -> bool:
    if len(text) > 8:
        return rodne_cislo(text)
    number = digits(text)
    return text[0] != "9" and (11 - weighted(number, (8, 7, 6, 5, 4, 3, 2)) % 11) % 10 == number[7]


def _es(text: str) -> bool:
    first, number, last = text[0], digits(text[1:8]), text[8]
    if first.isdigit() or first in "XYZKLM":
        place = "XYZ".find(first)
        front = str(place) if place >= 0 else first if first.isdigit() else ""
        return _NIF_LETTERS[int(front + text[1:8]) % 23] == last
    check = -(sum(number[1::2]) + sum(2 * each // 10 + 2 * each % 10 for each in number[::2])) % 10
    return last in {str(check), _CIF_LETTERS[check]}


def _fr(text: str) -> bool:
    key, siren = text[:2], text[2:]
    if not luhn(siren) or not int(siren):
        return False
    if key.isdigit():
        return int(key) == (12 + 3 * (int(siren) % 97)) % 97
    first, second = map(_SIREN_LETTERS.index, key)
    total = first * 24 + second - 10 if key[0].isdigit() else first * 34 + second - 100
    return (int(siren) + 1 + total // 11) % 11 == total % 11


def _ie(text: str) -> bool:
    if text[1].isdigit():
        return pps(text)
    return pps(f"0{text[2:7]}{text[0]}{text[7:]}")


def _it(text: str) -> bool:
    return luhn(text) and (1 <= int(text[7:10]) <= 121 or text[7:10] in {"888", "999"}) and text[:7] != "0000000"


def _lt(text: str) -> bool:
    number = digits(text)
    front = number[:-1]
    check = sum(each * (1 + place % 9) for place, each in enumerate(front)) % 11
    if check == 10:
        check = sum(each * (1 + (place + 2) % 9) for place, each in enumerate(front)) % 11 % 10
    return text[-2] == "1" and check == number[-1]


def _lv(text: str) -> bool:
    number = digits(text)
    if number[0] > 3:
        return weighted(number, (9, 1, 4, 8, 3, 10, 2, 5, 7, 6, 1)) % 11 == 3
    return (1 + weighted(number, (10, 5, 8, 4, 2, 1, 6, 3, 7, 9))) % 11 % 10 == number[10]


def _nl(text: str) -> bool:
    # That of a company has the check of eleven; since 2020, that of a person is mod 97.
    return weighted(digits(text[:9]), (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0 or mod97(f"NL{text}") == 1


def _pl(text: str) -> bool:
    number = digits(text)
    return weighted(number, (6, 5, 7, 2, 3, 4, 5, 6, 7)) % 11 == number[9]


def _nip(text: str) -> bool:
    return len(set(numerals(text))) > 2 and _pl(text)


def _ro(text: str) -> bool:
    number = digits(text.zfill(10))
    return 10 * weighted(number, (7, 5, 3, 2, 1, 7, 5, 3, 2)) % 11 % 10 == number[9]


def _si(text: str) -> bool:
    number = digits(text)
    check = 11 - weighted(number, (8, 7, 6, 5, 4, 3, 2)) % 11
    return check != 11 and check % 10 == number[7]


def _gb(text: str) -> bool:
    number = digits(text)
    return (weighted(number, (8, 7, 6, 5, 4, 3, 2)) + 10 * number[7] + number[8]) % 97 in {0, 42, 55}


_NUMBERS: Final[Mapping[str, tuple[str, Check]]] = {
    "AT": (r"U\d{8}", lambda text: _at(text[1:])),
    "BE": (r"[01]\d{9}", _be),
    "BG": (r"\d{9,10}", _bg),
    "CY": (r"\d{8}[A-Z]", _cy),
    "CZ": (r"\d{8,10}", _cz),
    "DE": (r"[1-9]\d{8}", lambda text: mod11_10(digits(text))),
    "DK": (r"[1-9]\d{7}", _sum_is((2, 7, 6, 5, 4, 3, 2, 1), 11)),
    "EE": (r"\d{9}", _sum_is((3, 7, 1, 3, 7, 1, 3, 7, 1), 10)),
    "EL": (r"\d{9}", afm),
    "ES": (r"[0-9A-HJ-NP-SU-Z]\d{7}[0-9A-Z]", _es),
    "FI": (r"\d{8}", _sum_is((7, 9, 10, 5, 8, 4, 2, 1), 11)),
    "FR": (r"[0-9A-HJ-NP-Z]{2}\d{9}", _fr),
    "HR": (r"\d{11}", oib),
    "HU": (r"\d{8}", _sum_is((9, 7, 3, 1, 9, 7, 3, 1), 10)),
    "IE": (r"\d(?:\d{6}[A-W][A-IW]?|[A-Z+*]\d{5}[A-W])", _ie),
    "IT": (r"\d{11}", _it),
    "LT": (r"\d{9}(?:\d{3})?", _lt),
    "LU": (r"\d{8}", lambda text: int(text[:6]) % 89 == int(text[6:])),
    "LV": (r"\d{11}", _lv),
    "MT": (r"\d{8}", _sum_is((3, 4, 6, 7, 8, 9, 10, 1), 37)),
    "NL": (r"\d{9}B\d{2}", _nl),
    "PL": (r"\d{10}", _pl),
    "PT": (r"[1-9]\d{8}", _from_eleven((9, 8, 7, 6, 5, 4, 3, 2))),
    "RO": (r"[1-9]\d{5,9}", _ro),
    "SE": (r"\d{10}\d[1-9]", lambda text: luhn(text[:10])),
    "SI": (r"[1-9]\d{7}", _si),
    "SK": (r"[1-9]\d[2-47-9]\d{7}", lambda text: int(text) % 11 == 0),
    "XI": (r"\d{9}(?:\d{3})?", _gb),
}
"""Country -> the form of its numbers, and their check."""

_FORMS: Final = {country: re.compile(form) for country, (form, _) in _NUMBERS.items()}
_GROUP: Final = re.compile("[0-9A-Za-z]+")
_SEPARATORS: Final = str.maketrans("", "", " .-/")


def _vat(text: str) -> bool:
    code = text.upper().translate(_SEPARATORS)
    country, number = code[:2], code[2:]
    form = _FORMS.get(country)
    if form is None or form.fullmatch(number) is None or len(set(numerals(number))) < 3:
        return False
    return _NUMBERS[country][1](number)


def _vat_end(text: str) -> int:
    """Return where the number that begins `text` ends, 0 if none does: what follows may look like more groups of it."""
    return next((end for end in reversed([each.end() for each in _GROUP.finditer(text)]) if _vat(text[:end])), 0)


def _vat_bare(text: str) -> bool:
    # Small letters are those of words and of hexadecimal numbers.
    return text.upper() == text and _vat(text)


def _uk_vat(text: str) -> bool:
    number = numerals(text)
    return len(set(number)) > 2 and _gb(number)


_COUNTRIES: Final = "|".join(_NUMBERS)
_EITHER_CASE: Final = "|".join("".join(f"[{letter}{letter.lower()}]" for letter in country) for country in _NUMBERS)
_GROUPS: Final = r"[0-9A-Za-z]{0,3}(?:[ .-]?\d){5,12}(?:[ .-]?(?:[A-Za-z]{1,2}|[Bb] ?\d{2}))?"
_SIGN: Final = rf"[^0-9A-Za-z](?:{_EITHER_CASE})[ .-]?[0-9A-Za-z]{{0,3}}[ .-]?\d(?:[ .-]?\d){{4}}"
"""One gate for both rules: the country, and five digits behind it."""

RULES = (
    Rule(
        kind="eu_vat",
        name="eu-vat",
        numeric=True,
        pattern=rf"(?:{_COUNTRIES}) ?(?:[0-9A-Z]{{0,3}}\d{{5,11}}(?:[A-Z]{{1,2}}|B\d{{2}})?|\d{{3}} \d{{3}} \d{{3}})",
        sign=_SIGN,
        before=r"[:alnum:].-",
        after=r"[:alnum:]-",
        validator=_vat_bare,
        # Of random numbers of the weaker forms, one in ten passes.
        score=0.7,
        hits=(
            *("«ATU13585627»", "«BE0428759497»", "«BG175074752»", "«CY10259033P»", "«CZ25123891»", "«DE136695976»"),
            *("«DK13585628»", "«EE100931558»", "«EL094259216»", "«ESA13585625»", "«FI20774740»", "«FR40303265045»"),
            *("«HR33392005961»", "«HU12892312»", "«IE6433435F»", "«IE6433435OA»", "«IT00743110157»", "«LT119511515»"),
            *("«LU15027442»", "«LV40003521600»", "«MT11679112»", "«NL004495445B01»", "«NL123456789B13»"),
            *("«PL8567346215»", "«PT501964843»", "«RO18547290»", "«SE123456789701»", "«SI50223054»", "«SK2022749619»"),
            *("«FRK7399859412»", "«LT100001919017»", "USt-IdNr.: «DE 136695976»", "«XI980780684»"),
            "«DE 129 273 398»",
        ),
        misses=(
            *(
                "ATU13585626",
                "BE0428759498",
                "CY10259033Q",
                "DE136695975",
                "DK13585629",
                "ESA13585626",
                "FR41303265045",
            ),
            *("IE6433435G", "NL004495446B01", "PL8567346216", "SE123456789601", "de136695976", "DE136695976-1"),
            *("ZZ136695976", "DE1366959761"),
        ),
    ),
    Rule(
        kind="eu_vat",
        name="eu-vat-spoken-of",
        numeric=True,
        # Only capitals may stand apart: in a stream, words like "it" would have to wait for what follows.
        pattern=rf"(?:{_EITHER_CASE})[.-]?{_GROUPS}|(?:{_COUNTRIES}) {_GROUPS}",
        sign=_SIGN,
        fit=_vat_end,
        context=expressions("eu_vat"),
        named=True,
        score=0.95,
        hits=(
            "VAT number: «BE 0428.759.497»",
            "numéro de TVA «FR 40 303 265 045»",
            "ust-id «de136695976»",
            "partita IVA: «IT 00743110157»",
            "vat_id=«nl004495445b01»",
            "«ATU 1358 5627» (UID)",
        ),
        misses=("BE 0428.759.497", "VAT BE 0428.759.498", "VAT rate DE 19"),
    ),
    spoken(
        "eu_vat",
        r"\d{11}",
        _it,
        words=("it_partita_iva",),
        own=False,
        name="eu-vat-partita-iva",
        hits=("P.IVA «00743110157»", "Partita IVA: «00743110157»", "partita_iva: «00743110157»"),
        misses=("00743110157", "P.IVA 00743110158", "VAT 00743110157"),
    ),
    spoken(
        "eu_vat",
        r"\d{10}|\d{3}-\d{3}-\d{2}-\d{2}|\d{3}-\d{2}-\d{2}-\d{3}",
        _nip,
        words=("pl_nip",),
        own=False,
        name="eu-vat-nip",
        hits=("NIP: «8567346215»", "nr NIP «856-734-62-15»", "«8567346215» (NIP)"),
        misses=("8567346215", "NIP 8567346216", "VAT 8567346215"),
    ),
    Rule(
        kind="uk_vat",
        name="uk-vat",
        numeric=True,
        pattern=r"GB ?\d{9}(?:\d{3})?|GB ?\d{3} \d{4} \d{2}",
        before=r"[:alnum:].-",
        after=r"[:alnum:]-",
        validator=_uk_vat,
        score=0.9,
        hits=("«GB980780684»", "VAT reg. no. «GB 980 7806 84»"),
        misses=("GB980780685", "GB98078068"),
    ),
    Rule(
        kind="uk_vat",
        name="uk-vat-spoken-of",
        numeric=True,
        pattern=r"(?:GB ?)?(?:\d{9}(?:\d{3})?|\d{3}[ -]\d{4}[ -]\d{2})",
        sign=RUN,
        fold=True,
        before=r"[:alnum:].",
        validator=_uk_vat,
        context=expressions("uk_vat"),
        named=True,
        score=0.9,
        hits=("VAT registration number «980 7806 84»", "UK VAT: «980780684»", "vat_number: «gb980780684»"),
        misses=("980 7806 84", "VAT registration number 980780685", "lot 980780684"),
    ),
)
