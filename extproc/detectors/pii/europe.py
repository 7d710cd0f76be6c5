"""National identifiers of Germany, France, Italy, Spain, the Netherlands and Poland."""

from collections import Counter

from extproc.detectors.checksums import digits, mod11_10, numerals, weighted
from extproc.detectors.pii.runs import RUN
from extproc.detectors.pii.words import expressions
from extproc.matching.rule import Rule

_NIR_MIDDLE = r"\d{2}[ .]?(?:0[1-9]|1[0-2]|[2-9]\d)[ .]?(?:\d{2}|2[ab])[ .]?\d{3}[ .]?\d{3}"
_DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
# Ministero delle Finanze, decree of 23 December 1976: what a character counts in an odd place.
_ODD_LETTERS = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
_ODD = dict(
    zip("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", (*_ODD_LETTERS[:10], *_ODD_LETTERS), strict=True),
)


def _tax_id(text: str) -> bool:
    number = digits(text)
    return number[0] != 0 and len(set(number)) > 2 and mod11_10(number)


def _tax_id_alone(text: str) -> bool:
    # Bundeszentralamt für Steuern: of the first ten digits one occurs twice or three times, the others once at most.
    counts = sorted(Counter(digits(text)[:10]).values())
    return counts[-1] in {2, 3} and counts[:-1] == [1] * (len(counts) - 1) and _tax_id(text)


def _nir(text: str) -> bool:
    if text[1] == "." and text[2:].isdigit():
        return False  # a decimal number: one in a hundred passes
    number = "".join(filter(str.isalnum, text)).upper().replace("2A", "19").replace("2B", "18")
    return number.isdigit() and (int(number[:13]) + int(number[13:])) % 97 == 0


def _fiscal_code(text: str) -> bool:
    # Letters stand for digits where two people would have the same code; for all seven they never do.
    if text.isalpha():
        return False
    code = text.upper()
    total = sum(_ODD[char] for char in code[:15:2]) + sum(
        int(char, 36) % 36 - (10 if char > "9" else 0) for char in code[1:15:2]
    )
    return chr(65 + total % 26) == code[15]


def _nif(text: str) -> bool:
    return _DNI_LETTERS[int(numerals(text)) % 23] == text[-1].upper()


def _nif_alone(text: str) -> bool:
    # Small letters up to f are hexadecimal digits, and an E is that of an exponent.
    return _nif(text) and text[-1] not in "abcdefE" and not (text[-2] == " " and text[-1].islower())


def _nie(text: str) -> bool:
    number = str("XYZ".index(text[0].upper())) + numerals(text)
    return _DNI_LETTERS[int(number) % 23] == text[-1].upper()


def _bsn(text: str) -> bool:
    number = digits(text)
    number = [0] * (9 - len(number)) + number
    return any(number) and weighted(number, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def _pesel(text: str) -> bool:
    return len(set(text)) > 2 and weighted(digits(text), (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0


RULES = (
    Rule(
        kind="de_tax_id",
        name="de-tax-id",
        pattern=r"\d{2} \d{3} \d{3} \d{3}",
        before=r"[:alnum:].",
        behind=r"(?:^|[^0-9A-Za-z])[A-Z] |\d {1,3}",  # a row of numbers
        validator=_tax_id_alone,
        hits=("Steuer-ID «86 095 742 719»", "«86 095 742 719»"),
        misses=("86 095 742 718", "86095742719", "12 345 678 903 und", "B 86 095 742 719 ;", "604 86 095 742 719"),
    ),
    Rule(
        kind="de_tax_id",
        name="de-tax-id-spoken-of",
        numeric=True,
        pattern=r"\d{11}|\d{2}[ ./]{1,3}\d{3}[ ./]{1,3}\d{3}[ ./]{1,3}\d{3}",
        sign=RUN,
        before=r"[:alnum:].",
        validator=_tax_id,
        context=expressions("de_tax_id"),
        named=True,
        hits=("IdNr. «98765432106» liegt vor.", "«86095742719» (Steuer-ID)"),
        misses=("IdNr. 12345678901", "12345678903", "Los 98765432106"),
    ),
    Rule(
        kind="fr_nir",
        pattern=rf"[1278](?:[ .]{_NIR_MIDDLE}[ .]?|{_NIR_MIDDLE}[ .])\d{{2}}|[1278]\d{{4}}2[ab]\d{{8}}",
        before=r"[:alnum:].",
        fold=True,
        validator=_nir,
        score=1.0,
        hits=("«2 55 08 14 168 025 38»", "«2550814168025 38»"),
        misses=("255081416802538", "2 55 08 14 168 025 39", "2.01088062344128,3"),
    ),
    Rule(
        kind="fr_nir",
        name="fr-nir-spoken-of",
        numeric=True,
        pattern=r"[1278]\d{2}(?:0[1-9]|1[0-2]|[2-9]\d)\d{8}[ -]?\d{2}",
        sign=RUN,
        before=r"[:alnum:].",
        validator=_nir,
        context=expressions("fr_nir"),
        named=True,
        score=1.0,
        hits=("NIR «255081416802538»", "«255081416802538», ma sécurité sociale", "NIR «2550814168025-38»"),
        misses=("255081416802538", "NIR 255081416802539", "NIR 2550814168025"),
    ),
    Rule(
        kind="it_fiscal_code",
        pattern=r"[a-z]{6}[0-9lmnpqrstuv]{2}[abcdehlmprst][0-9lmnpqrstuv]{2}[a-z][0-9lmnpqrstuv]{3}[a-z]",
        fold=True,
        digits=1,
        validator=_fiscal_code,
        score=1.0,
        hits=("codice «RSSMRA85T10A562S»", "«rssmra85t10a562s»."),
        misses=("RSSMRA85T10A562T", "ABCDEFGHIJKLMNOP"),
    ),
    Rule(
        kind="es_nif",
        numeric=True,
        pattern=r"\d{7,8}[ -]?[a-hj-np-tv-z]",
        before=r"[:alnum:]#",  # a colour has eight digits, too
        after=r"[:alnum:]-",  # and so has the first group of a UUID
        fold=True,
        behind=r"\d\.|(?:^|[^0-9A-Za-z])[XYZ]-",  # a decimal; a NIE
        validator=_nif_alone,
        score=0.75,
        hits=("NIF «12345678Z»", "«55555555-K»", "«01111111g»"),
        misses=(
            "12345678A",
            "401-023-2138",
            "123456Z",
            "#7111676f",
            "0921954e-5b6d-4e2a",
            "00004394 r 0101",
            "00000003a",
            "-0.0078125 v 2",
        ),
    ),
    Rule(
        kind="es_nif",
        name="es-nif-spoken-of",
        numeric=True,
        pattern=r"\d{7,8}[ -]{0,3}[a-hj-np-tv-z]|\d{1,2}\.\d{3}\.\d{3}[ -]?[a-hj-np-tv-z]",
        sign=RUN,
        fold=True,
        behind=r"(?:^|[^0-9A-Za-z])[XYZ]-",
        validator=_nif,
        context=expressions("es_nif"),
        named=True,
        score=0.95,
        hits=("Mi DNI es «00000003a».", "dni: «12.345.678-Z»"),
        misses=("00000003a", "DNI 12345678A", "NIE X-9613851-N"),
    ),
    Rule(
        kind="es_nie",
        pattern=r"[xyz][ -]?\d{7}[ -]?[a-hj-np-tv-z]",
        fold=True,
        validator=_nie,
        hits=("Mi NIE es «X9613851N»", "«Y8063915-Z»", "«z8078221m»"),
        misses=("Y8063915Q", "Y806391Q"),
    ),
    Rule(
        kind="nl_bsn",
        numeric=True,
        pattern=r"\d{8,9}|\d{4}[ .]\d{2}[ .]\d{3}|\d{3}[ .]\d{3}[ .]\d{3}",
        sign=RUN,
        before=r"[:alnum:].",
        validator=_bsn,
        context=expressions("nl_bsn"),
        named=True,
        hits=("mijn BSN is «111222333»", "BSN: «1112.22.333»", "«123456782» (burgerservicenummer)"),
        misses=("111222333", "BSN 111222334"),
    ),
    Rule(
        kind="pl_pesel",
        numeric=True,
        pattern=r"\d{11}",
        sign=RUN,
        before=r"[:alnum:].",
        validator=_pesel,
        context=expressions("pl_pesel"),
        named=True,
        hits=("PESEL «44051401458»", "«02070803628» to mój numer PESEL"),
        misses=("44051401458", "PESEL 44051401459", "PESEL 11110021111", "PESEL 85040812345"),
    ),
)
