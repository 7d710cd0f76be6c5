"""National identifiers of the United Kingdom."""

from extproc.detectors.checksums import digits, weighted
from extproc.detectors.pii.runs import RUN
from extproc.detectors.pii.words import expressions
from extproc.matching.rule import Rule

_NOT_ISSUED = frozenset(("BG", "GB", "KN", "NK", "NT", "TN", "ZZ"))


def _nhs(text: str) -> bool:
    number = digits(text)
    return len(set(number)) > 1 and (11 - weighted(number, (10, 9, 8, 7, 6, 5, 4, 3, 2))) % 11 == number[9]


def _nino(text: str) -> bool:
    return text[:2].upper() not in _NOT_ISSUED


RULES = (
    Rule(
        kind="uk_nhs",
        name="uk-nhs",
        numeric=True,
        pattern=r"\d{3} \d{3} \d{4}",
        before=r"[:alnum:].-",
        after=r"[:alnum:]-",
        behind=r"\d {1,3}",  # a row of numbers
        validator=_nhs,
        score=0.8,
        hits=("«221 395 1837»", "NHS number «943 476 5919»."),
        misses=("221 395 1838", "943 476 5910", "128 256 512 1024"),
    ),
    Rule(
        kind="uk_nhs",
        name="uk-nhs-spoken-of",
        numeric=True,
        pattern=r"\d{10}|\d{3}-\d{3}-\d{4}",
        sign=RUN,
        before=r"[:alnum:].-",
        after=r"[:alnum:]-",
        validator=_nhs,
        context=expressions("uk_nhs"),
        named=True,
        hits=("NHS «9434765919»", "«0032698674» is my NHS number", "patient «401-023-2137»"),
        misses=("call 401-023-2137 now", "1743324049", "9434765919", "NHS 9434765910"),
    ),
    Rule(
        kind="uk_nino",
        pattern=r"[abceghj-prstw-z][abceghj-nprstw-z] ?\d{2} ?\d{2} ?\d{2} ?[a-d]",
        fold=True,
        validator=_nino,
        score=0.85,
        hits=("NI «AA 12 34 56 B»", "nino: «PR 123612C»", "«ab123456d»"),
        misses=("UV 98 76 54 B", "GB123456A", "AB123456E", "ab1234561"),
    ),
    Rule(
        kind="uk_nino",
        name="uk-nino-spoken-of",
        # Numbers of other prefixes are in use for temporary and administrative purposes, and in test data.
        # Only capitals may stand apart: in a stream, every other short word would have to wait for what follows.
        pattern=r"(?:[A-CEGHJ-PR-TW-Za-ceghj-pr-tw-z][A-CEGHJ-NPR-TW-Za-ceghj-npr-tw-z]-?|"
        r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][ +]{1,3})"
        r"(?:\d{2}[ +-]{0,3}\d{2}[ +-]{0,3}\d{2}|\d{3}[ +-]{1,3}\d{3})(?:[ +-]{0,3}[A-Za-z])?",
        sign=r"(?:[a-zA-Z]{2}-?|[A-Z]{2}[ +]{1,3})\d{2}[ +-]{0,3}\d[ +-]{0,3}\d[ +-]{0,3}\d",
        context=expressions("uk_nino"),
        named=True,
        score=0.95,
        hits=(
            "My National Insurance number is «ZZ 134125 T».",
            "national_insurance_number: «TN123456»",
            "NI number «AZ 123 456 A»",
            "?nino=«AZ%20123%20456%20A»&open=1",
            "?national%20insurance%20number=«AZ+12+34+56+A»&open=1",
        ),
        misses=("ZZ 134125 T", "flight BA 123456", "no valid national insurance number UV 98 76 54 B"),
    ),
)
