"""National identifiers, and numbers for taxes, of the United States, Canada and Brazil."""

import re

from extproc.detectors.checksums import digits, luhn, numerals, weighted
from extproc.detectors.pii.runs import RUN
from extproc.detectors.pii.words import expressions
from extproc.matching.rule import Rule

_ITIN = r"9\d{2}{0}(?:5\d|6[0-5]|7\d|8[0-8]|9[0-24-9]){0}\d{4}"
"""Form of an ITIN: its fourth and fifth digits are in the ranges that are issued (Internal Revenue Service)."""
_ISSUED_ITIN = re.compile(_ITIN.replace("{0}", "[ -]"))
_NO_CAMPUS = frozenset({0, 7, 8, 9, 17, 18, 19, 28, 29, 49, 69, 70, 78, 79, 89, 96, 97})


def _ssn_alone(text: str) -> bool:
    # What an ITIN may be is one: Social Security numbers of these areas were never issued.
    return _ssn(text) and _ISSUED_ITIN.fullmatch(text) is None


def _ssn(text: str) -> bool:
    # Social Security Administration: no area 000 or 666, no group 00, no serial 0000. Areas from 900 on are ITINs.
    number = numerals(text)
    return number[:3] not in {"000", "666"} and number[3:5] != "00" and number[5:] != "0000" and len(set(number)) > 1


def _varied(text: str) -> bool:
    return len(set(numerals(text))) > 1


def _ein(text: str) -> bool:
    # Internal Revenue Service: prefixes of the campuses that assign numbers.
    number = numerals(text)
    return int(number[:2]) not in _NO_CAMPUS and len(set(number)) > 2


def _sin_spoken(text: str) -> bool:
    return len(set(digits(text))) > 1 and luhn(text)


def _sin(text: str) -> bool:
    # Service Canada: no number begins with 0 or 8.
    return len(digits(text)) == 9 and digits(text)[0] not in {0, 8} and _sin_spoken(text)


def _modulo_11(numbers: list[int], weights: tuple[int, ...]) -> int:
    rest = weighted(numbers, weights) % 11
    return 0 if rest < 2 else 11 - rest


def _cpf(text: str) -> bool:
    number = digits(text)
    first = _modulo_11(number, (10, 9, 8, 7, 6, 5, 4, 3, 2))
    second = _modulo_11(number, (11, 10, 9, 8, 7, 6, 5, 4, 3, 2))
    return len(set(number)) > 1 and number[9:] == [first, second]


def _cnpj(text: str) -> bool:
    number = digits(text)
    first = _modulo_11(number, (5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2))
    second = _modulo_11(number, (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2))
    return len(set(number)) > 1 and number[12:] == [first, second]


RULES = (
    Rule(
        kind="us_ssn",
        name="us-ssn",
        pattern=r"\d{3}-\d{2}-\d{4}|\d{3} \d{2} \d{4}",
        before=r"0-9.-",
        after=r"[:alnum:]-",
        unless=(r"suite", r"apt\.?", r"apartment", r"unit", r"(?:p\.? ?o\.? )?box", r"room", r"floor"),
        validator=_ssn_alone,
        score=0.95,
        hits=(
            "Here's my SSN: «460-89-9847»",
            "abc «078 05 1123» abc",
            "«853-37-1694».",
            "ann@example.com«078-05-1123»",
        ),
        misses=(
            "000-12-3456",
            "078-00-1123",
            "666-12-3456",
            "Suite 680 36 4022 Oak Lane",
            "123-45-67890",
            "123-45-0000",
            "911-64-1234",
        ),
    ),
    Rule(
        kind="us_ssn",
        name="us-ssn-spoken-of",
        numeric=True,
        # Three blanks are one in a URL, where `+` is one, too. Two digits and seven are a number of an employer, or a
        # mistake: a word says what it is.
        pattern=r"\d{3}(?:[ .+-]| {3})?\d{2}(?:[ .+-]| {3})?\d{4}|\d{2}-\d{7}",
        sign=RUN,
        before=r"[:alnum:].-",
        after=r"[:alnum:]-",
        validator=_ssn,
        context=expressions("us_ssn"),
        named=True,
        score=0.95,
        hits=(
            "SSN «078051121»",
            "social security number is «078-051121»",
            "the ssn is «07-8051121»",
            "?ssn=«078%2005%201121»&open=1",
            "?ssn=«078+05+1121»&open=1",
            "«078051121» is my SSN",
        ),
        misses=("078051121", "SSN 000000000", "SSN 0780511201"),
    ),
    Rule(
        kind="us_itin",
        name="us-itin",
        numeric=True,
        pattern=_ITIN.replace("{0}", "-"),
        sign=r"9\d{2}-[5-9]\d-\d{4}[^0-9A-Za-z-]",
        before=r"[:alnum:].-",
        after=r"[:alnum:]-",
        validator=_varied,
        score=0.9,
        hits=("«911-64-1234»", "tax id «999-70-1234»."),
        misses=("999-99-9999", "911-89-1234", "911-49-1234", "811-64-1234", "911-64-1234-5"),
    ),
    Rule(
        kind="us_itin",
        name="us-itin-spoken-of",
        cued=True,
        pattern=_ITIN.replace("{0}", "[ -]?"),
        before=r"[:alnum:].-",
        after=r"[:alnum:]-",
        context=expressions("us_itin"),
        near=(60, 24),
        named=True,
        score=0.98,
        hits=("ITIN «911701234»", "my ITIN is «911 64 1234»", "«911701234» is my ITIN"),
        misses=("911701234", "ITIN 911491234", "911 64 1234"),
    ),
    Rule(
        kind="us_ein",
        cued=True,
        pattern=r"\d{2}-\d{7}",
        before=r"[:alnum:].-",
        after=r"[:alnum:]-",
        validator=_ein,
        context=expressions("us_ein"),
        near=(60, 24),
        named=True,
        hits=("EIN: «12-3456789»", "employer identification number «91-1144442»", "«12-3456789» (EIN)"),
        misses=("12-3456789", "EIN 07-3456789", "EIN 12-34567890"),
    ),
    Rule(
        kind="ca_sin",
        name="ca-sin",
        numeric=True,
        # Rows of numbers of three digits are taken whole, and are none.
        pattern=r"\d{3}-\d{3}-\d{3}|\d{3} \d{3} \d{3}(?: \d{1,3}){0,8}",
        sign=r"\d{3}-\d{3}-\d{3}|\d{3} \d{3} \d{3}",
        before=r"[:alnum:].,-",
        after=r"[:alnum:],%-",
        behind=r"\d[ ,]",
        unless=(r"rgba?", r"hsla?", r"lab"),
        validator=_sin,
        score=0.5,
        hits=("«347-677-452»", "my SIN is «130-692-544»", "«435 418 165»"),
        misses=(
            "130 692 545",
            "812 345 678",
            "999-999-999",
            "100 435 418 165",
            "435 418 165 200",
            "rgb(157 174 111 / 50%)",
        ),
    ),
    Rule(
        kind="ca_sin",
        name="ca-sin-spoken-of",
        numeric=True,
        pattern=r"\d{9}|\d{3}[ .-]\d{3}[ .-]\d{3}",
        sign=RUN,
        validator=_sin_spoken,
        context=expressions("ca_sin"),
        named=True,
        # More than that of "social" alone, which tells an American number without a check digit.
        score=0.97,
        hits=(
            "my SIN: «550090112»",
            "social insurance number «130 692 544»",
            "«550090112» is my SIN",
            "sin: «046454286»",
        ),
        misses=("order 550090112", "550090112", "SIN 550090113"),
    ),
    Rule(
        kind="br_cpf",
        name="br-cpf",
        pattern=r"\d{3}\.\d{3}\.\d{3}-\d{2}",
        before=r"[:alnum:].",
        validator=_cpf,
        score=1.0,
        hits=("CPF «529.982.247-25»",),
        misses=("529.982.247-26", "111.111.111-11"),
    ),
    Rule(
        kind="br_cpf",
        name="br-cpf-spoken-of",
        numeric=True,
        pattern=r"\d{9}-?\d{2}",
        sign=RUN,
        validator=_cpf,
        context=expressions("br_cpf"),
        named=True,
        hits=("meu CPF é «52998224725»", "«52998224725» (CPF)"),
        misses=("52998224725 itens", "52998224725", "cpf 52998224726"),
    ),
    Rule(
        kind="br_cnpj",
        name="br-cnpj",
        numeric=True,
        pattern=r"\d{2}\.\d{3}\.\d{3}/\d{4}-\d{2}",
        before=r"[:alnum:].",
        validator=_cnpj,
        score=1.0,
        hits=("CNPJ «11.222.333/0001-81»",),
        misses=("11.222.333/0001-82",),
    ),
    Rule(
        kind="br_cnpj",
        name="br-cnpj-spoken-of",
        numeric=True,
        pattern=r"\d{14}|\d{8}/\d{4}-\d{2}",
        sign=RUN,
        validator=_cnpj,
        context=expressions("br_cnpj"),
        named=True,
        hits=("cnpj: «11222333000181»",),
        misses=("lote 11222333000181 hoje", "11222333000181"),
    ),
)
