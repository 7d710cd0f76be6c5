"""National identifiers and numbers of businesses of India and Australia."""

from extproc.detectors.checksums import digits, numerals, verhoeff, weighted
from extproc.detectors.pii.finance import DUMPED
from extproc.detectors.pii.runs import RUN, sole, spoken
from extproc.detectors.pii.words import expressions
from extproc.matching.rule import Rule

_GSTIN = r"[0-3]\d[A-Z]{5}\d{4}[A-Z][0-9A-Z]Z[0-9A-Z]"
_FINGERPRINT = frozenset("0123456789abcdef")


def _aadhaar(text: str) -> bool:
    number = numerals(text)
    return number != number[::-1] and verhoeff(number)


def _tfn(text: str) -> bool:
    number = digits(text)
    weights = (1, 4, 3, 7, 5, 8, 6, 9, 10) if len(number) == 9 else (10, 7, 8, 4, 6, 3, 5, 1)
    return len(set(number)) > 1 and weighted(number, weights) % 11 == 0


def _medicare(text: str) -> bool:
    number = digits(text)
    return weighted(number, (1, 3, 7, 9, 1, 3, 7, 9)) % 10 == number[8] and number[9] != 0


def _abn(text: str) -> bool:
    # Australian Business Register: one is taken from the first digit.
    number = digits(text)
    return weighted([number[0] - 1, *number[1:]], (10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19)) % 89 == 0


def _acn(text: str) -> bool:
    number = digits(text)
    return len(set(number)) > 1 and -weighted(number, (8, 7, 6, 5, 4, 3, 2, 1)) % 10 == number[8]


def _gstin(text: str) -> bool:
    # Base 36: every second character counts twice, and both digits of what that gives are added.
    code = text.upper()
    products = [int(char, 36) * (1 + place % 2) for place, char in enumerate(code[:14])]
    check = -sum(product // 36 + product % 36 for product in products) % 36
    return 1 <= int(code[:2]) <= 38 and int(code[14], 36) == check


def _pan(text: str) -> bool:
    # Ten hexadecimal digits in small letters are a fingerprint, such as each response of OpenAI has one; so are the
    # last seven behind `git`.
    return not set(text[3:]) <= _FINGERPRINT or text.isupper()


RULES = (
    Rule(
        kind="in_aadhaar",
        name="in-aadhaar",
        pattern=r"[2-9]\d{3}(?: \d{4} \d{4}|-\d{4}-\d{4}|:\d{4}:\d{4})",
        before=r"[:alnum:].:-",
        after=r"[:alnum:]:-",
        validator=_aadhaar,
        behind=DUMPED,
        # One in ten of random numbers of this form passes.
        score=0.7,
        hits=("«3123 4567 8909»", "«3123-4567-8909».", "«3998:7654:3211»"),
        misses=("1234 5678 9012", "3123 4567 8908", "00000020: 7072 6573 3620 6279 7465"),
    ),
    Rule(
        kind="in_aadhaar",
        name="in-aadhaar-spoken-of",
        numeric=True,
        pattern=r"[2-9]\d{11}|[2-9]\d{3}[ .-]\d{4}[ .-]\d{4}",
        sign=RUN,
        before=r"[:alnum:].",
        validator=_aadhaar,
        context=expressions("in_aadhaar"),
        named=True,
        score=0.95,
        hits=("Aadhaar «312345678909»", "Aadhaar number: «3123 4567 8909»", "«399876543211» is my UIDAI number"),
        misses=("batch 312345678909", "312345678909", "aadhaar 312345678908"),
    ),
    Rule(
        kind="in_pan",
        pattern=r"[a-z]{3}[abcfghjlpt][a-z]\d{4}[a-z]",
        fold=True,
        validator=_pan,
        hits=("My PAN is «ABBPM4567S» with", "«aaapk1234a»"),
        misses=("ABCD1234", "ABBXM4567S", "XABBPM4567S", "fp_becfc5213f", "2.1gitfa8646d"),
    ),
    Rule(
        kind="au_tfn",
        numeric=True,
        pattern=r"\d{9}|\d{3}[ .-]\d{3}[ .-]\d{3}|\d{8}|\d{2}[ .-]\d{3}[ .-]\d{3}",
        sign=RUN,
        before=r"[:alnum:].",
        validator=_tfn,
        context=expressions("au_tfn"),
        named=True,
        hits=("TFN «876543210»", "my tax file number is «876 543 210»", "TFN: «876-543-210»"),
        misses=("824753557", "123 456\n789", "job 876543210", "876543210", "12345677"),
    ),
    Rule(
        kind="au_medicare",
        name="au-medicare",
        numeric=True,
        pattern=r"[2-6]\d{3} \d{5} \d(?:[ /-]?\d)?",
        validator=_medicare,
        score=0.8,
        hits=("«2123 45670 1»",),
        misses=("2123 45671 1",),
    ),
    Rule(
        kind="au_medicare",
        name="au-medicare-spoken-of",
        numeric=True,
        pattern=r"[2-6]\d{9,10}|[2-6]\d{3}[ -]\d{5}[ -]\d(?:[ /-]?\d)?",
        sign=RUN,
        validator=_medicare,
        context=expressions("au_medicare"),
        named=True,
        hits=("Medicare «2123456701»", "Medicare no. «2123-45670-1»", "«2123456701» (Medicare)"),
        misses=("2123456701", "Medicare 2123258701", "212345670221", "2123456702AF", "lot 2123456701"),
    ),
    spoken(
        "au_abn",
        r"[1-9]\d{10}|[1-9]\d[ -]\d{3}[ -]\d{3}[ -]\d{3}",
        _abn,
        score=0.95,
        hits=("ABN: «51 824 753 556»", "abn «51824753556»", "«51 824 753 556» (ABN)"),
        misses=("51 824 753 556", "ABN 51 824 753 557", "job 51824753556"),
    ),
    spoken(
        "au_acn",
        r"\d{3}[ -]\d{3}[ -]\d{3}|\d{9}",
        _acn,
        # One in ten of random numbers passes.
        hits=("ACN «004 085 616»", "A.C.N. «004085616»", "Australian Company Number: «004-085-616»"),
        misses=("004 085 616", "ACN 004 085 617", "job 004085616"),
    ),
    Rule(
        kind="in_gstin",
        name="in-gstin",
        numeric=True,
        sign=_GSTIN,
        pattern=r"[0-3]\d[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z][1-9A-Z]Z[0-9A-Z]",
        fold=True,
        validator=_gstin,
        score=1.0,
        hits=("GSTIN: «27AAPFU0939F1ZV»", "gst no «27aapfu0939f1zv».", "«29AAGCB7383J1Z4»"),
        misses=("27AAPFU0939F1ZW", "47AAPFU0939F1ZV", "27AAPFU0939F1YV"),
    ),
    Rule(
        kind="in_gstin",
        name="in-gstin-form",
        numeric=True,
        pattern=_GSTIN,
        sign=_GSTIN,
        fold=True,
        validator=str.isupper,
        # Many that are written in documents have no check character that fits.
        score=0.7,
        hits=("«27ABCDE1234F1Z5»",),
        misses=("27abcde1234f1z5", "47ABCDE1234F1Z5", "27ABCDE1234F1X5"),
    ),
    Rule(
        kind="in_gstin",
        name="in-gstin-spoken-of",
        numeric=True,
        pattern=_GSTIN,
        sign=_GSTIN,
        fold=True,
        context=expressions("in_gstin"),
        named=True,
        score=0.95,
        hits=("GSTIN: «27ABCDE1234F1Z5»", "gst_no=«01abcde1234f1z5»"),
        misses=("27abcde1234f1z5", "GSTIN 47ABCDE1234F1Z5", "GSTIN 27ABCDE1234F1X5"),
    ),
    Rule(
        kind="in_voter_id",
        numeric=True,
        # Only capitals may stand apart: in a stream, every other short word would have to wait for what follows.
        pattern=r"[A-Za-z]{3}-?\d{7}|[A-Z]{3} \d{7}|[A-Za-z]{2}/\d{2}/\d{3}/\d{6}",
        sign=RUN,
        context=expressions("in_voter_id"),
        named=True,
        hits=(
            "Voter ID: «ABC1234567»",
            "EPIC no «ABC 1234567», «abc1234567»",
            "epic_number=«WRN7654321»",
            "voter id «UP/78/385/123456»",
        ),
        misses=("ABC1234567", "voter id AB1234567", "voter ABC12345678"),
    ),
    sole("au_abn", r"\d{2} \d{3} \d{3} \d{3}", _abn, "51 824 753 556", ("51 824 753 557",)),
)
