"""Health care in the United States: providers, beneficiaries of Medicare, prescribers of controlled substances."""

from extproc.detectors.checksums import digits, luhn
from extproc.detectors.pii.words import expressions
from extproc.matching.rule import Rule

_NPI_ISSUER = "80840"
"""The digits in front of a number for its check digit: health applications, United States."""

_LETTER = "[AC-HJKMNP-RT-Y]"
_SIGN = "[AC-HJKMNP-RT-Y0-9]"
_MBI = rf"[1-9]{_LETTER}{_SIGN}\d{{0}}{_LETTER}{_SIGN}\d{{0}}{_LETTER}{{2}}\d{{2}}"
"""Form of a Medicare beneficiary identifier (CMS), `{0}` between its groups: no S, L, O, I, B or Z."""


def _npi(text: str) -> bool:
    return len(set(text)) > 2 and luhn(_NPI_ISSUER + text)


def _dea(text: str) -> bool:
    number = digits(text[2:])
    return (number[0] + number[2] + number[4] + 2 * (number[1] + number[3] + number[5])) % 10 == number[6]


RULES = (
    Rule(
        kind="us_npi",
        cued=True,
        pattern=r"[12]\d{9}",
        before=r"[:alnum:].-",
        after=r"[:alnum:]-",
        validator=_npi,
        context=expressions("us_npi"),
        near=(40, 24),
        named=True,
        score=0.95,
        hits=("NPI: «1234567893»", "NPI «1245319599» and", "«1245319599» is the provider's NPI"),
        misses=("1234567893", "NPI 1234567890", "NPI 1111111112", "npi 3234567893"),
    ),
    Rule(
        kind="us_mbi",
        name="us-mbi",
        numeric=True,
        pattern=_MBI.replace("{0}", "-?"),
        sign=r"\d-?[A-Y][A-Y0-9]\d-?[A-Y]{2}\d{2}[^0-9A-Za-z-]",
        before=r"[:alnum:].-",
        after=r"[:alnum:]-",
        score=0.8,
        hits=("«1EG4-TE5-MK73»", "patient «4EF6GH8JK12»."),
        misses=("1EG4-LE5-MK73", "1EG4-TE5-MI73", "12G4-TE5-MK73", "1eg4-te5-mk73", "0EG4-TE5-MK73"),
    ),
    Rule(
        kind="us_mbi",
        name="us-mbi-spoken-of",
        cued=True,
        pattern=_MBI.replace("{0}", "[ -]?"),
        fold=True,
        context=expressions("us_mbi"),
        near=(40, 24),
        named=True,
        score=0.95,
        hits=("MBI: «1eg4-te5-mk73»", "Medicare beneficiary identifier «1EG4TE5MK73»", "medicare id «1EG4 TE5 MK73»"),
        misses=("1eg4-te5-mk73", "MBI 1eg4-se5-mk73"),
    ),
    Rule(
        kind="us_dea",
        cued=True,
        pattern=r"[abcdefghjklmprstux][a-z9]\d{7}",
        fold=True,
        validator=_dea,
        context=expressions("us_dea"),
        near=(40, 24),
        named=True,
        score=0.95,
        hits=("DEA number «AB1234563»", "dea: «f91234563»", "«BB1388568» is my DEA registration"),
        misses=("AB1234563", "DEA AB1234564", "DEA IB1234563"),
    ),
)
