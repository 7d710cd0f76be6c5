"""National identifiers of Argentina, Chile, Colombia and Mexico."""

from extproc.detectors.checksums import digits, numerals, weighted
from extproc.detectors.pii.dates import is_yymmdd
from extproc.detectors.pii.runs import spoken
from extproc.detectors.pii.words import expressions
from extproc.matching.rule import Rule

_CURP_VALUES = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"
_DNI_MOST = 8
"""Digits of a number of Argentina's."""
_STATES = "AS|B[CS]|C[CLSHM]|D[FG]|G[TR]|HG|JC|M[CNS]|N[TLE]|OC|PL|Q[TR]|S[PLR]|T[CSL]|VZ|YN|ZS"
_RFC_VALUES = "0123456789ABCDEFGHIJKLMN&OPQRSTUVWXYZ Ñ"
_RFC_CHECKS = "0123456789A"
_CUIL_BEGINNINGS = frozenset(("20", "23", "24", "25", "26", "27", "30", "33", "34"))
_RUT_CHECKS = "0123456789K"
_NIT_WEIGHTS = (3, 7, 13, 17, 19, 23, 29, 37, 41, 43)


def _curp(text: str) -> bool:
    code = text.upper()
    total = sum(_CURP_VALUES.index(char) * (18 - place) for place, char in enumerate(code[:17]))
    return is_yymmdd(code[4:]) and -total % 10 == int(code[17])


def _rfc_dated(text: str) -> bool:
    return is_yymmdd(numerals(text[3:]))


def _rfc(text: str) -> bool:
    code = text.upper()
    total = sum(_RFC_VALUES.index(char) * (13 - place) for place, char in enumerate(code[:-1].rjust(12)))
    return _rfc_dated(code) and _RFC_CHECKS[-total % 11] == code[-1]


def _cuil(text: str) -> bool:
    number = digits(text)
    check = -weighted(number, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    # A rest of one is written as 9.
    return numerals(text)[:2] in _CUIL_BEGINNINGS and min(check, 9) == number[10]


def _dni(text: str) -> bool:
    return len(set(numerals(text))) > 2


def _rut(text: str) -> bool:
    number = digits(text[:-1])
    check = -sum(number[-1 - place] * (2 + place % 6) for place in range(len(number))) % 11
    return len(set(number)) > 1 and _RUT_CHECKS[check] == text[-1].upper()


def _nit(text: str) -> bool:
    number = digits(text)
    rest = weighted(number[-2::-1], _NIT_WEIGHTS) % 11
    return len(set(number)) > 2 and number[-1] == (rest if rest < 2 else 11 - rest)


RULES = (
    Rule(
        kind="mx_curp",
        name="mx-curp",
        numeric=True,
        pattern=rf"[A-Z][AEIOUX][A-Z]{{2}}\d{{6}}[HMX](?:{_STATES})[A-Z]{{3}}[0-9A-Z]\d",
        sign=r"[A-Z][AEIOUX][A-Z]{2}\d{6}[HMX]",
        fold=True,
        validator=_curp,
        score=1.0,
        hits=("CURP «BOXW310820HNERXN09»", "mi curp es «boxw310820hnerxn09»."),
        misses=("BOXW310820HNERXN08", "BOXW311320HNERXN09", "BOXW310820HXXRXN09"),
    ),
    Rule(
        kind="mx_curp",
        name="mx-curp-spoken-of",
        numeric=True,
        # Of any state: test data has codes that do not exist.
        pattern=r"[A-Z][AEIOUX][A-Z]{2}\d{6}[HMX][A-Z]{5}[0-9A-Z]\d",
        sign=r"[A-Z][AEIOUX][A-Z]{2}\d{6}[HMX]",
        fold=True,
        validator=_curp,
        context=expressions("mx_curp"),
        named=True,
        score=0.95,
        hits=("CURP «NEEI130531HQOMYS05»",),
        misses=("NEEI130531HQOMYS05", "CURP NEEI130531HQOMYS04"),
    ),
    Rule(
        kind="mx_rfc",
        name="mx-rfc",
        numeric=True,
        pattern=r"[A-Z&]{3,4}\d{6}[0-9A-Z]{2}[0-9A]",
        validator=_rfc,
        # Of random codes of this form, 3 in 1,000 pass: a day, and one check digit.
        score=0.85,
        hits=("RFC: «GODE561231GR8»", "«MAB9307148T4» S.A. de C.V."),
        misses=("GODE561231GR9", "GODE561331GR8", "gode561231gr8", "GODE561231GR81"),
    ),
    Rule(
        kind="mx_rfc",
        name="mx-rfc-spoken-of",
        numeric=True,
        # Some registered codes have a wrong check digit.
        # Only capitals may stand apart: in a stream, every other short word would have to wait for what follows.
        pattern=r"[A-Za-z&\x{d1}\x{f1}]{3,4}-?\d{6}-?[0-9A-Za-z]{3}|[A-Z&\x{d1}]{3,4} \d{6} ?[0-9A-Z]{3}",
        sign=r"[A-Za-z&\x{d1}\x{f1}]{3}[ -]?\d{6}[ -]?[0-9A-Za-z]",
        validator=_rfc_dated,
        context=expressions("mx_rfc"),
        named=True,
        score=0.95,
        hits=("RFC «gode561231gr9»", "mi RFC: «GODE-561231-GR8»", "rfc=«ÑODE561231GR8»"),
        misses=("gode561231gr8", "rfc GODE561331GR8", "RFC 7231"),
    ),
    Rule(
        kind="ar_cuil",
        name="ar-cuil",
        numeric=True,
        pattern=r"(?:2[03-7]|3[034])-\d{8}-\d",
        before=r"[:alnum:].-",
        after=r"[:alnum:]-",
        validator=_cuil,
        score=0.9,
        hits=("CUIT «20-05536168-2»", "«27-12345678-0»"),
        misses=("20-05536168-3", "21-05536168-2"),
    ),
    spoken(
        "ar_cuil",
        r"(?:2[03-7]|3[034])[ -]?\d{8}[ -]?\d",
        _cuil,
        name="ar-cuil-spoken-of",
        score=0.95,
        hits=("CUIL: «20055361682»", "cuit «20 05536168 2»", "«20055361682» es mi CUIT"),
        misses=("20055361682", "CUIT 20055361683", "pedido 20055361682"),
    ),
    spoken(
        "ar_dni",
        r"\d{1,2}\.\d{3}\.\d{3}|\d{7,8}",
        _dni,
        # Without a check digit, any number of this length beside the word passes.
        hits=("Mi DNI es «12.345.678».", "DNI: «28756321»", "documento nacional de identidad «5.123.456»"),
        misses=("12.345.678", "DNI 11111111", "población: 12.345.678"),
    ),
    Rule(
        kind="cl_rut",
        name="cl-rut",
        numeric=True,
        pattern=r"\d{1,2}\.\d{3}\.\d{3}-[0-9k]",
        fold=True,
        before=r"[:alnum:].-",
        after=r"[:alnum:]-",
        validator=_rut,
        score=0.9,
        hits=("RUT «12.531.909-2»", "«30.686.957-4»", "«12.531.919-k»"),
        misses=("12.531.909-3", "1.12.531.909-2"),
    ),
    spoken(
        "cl_rut",
        r"\d{7,8}[ -]?[0-9k]|\d{1,2}[. ]\d{3}[. ]\d{3} ?-? ?[0-9k]",
        _rut,
        name="cl-rut-spoken-of",
        score=0.95,
        hits=("RUT: «12531909-2»", "mi rut es «125319092»", "«12531909-2» (R.U.T.)"),
        misses=("12531909-2", "RUT 12531909-3"),
    ),
    spoken(
        "ar_dni",
        # With one more group, it is Colombian.
        r"\d{1,2}\.\d{3}\.\d{3}(?:\.\d{3})?",
        lambda text: _dni(text) and len(numerals(text)) <= _DNI_MOST,
        words=("document_grouped",),
        own=False,
        name="ar-dni-document",
        # "Documento" is any document: only with points is its number that of a person.
        score=0.8,
        hits=("documento «12.345.678»", "doc. «5.123.456»"),
        misses=("documento 12345678", "documento 11.111.111", "documento 1.020.304.050"),
    ),
    spoken(
        "cl_rut",
        r"\d{7,8}-[0-9k]|\d{1,2}\.\d{3}\.\d{3}-[0-9k]",
        _rut,
        words=("cl_run",),
        own=False,
        name="cl-run",
        # "Run" is a word of programs; the hyphen and the check digit leave one in a hundred numbers.
        score=0.8,
        hits=("RUN «12531909-2»", "R.U.N. «12.531.909-2»"),
        misses=("run 125319092", "RUN 12531909-3"),
    ),
    spoken(
        "co_nit",
        r"\d{8,9}[ -]?\d|\d{3}\.\d{3}\.\d{3}[ -]\d",
        _nit,
        # One in eleven of random numbers passes.
        hits=("NIT «213123432-1»", "NIT: «213.123.432-1»", "nit=«2131234321»"),
        misses=("213123432-1", "NIT 213123432-2", "factura 213123432-1"),
    ),
    spoken(
        "co_cedula",
        r"\d{7,10}|\d\.\d{3}\.\d{3}\.\d{3}|\d{1,2}\.\d{3}\.\d{3}",
        _dni,
        # Without a check digit, any number of this length beside the word passes.
        hits=(
            "cédula de ciudadanía «1.020.304.050»",
            "C.C. «52345678»",
            "número de cédula: «79.345.612»",
            "cedula_ciudadania: «1020304050»",
        ),
        misses=("1.020.304.050", "cédula 1111111111", "pedido 1020304050"),
    ),
    spoken(
        "co_cedula",
        r"1\.\d{3}\.\d{3}\.\d{3}|1\d{9}",
        _dni,
        words=("document_grouped",),
        own=False,
        name="co-cedula-document",
        score=0.75,
        hits=("documento de identidad «1.020.304.050»", "doc. identidad «1020304050»"),
        misses=("documento 2.020.304.050", "documento 1111111111"),
    ),
    spoken(
        "co_cedula",
        r"\d\.\d{3}\.\d{3}\.\d{3}|\d{1,2}\.\d{3}\.\d{3}",
        _dni,
        words=("co_cc",),
        own=False,
        name="co-cedula-cc",
        # "CC" is many things: its number is one only with points.
        score=0.75,
        hits=("CC «1.020.304.050»", "CC No. «79.345.612»"),
        misses=("cc 1020304050", "CC 11.111.111"),
    ),
)
