"""National identifiers of Austria, Belgium, Ireland, Portugal and Switzerland."""

from extproc.detectors.checksums import digits, luhn, numerals, weighted
from extproc.detectors.pii.dates import is_day
from extproc.detectors.pii.runs import national, spoken
from extproc.matching.rule import Rule

_PPS_CHECKS = "WABCDEFGHIJKLMNOPQRSTUV"
_NIF_BEGINNINGS = frozenset("1235689")
_NIF_PAIRS = frozenset(("45", "70", "71", "72", "74", "75", "77", "78", "79"))


def _svnr(text: str) -> bool:
    # Dachverband der Sozialversicherungsträger: months 13 to 15 where a day has no numbers left.
    number = numerals(text)
    day, month, year = int(number[4:6]), int(number[6:8]), int(number[8:])
    check = weighted(digits(text), (3, 7, 9, 0, 5, 8, 4, 2, 1, 6)) % 11
    return number[0] != "0" and check == int(number[3]) and is_day(year, min(month, 12), day) and month <= 15


def _at_tax(text: str) -> bool:
    return len(set(numerals(text))) > 2 and luhn(text)


def _rijksregister(text: str) -> bool:
    # Of nine digits, with a 2 in front for those born from 2000 on. BIS numbers have 20 or 40 added to the month, and a
    # day that is not known is 00.
    number = numerals(text)
    month, day = int(number[2:4]), int(number[4:6])
    dated = month % 20 <= 12 and month < 60 and day <= 31
    checks = {97 - int(century + number[:9]) % 97 for century in ("", "2")}
    return dated and len(set(number)) > 2 and int(number[9:]) in checks


def _pt_nif(text: str) -> bool:
    number = numerals(text)
    rest = weighted(digits(text), (9, 8, 7, 6, 5, 4, 3, 2)) % 11
    issued = number[0] in _NIF_BEGINNINGS or number[:2] in _NIF_PAIRS
    return issued and len(set(number)) > 2 and int(number[8]) == (0 if rest < 2 else 11 - rest)


def pps(text: str) -> bool:
    """Personal Public Service number: a check letter (mod 23), behind which may stand one more that counts."""
    number, letters = digits(text), "".join(filter(str.isalpha, text.upper()))
    more = _PPS_CHECKS.index(letters[1]) if len(letters) > 1 else 0
    return _PPS_CHECKS[(weighted(number, (8, 7, 6, 5, 4, 3, 2)) + 9 * more) % 23] == letters[0]


def _ahv(text: str) -> bool:
    # The check digit of EAN-13.
    return weighted(digits(text), (1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1)) % 10 == 0


RULES = (
    spoken(
        "at_svnr",
        r"\d{4}[ /-]?\d{6}|\d{4} \d{2}[ .]?\d{2}[ .]?\d{2}",
        _svnr,
        hits=("SVNR: «1237 010180»", "Sozialversicherungsnummer «1237010180»", "«1237 01 01 80» (SV-Nummer)"),
        misses=("1237010180", "SVNR 1238 010180", "SVNR 1237 410180", "Auftrag 1237010180"),
    ),
    spoken(
        "at_tax_id",
        r"\d{2}[ -]\d{3}[ /-]\d{4}|\d{2}-?\d{3}/?\d{4}",
        _at_tax,
        # One in ten of random numbers passes.
        hits=("Abgabenkontonummer «59-119/9013»", "Steuernummer: «591199013»", "Steuernr. «59 119/9013» Finanzamt"),
        misses=("59-119/9013", "Steuernummer 59-119/9012", "Akt 591199013"),
    ),
    Rule(
        kind="be_nrn",
        name="be-nrn",
        numeric=True,
        pattern=r"\d{2}\.\d{2}\.\d{2}[ -]\d{3}[.-]\d{2}",
        before=r"[:alnum:].-",
        after=r"[:alnum:]-",
        validator=_rijksregister,
        score=0.95,
        hits=("«85.07.30-033.28»", "Rijksregisternummer: «17.07.30-033.84»"),
        misses=("85.07.30-033.29", "85.73.30-033.28"),
    ),
    *national(
        spoken(
            "be_nrn",
            r"\d{2}[ ./-]?\d{2}[ ./-]?\d{2}[ ./-]{0,3}\d{3}[ .-]?\d{2}",
            _rijksregister,
            name="be-nrn-spoken-of",
            score=0.95,
            hits=(
                "rijksregisternummer «85073003328»",
                "Numéro de registre national: «85 07 30 033 28»",
                "NISS «85.07.30 033-28»",
                "nrn=«85073003328»",
            ),
            misses=("85073003328", "rijksregisternummer 85073003329", "factuur 85073003328"),
        )
    ),
    spoken(
        "pt_nif",
        r"\d{9}|\d{3}[ .]\d{3}[ .]\d{3}",
        _pt_nif,
        # One in 14 of random numbers passes.
        hits=(
            "O meu NIF é «501964843».",
            "contribuinte n.º «501 964 843»",
            "«501964843» (NIF)",
            "numero_contribuinte: «501964843»",
        ),
        misses=("501964843", "NIF 501964842", "NIF 012345678", "encomenda 501964843"),
    ),
    spoken(
        "ie_pps",
        r"\d{7} ?[a-w][a-iw]?",
        pps,
        # One in 23 of random numbers with a letter passes.
        score=0.95,
        hits=("PPS number «6433435F»", "PPSN: «6433435 OA»", "my ppsn is «6433435f»", "«6433435F» (PPS No)"),
        misses=("6433435F", "PPSN 6433435G", "PPSN 643343F"),
    ),
    Rule(
        kind="ch_ahv",
        name="ch-ahv",
        numeric=True,
        pattern=r"756\.\d{4}\.\d{4}\.\d{2}",
        before=r"[:alnum:].-",
        validator=_ahv,
        score=1.0,
        hits=("AHV-Nr. «756.9217.0769.85»", "«756.1234.5678.97»."),
        misses=("756.9217.0769.84", "757.9217.0769.85", "1.756.9217.0769.85"),
    ),
    spoken(
        "ch_ahv",
        r"756\d{10}|756[ -]\d{4}[ -]\d{4}[ -]\d{2}",
        _ahv,
        name="ch-ahv-spoken-of",
        score=1.0,
        hits=("AHV «7569217076985»", "numéro AVS: «756 9217 0769 85»", "ahvNumber: «7569217076985»"),
        misses=("7569217076985", "AHV 7569217076984", "EAN 7569217076985"),
    ),
)
