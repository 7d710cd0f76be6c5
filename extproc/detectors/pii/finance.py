"""Money: payment cards and IBANs."""

import re
from typing import Final

from extproc.detectors.checksums import leading, luhn, mod97, numerals
from extproc.detectors.pii.runs import RUN
from extproc.detectors.pii.words import expressions
from extproc.matching.rule import Rule

# SWIFT IBAN registry, and countries that use the format without being in it: country -> length of the whole.
_IBAN_LENGTHS = {
    country: length
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FI FO GL NL SD",
        19: "MK SI",
        20: "AT BA EE KZ LT LU XK MN",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ TL OM SO",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "AO CV GW LY MZ PT ST",
        26: "DZ IR IS TR",
        27: "BI CF CG CM DJ FR GA GQ GR IT KM MC MG MR SM TD",
        28: "AL AZ BF BJ BY CI CY DO GT HN HU LB MA ML NE NI PL SN SV TG",
        29: "BR EG PS QA UA",
        30: "JO KW MU YE",
        31: "MT SC",
        32: "LC",
        33: "RU",
    }.items()
    for country in countries.split()
}
# Countries whose account part is digits alone, which a valid check sum over letters would not tell.
_IBAN_DIGITS = (
    "AE AT BA BE CZ DE DK EE ES FI FO GL HR HU IL IS LT ME MN NO PL PT RS SE SI SK TL TN VA XK"  # looked up two by two
)

_TOGETHER = str.maketrans("", "", " +-")

_FEWEST = 12
"""Digits that a card has at least."""
_USUAL = 16
"""Digits that a card has as a rule; a longer one in one run needs a word that speaks of a card."""
_NO_CARD = r"(?:^|[^0-9])(?:[017-9]\d{13,17}|3[0-35689]\d{13}),\s{1,20}"
"""The number before, in a list of constants or counts; no issuer has such numbers. Times in ms have thirteen digits."""
DUMPED: Final = (
    r"(?:[0-9a-f]{8}: |(?:^|[^0-9a-z])(?:[a-f][0-9][0-9a-f]{2}|[a-f]{2}[0-9][0-9a-f]|[a-f]{3}[0-9]|"
    r"[0-9][a-f][0-9a-f]{2}|[0-9]{2}[a-f][0-9a-f]|[0-9]{3}[a-f]) )(?:[0-9a-f]{4} ){0,6}"
)
"""The groups of four hexadecimal digits of a dump in front of one, with a letter and a digit in one of them, or the
offset of its line."""
_MAESTRO = frozenset({5893, 6304, 6390, 6759, 6761, 6762, 6763})


def _known_card(text: str) -> bool:
    """A number of an issuer that exists, in a length that it uses, that passes Luhn."""
    number = numerals(text)
    length, two, four = len(number), int(number[:2]), int(number[:4])
    known = (
        (two // 10 == 4 and length in {16, 19})
        or (length == 16 and (51 <= two <= 55 or 2221 <= four <= 2720 or 2200 <= four <= 2204))
        or (length == 15 and (two in {34, 37} or four in {1800, 2131}))
        or (length == 14 and (300 <= four // 10 <= 305 or two in {36, 38, 39}))
        or (length >= 16 and (3528 <= four <= 3589 or two in {50, 60, 62, 64, 65} or four in _MAESTRO))
    )
    # Identifiers of many services are numbers of so many digits, and one in ten has a check digit that fits.
    joined = length > _USUAL and len(text) == length
    return known and not joined and _checked(number)


_APART = (" {2,4}", r"\t{1,2}", r"\r?\n", " - ?", "- ", "/", "_")
"""More separators of the groups of a card, the same between all of them: as in columns, cells and forms. A
written-out `\\n` is two blanks."""
_ROW = 5
"""So many groups of four digits are a row or column of numbers."""
_NUMBER = re.compile("[0-9]+")


def _apart_end(text: str) -> int:
    """As `_card_end`, but for a card whose groups stand apart."""
    return 0 if len(_NUMBER.findall(text)) == _ROW else _card_end(text)


def _card_end(text: str) -> int:
    """Return where the card that begins `text` ends, 0 if none does. Its check value may follow like one more group."""
    return leading(text, _known_card, _USUAL)


def _other_end(text: str) -> int:
    """The same for any issuer, where a word speaks of a card; its first twelve digits alone are seldom meant."""
    if len(text) < _FEWEST:
        return 0
    end = leading(text, _spoken_card, _USUAL)
    return end if end == len(text) or len(numerals(text[:end])) >= _USUAL else 0


def _spoken_card(text: str) -> bool:
    number = numerals(text)
    return _FEWEST <= len(number) <= 19 and _checked(number)


def _checked(number: str) -> bool:
    return luhn(number) and number != number[0] * len(number)


def _iban_end(text: str) -> int:
    """Return where the IBAN that begins `text` ends, 0 if none does: what follows may look like more groups of it."""
    length = _IBAN_LENGTHS.get(text[:2].upper(), 0)
    code = text.translate(_TOGETHER)[:length]
    if not 0 < length <= len(code):
        return 0
    end = length
    while end < length + (apart := text.count(" ", 0, end) + text.count("-", 0, end) + text.count("+", 0, end)):
        end = length + apart
    if text[end : end + 1].isalnum() or not (code.isupper() or code.islower()):
        return 0
    code = code.upper()
    if code[:2] in _IBAN_DIGITS and not code[4:].isdigit():
        return 0
    return end if mod97(code[4:] + code[:4]) == 1 else 0


RULES = (
    Rule(
        kind="credit_card",
        name="credit-card",
        pattern=r"\d{4} \d{4} \d{4} \d{4}(?: \d{3})?|\d{4}-\d{4}-\d{4}-\d{4}(?:-\d{3})?|"
        r"\d{4}\.\d{4}\.\d{4}\.\d{4}|\d{4} \d{6} \d{4,5}|\d{4}-\d{6}-\d{4,5}",
        before=r"[:alnum:].",
        fit=_card_end,
        behind=DUMPED,
        score=0.95,
        hits=(
            "«4012-8888-8888-1881» «4012 8888 8888 1881»",
            "«3782 822463 10005»",
            "«4012 8888 8888 1881» 123",
            "«4012-8888-8888-1881»-123",
        ),
        misses=(
            "4012-8888-8888-1882",
            "4444 4444 4444 4444",
            "00000050: 6162 6c65 2041 5343 4949 2063 6861 7261",
        ),
    ),
    Rule(
        kind="credit_card",
        name="credit-card-apart",
        pattern="|".join(
            rf"\d{{4}}(?:{each}\d{{4}}){{3,{_ROW - 1}}}|\d{{4}}{each}\d{{6}}{each}\d{{5}}" for each in _APART
        ),
        # Among all rules, each separator by itself would take 0.1 s more to compile. It is not `numeric`, as two of the
        # numeric ones were lost beside it (see `hyperscan.Fast`).
        sign=r"\d[ \t\r\n/_-]{1,4}\d{4,6}[ \t\r\n/_-]{1,4}\d{4}",
        before=r"[:alnum:].",
        behind=rf"[0-9]{{3}}(?:{'|'.join(_APART)})",
        fit=_apart_end,
        # Of numbers of four digits in rows of four, two to three in a hundred pass for one.
        score=0.7,
        hits=(
            "«4012  8888  8888  1881»",
            "card\t«4012\t8888\t8888\t1881»\tVisa",
            "«4012\n8888\n8888\n1881»\n12/27",
            "«4012\r\n8888\r\n8888\r\n1881»",
            "«4012 - 8888 - 8888 - 1881»",
            "«4012/8888/8888/1881» «4012_8888_8888_1881»",
            "«3782  822463  10005»",
            r"card:\n«4012\n8888\n8888\n1881»",
        ),
        misses=(
            "4012  8888  8888  1882",
            "4012  8888\n8888  1881",
            "4012\n\n8888\n\n8888\n\n1881",
            "4012\t8888\t8888\t1881\t2024",
            "2024\n4012\n8888\n8888\n1881",
        ),
    ),
    Rule(
        kind="credit_card",
        name="credit-card-digits",
        pattern=r"\d{14,19}",
        before=r"[:alnum:].",
        fit=_card_end,
        behind=_NO_CARD,
        # Two to three in a hundred numbers of so many digits that count something else pass for one.
        score=0.8,
        hits=(
            "pay «4012888888881881»",
            "1748503543012, «4012888888881881», «5555555555554444»",
            "Diners «30569309025904»,",
            "«5555555555554444»",
        ),
        misses=(
            "0.4012888888881881",
            "4012888888881881000",
            "1748503543012",
            "4444444444444444",
            "1234567890123456789",
            "6812345678901234564",
            "{837766094556764, 374555092627893}",
            "1994165897297032,\n                2245000007398739",
        ),
    ),
    Rule(
        kind="credit_card",
        name="credit-card-spoken-of",
        numeric=True,
        pattern=r"\d{12,19}|\d{4}(?:[ -]\d{2,6}){2,4}",
        sign=RUN,
        before=r"[:alnum:].",
        fit=_card_end,
        context=expressions("credit_card"),
        near=(40, 12),
        named=True,
        score=1.0,
        hits=("my credit card: «4012888888881881»", "card no. «3782 822463 10005»"),
        misses=("my credit card number is 36168002586008", "my credit card: 122000000000003", "lot 402888888888188"),
    ),
    Rule(
        kind="credit_card",
        name="credit-card-other-spoken-of",
        numeric=True,
        pattern=r"\d{12,19}|\d{4}(?:[ -]\d{2,6}){2,4}",
        sign=RUN,
        before=r"[:alnum:].",
        fit=_other_end,
        context=expressions("credit_card"),
        near=(40, 12),
        named=True,
        # Less than those of identity cards: "ID card number" has the words of both.
        score=0.9,
        hits=("my credit card: «122000000000003»", "for this card: «676222165679»", "«503802053770» is my card"),
        misses=("my credit card number is 36168002586008", "parcel 122000000000003"),
    ),
    Rule(
        kind="iban",
        numeric=True,
        # Groups of four, or of any other size; three blanks are one in a URL, where `+` is one, too.
        pattern=r"[a-z]{2}\d{2}(?:[ +-]{0,3}[a-z0-9]){11,29}",
        sign=r"[a-z]{2}\d{2}[ +-]{0,3}[a-z0-9][ +-]{0,3}[a-z0-9]",
        fold=True,
        fit=_iban_end,
        score=1.0,
        hits=(
            "My IBAN is «GB69PMNJ18913943430745»",
            "«gb50mvfc38361978683032».",
            "«AL47 2121 1009 0000 0002 3569 8741»",
            "«BE71 0961 2345 6769» and more",
            "«NO93 8601 1117 947» is ours",
            "«DE89 370400 44 0532 0130 00» und",
            "«DZ580002100001113000000570»",
            "iban=«BE71%200961%202345%206769»&open=1",
            "iban=«BE71+0961+2345+6769»&open=1",
        ),
        misses=(
            "GB69PMNJ18913943430744",
            "LV80 bANK 0000 4351 9500 1",
            "AL47 212A 1009 0000 0002 3569 8741",
            "AM47212110090000000235698740",
        ),
    ),
)
