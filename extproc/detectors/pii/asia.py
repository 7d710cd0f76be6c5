"""National identifiers of China, Indonesia, Japan, Korea, Malaysia, the Philippines, Singapore and Thailand."""

from extproc.detectors.checksums import digits, numerals, weighted
from extproc.detectors.pii.dates import is_day, is_ddmmyy, is_yymmdd, is_yyyymmdd
from extproc.detectors.pii.runs import RUN, national, spoken
from extproc.detectors.pii.words import expressions
from extproc.matching.rule import Rule

_RESIDENT_WEIGHTS = tuple(pow(2, 17 - place, 11) for place in range(17))
_RESIDENT_CHECKS = "10X98765432"
_PROVINCES = frozenset(
    map(str, (*range(11, 16), *range(21, 24), *range(31, 38), *range(41, 47), *range(50, 55), *range(61, 66), 71))
) | {"81", "82", "83", "91"}
_RRN = r"\d{6}-[1-8]\d{6}"
_MY_NUMBER = r"\d{12}|\d{4}[ -]\d{4}[ -]\d{4}"
_MY_NUMBER_WEIGHTS = (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
_NRIC_CHECKS = {"S": "JZIHGFEDCBA", "F": "XWUTRQPNMLK", "M": "XWUTRQPNJLK"}
_NRIC_CHECKS |= {"T": _NRIC_CHECKS["S"], "G": _NRIC_CHECKS["F"]}
_NRIC_ADDED = {"T": 4, "G": 4, "M": 3}
_MALAYSIAN_PLACES = frozenset(
    {*range(1, 17), *range(21, 60), *range(60, 69), 71, 72, *range(74, 80), *range(82, 94), 98, 99}
)


def _resident(text: str) -> bool:
    total = weighted([int(char) for char in text[:17]], _RESIDENT_WEIGHTS)
    dated = text[:2] in _PROVINCES and is_yyyymmdd(text[6:])
    return dated and _RESIDENT_CHECKS[total % 11] == text[17].upper()


def _my_number(text: str) -> bool:
    number = digits(text)
    rest = weighted(number, _MY_NUMBER_WEIGHTS) % 11
    return len(set(number)) > 2 and number[11] == (0 if rest < 2 else 11 - rest)


def _rrn_dated(text: str) -> bool:
    return is_yymmdd(text)


def _rrn_spoken(text: str) -> bool:
    # Those of test data have months and days that are 0.
    return int(text[2:4]) <= 12 and int(text[4:6]) <= 31 and len(set(numerals(text))) > 2


def _rrn(text: str) -> bool:
    # Numbers given since October 2020 have no check digit.
    number = digits(text)
    check = (11 - weighted(number, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)) % 11) % 10
    return is_yymmdd(text) and number[12] == check


def _nric(text: str) -> bool:
    code = text.upper()
    total = weighted(digits(code), (2, 7, 6, 5, 4, 3, 2)) + _NRIC_ADDED.get(code[0], 0)
    return _NRIC_CHECKS[code[0]][total % 11] == code[8]


def _thai(text: str) -> bool:
    number = digits(text)
    check = (11 - weighted(number, (13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2)) % 11) % 10
    return number[0] > 0 and len(set(number)) > 2 and check == number[12]


def _mykad(text: str) -> bool:
    number = numerals(text)
    return is_yymmdd(number) and int(number[6:8]) in _MALAYSIAN_PLACES


def _nik(text: str) -> bool:
    # 40 is added to the day of women.
    number = numerals(text)
    day, month, year = int(number[6:8]), int(number[8:10]), int(number[10:12])
    return number[12:] != "0000" and (is_ddmmyy(number[6:]) or is_day(year, month, day - 40))


def _varied(text: str) -> bool:
    return len(set(numerals(text))) > 2


RULES = (
    Rule(
        kind="cn_resident_id",
        name="cn-resident-id-x",
        numeric=True,
        # Only those with a letter are told from numbers that count something.
        pattern=r"[1-9]\d{16}X",
        fold=True,
        before=r"[:alnum:].",
        validator=_resident,
        score=1.0,
        hits=("身份证号«11010519491231002X»", "ID «11010519491231002x»,"),
        misses=("11010519491331002X", "11010519491231003X", "16010519491231002X"),
    ),
    *national(
        spoken(
            "cn_resident_id",
            r"[1-9]\d{16}[0-9X]|[1-9]\d{5}[ -]\d{8}[ -]\d{3}[0-9X]",
            lambda text: _resident(text.replace(" ", "").replace("-", "")),
            name="cn-resident-id-spoken-of",
            score=1.0,
            hits=(
                "身份证号码: «110101199003074514»",
                "我的身份证是«110101 19900307 4514»",
                "resident identity card «110101199003074514»",
                "sfzh=«110101199003074514»",
            ),
            misses=("110101199003074514", "身份证号 110101199003074515", "订单号 110101199003074514"),
        ),
        # Surer than a payment card of any issuer: "ID card number" has the words of both.
        score=0.95,
    ),
    spoken(
        "jp_my_number",
        _MY_NUMBER,
        _my_number,
        name="jp-my-number",
        # One in eleven of random numbers passes.
        hits=("マイナンバー: «123456789018»", "個人番号は«1234 5678 9018»です", "My Number card «1234-5678-9018»"),
        misses=("123456789018", "マイナンバー 123456789019", "注文番号 123456789018"),
    ),
    spoken(
        "jp_my_number",
        _MY_NUMBER,
        _my_number,
        words=("my_number",),
        own=False,
        name="jp-my-number-said",
        # Less than that of a telephone number: in English, "my number" is one.
        score=0.75,
        hits=("My Number: «123456789018»", "my_number=«1234 5678 9018»"),
        misses=("123456789018", "my number 123456789019"),
    ),
    spoken(
        "jp_my_number",
        r"\d{4} \d{4} \d{4}|\d{4}-\d{4}-\d{4}",
        _my_number,
        words=("my_number",),
        own=False,
        name="jp-my-number-grouped",
        # No telephone number has three groups of four.
        score=0.85,
        hits=("My Number: «1234 5678 9018»",),
        misses=("1234 5678 9018", "my number 1234 5678 9019", "my number 123456789018"),
    ),
    Rule(
        kind="kr_rrn",
        name="kr-rrn",
        numeric=True,
        pattern=_RRN,
        sign=_RRN,
        before=r"[:alnum:].+-",
        after=r"[:alnum:]-",
        validator=_rrn,
        # Of random numbers of this form, 3 in 1,000 pass: a day, and one check digit.
        score=0.8,
        hits=("«900101-1234568»", "주민등록번호 «820701-2409181»"),
        misses=("901231-1234567", "901301-1234568", "900101-9234568", "9001011234568"),
    ),
    Rule(
        kind="kr_rrn",
        name="kr-rrn-dated",
        numeric=True,
        pattern=_RRN,
        sign=_RRN,
        before=r"[:alnum:].+-",
        after=r"[:alnum:]-",
        validator=_rrn_dated,
        # Numbers without a check digit; of random numbers of this form, 3 in 100 pass.
        score=0.5,
        hits=("«960121-1234567»",),
        misses=("961321-1234567", "960121-9234567", "+340308-1181434"),
    ),
    spoken(
        "kr_rrn",
        r"\d{6}[ -]?[1-8]\d{6}",
        _rrn_spoken,
        name="kr-rrn-spoken-of",
        score=0.95,
        hits=(
            "주민등록번호: «9001011234567»",
            "주민번호 «211231-3456789»",
            "resident registration number «900101 1234567»",
        ),
        misses=("9001011234567", "주민등록번호 9013011234567", "주문 9001011234567"),
    ),
    Rule(
        kind="sg_nric",
        name="sg-nric",
        numeric=True,
        pattern=r"[STFGM]\d{7}[A-Z]",
        before=r"[:alnum:].-",
        after=r"[:alnum:]-",
        validator=_nric,
        # One in 26 of random codes of this form passes.
        score=0.85,
        hits=("NRIC: «S1234567D»", "«T0123456G»", "FIN «G1234567X», «M5398242L»"),
        misses=("S1234567E", "s1234567d", "A1234567D", "S1234567D1"),
    ),
    Rule(
        kind="sg_nric",
        name="sg-nric-spoken-of",
        numeric=True,
        # Only capitals may stand apart: in a stream, every other short word would have to wait for what follows.
        pattern=r"[STFGMstfgm]-?\d{7}-?[A-Za-z]|[STFGM] \d{7} ?[A-Z]",
        sign=RUN,
        validator=lambda text: _nric(text.replace(" ", "").replace("-", "")),
        context=expressions("sg_nric"),
        named=True,
        score=0.95,
        hits=("nric «s1234567d»", "NRIC «S 1234567 D»"),
        misses=("s1234567d", "nric s1234567e"),
    ),
    Rule(
        kind="th_id",
        name="th-id",
        numeric=True,
        pattern=r"[1-9]-\d{4}-\d{5}-\d{2}-\d",
        before=r"[:alnum:].-",
        after=r"[:alnum:]-",
        validator=_thai,
        score=0.95,
        hits=("«1-1017-00230-70-8»",),
        misses=("1-1017-00230-70-6",),
    ),
    *national(
        spoken(
            "th_id",
            r"[1-9]\d{12}|[1-9][ -]\d{4}[ -]\d{5}[ -]\d{2}[ -]\d",
            _thai,
            name="th-id-spoken-of",
            hits=(
                "เลขประจำตัวประชาชน «1101700230708»",
                "บัตรประชาชน: «1 1017 00230 70 8»",
                "Thai ID «1101700230708»",
            ),
            misses=("1101700230708", "เลขประจำตัวประชาชน 1101700230706", "คำสั่งซื้อ 1101700230708"),
        ),
        # One in ten of random numbers passes, so that numbers with a day go before.
        score=0.8,
    ),
    spoken(
        "my_nric",
        r"\d{6}[ -]?\d{2}[ -]?\d{4}",
        _mykad,
        # With a day and a place, but no check digit: 3 in 100 of random numbers pass.
        hits=("No. kad pengenalan: «900101-14-5678»", "MyKad «900101145678»", "IC number «900101 14 5678»"),
        misses=("900101-14-5678", "MyKad 901301-14-5678", "kad pengenalan 900101-00-5678"),
    ),
    spoken(
        "id_nik",
        r"[1-9]\d{15}|[1-9]\d{3}[ .-]\d{4}[ .-]\d{4}[ .-]\d{4}",
        _nik,
        # With a day, but no check digit: 7 in 100 of random numbers pass.
        score=0.9,
        hits=("NIK: «3171015708900001»", "nomor KTP «3171011708900001»", "NIK «3171 0117 0890 0001»"),
        misses=("3171015708900001", "NIK 3171013208900001", "pesanan 3171015708900001"),
    ),
    spoken(
        "ph_sss",
        r"\d{2}-\d{7}-\d|\d{10}",
        _varied,
        # Without a check digit, any number of this length beside the word passes.
        hits=("SSS number «34-1234567-8»", "SSS no. «3412345678»", "sss_number: «34-1234567-8»"),
        misses=("34-1234567-8", "SSS number 11-1111111-1", "job 3412345678"),
    ),
    spoken(
        "ph_tin",
        r"\d{3}-\d{3}-\d{3}(?:-\d{3}(?:\d{2})?)?",
        _varied,
        words=("ph_tin_grouped",),
        name="ph-tin",
        # Without a check digit, any number of this form beside the word passes.
        hits=("TIN «123-456-789-000»", "BIR TIN: «123-456-780»", "TIN: «000-123-456»"),
        misses=("123-456-789-000", "BIR TIN 111-111-111", "lot 123-456-789"),
    ),
    spoken(
        "ph_tin",
        r"\d{3} \d{3} \d{3}(?: \d{3}(?:\d{2})?)?|\d{9}(?:\d{3})?",
        _varied,
        name="ph-tin-digits",
        hits=("Philippine TIN: «123456789»", "BIR TIN «123 456 789 000»"),
        misses=("123456789", "TIN 123456780"),
    ),
)
