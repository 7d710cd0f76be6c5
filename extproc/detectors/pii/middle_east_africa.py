"""National identifiers of Israel, South Africa and Turkey."""

from extproc.detectors.checksums import digits, luhn, numerals
from extproc.detectors.pii.dates import is_yymmdd
from extproc.detectors.pii.runs import national, spoken


def _kimlik(text: str) -> bool:
    number = digits(text)
    tenth = (7 * sum(number[:9:2]) - sum(number[1:8:2])) % 10
    return number[9] == tenth and number[10] == sum(number[:10]) % 10


def _za_id(text: str) -> bool:
    number = numerals(text)
    return is_yymmdd(number) and number[10] in "012" and luhn(number)


def _il_id(text: str) -> bool:
    return len(set(numerals(text))) > 2 and luhn(text)


RULES = (
    *national(
        spoken(
            "tr_kimlik",
            r"[1-9]\d{10}|[1-9]\d{2} \d{3} \d{3} \d{2}",
            _kimlik,
            score=0.95,
            hits=(
                "TC Kimlik No: «10000000146»",
                "T.C. kimlik numaram «17291716060»",
                "kimlik no «172 917 160 60»",
                "tckn=«17291716060»",
            ),
            misses=("10000000146", "TC Kimlik No 10000000147", "sipariş no 10000000146"),
        )
    ),
    *national(
        spoken(
            "za_id",
            r"\d{13}|\d{6} \d{4} \d{3}|\d{6}[ -]\d{4}[ -]\d{2}[ -]?\d",
            _za_id,
            score=0.95,
            hits=(
                "SA ID number «8001015009087»",
                "RSA ID number: «800101 5009 087»",
                "«8001015009087» is my South African ID",
            ),
            misses=("8001015009087", "ID number 8001015009088", "ID number 8013015009087", "order 8001015009087"),
        )
    ),
    spoken(
        "il_id",
        r"\d{9}|\d{8}-\d|\d-\d{7}-\d",
        _il_id,
        # One in ten of random numbers passes.
        hits=("תעודת זהות: «123456782»", "ת.ז. «12345678-2»", "Israeli ID «123456782»", "teudat zehut «000000018»"),
        misses=("123456782", "תעודת זהות 123456783", "הזמנה 123456782"),
    ),
)
