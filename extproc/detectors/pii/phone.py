"""Telephone numbers: by the form that they have alone, or by the words beside them."""

import re
from collections.abc import Callable

from extproc.detectors.checksums import leading, numerals
from extproc.detectors.pii.beside_phones import AMID, COUNTED, FRACTION, HEX, OF_THINGS
from extproc.detectors.pii.words import expressions
from extproc.matching.rule import Rule

_EXTENSION = r"(?: ?(?:x|ext\.?|extension) ?\d{1,6})?"
_CLOCK = r"(?::[\w/]{1,24})?"
"""The minutes of a time, whose hour looks like the last group of a number; or the next part of an identifier."""
_PART = r"[ ./()-]{0,3}"
"""Separators between two digits of a number as people write it: `) `, ` / `, `-`. Three blanks are one in a URL."""
_SPOKEN_PART = r"[ .+/()-]{0,3}"
"""The same where a word says what it is: in a URL, `+` is a blank."""

# ITU-T E.164 country codes of one or two digits, then those of three.
_CODES = frozenset(("1", "7")) | frozenset(map(str, {20, 27, *range(30, 35), 36, *range(39, 42), *range(43, 50)}))
_CODES |= frozenset(map(str, {*range(51, 59), *range(60, 67), 81, 82, 84, 86, *range(90, 96), 98}))
_CODES |= frozenset(map(str, {211, 212, 213, 216, 218, *range(220, 259), *range(260, 270), 290, 291, 297, 298, 299}))
_CODES |= frozenset(map(str, {*range(350, 360), *range(370, 384), 385, 386, 387, 389, 420, 421, 423, *range(500, 510)}))
_CODES |= frozenset(map(str, {*range(590, 600), 670, *range(672, 684), *range(685, 693), 800, 808, 850, 852, 853, 855}))
_CODES |= frozenset(map(str, {856, 870, 878, *range(880, 884), 886, 888, *range(960, 969), *range(970, 980), 992, 993}))
_CODES |= frozenset(map(str, {994, 995, 996, 998}))

_DIGITS = re.compile(r"\d+")
_OF_A_DATE = re.compile(r"(?<!\d)0*(?:19|20)\d\d(?!\d)")
"""A year as all dates have it that are looked for."""
_MONTH = re.compile(r"(?:19|20)\d\d-(?:0[1-9]|1[0-2])")
_DECIMAL, _LOCAL = re.compile(r"\d+\.\d+"), re.compile(r"\d{3}\.\d{4}")
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_FLOAT = re.compile(r"\+\d{4,}\.\d+|\+\d\.\d{1,9}|\+\d\.\d{11,}|\+[2-9]\.\d+")
"""A number with a sign; `+1.4155552671` is how registries of domains write a telephone number."""
_ZIP = re.compile(r"\d{5}-\d{4}")
_SOCIAL = re.compile(r"\d{3}-\d{2}-\d{4}")
"""The form of a social security number, which no telephone number has."""
_BLANKS = re.compile("[ ()]+")
_FOURS = re.compile(r"00(?!39)\d\d(?: 0\d{3}){2}|00\d\d \d{4} 00\d\d")
"""Code points, `0065 0302 0304`: behind the country's code no number but Italy's begins with 0."""
_PAIRS = re.compile(r"\d\d(?:[ -]\d\d){6,}")
_ARITHMETIC = re.compile(
    r"\+ \d{1,2} \d |\+ ?\d{1,2}\.\d{1,2}\.\d|\+ ?\(?\d+(?:\)[/*]|\.-)|\+ \(?\d+ [/-] \d|\+ \d+\Z|"
    r"\+ ?\(?(?:1[5-9]|20)\d\d ?- ?(?:1[5-9]|20)\d\d(?!\d)"
)
"""A sum, `+ 25 / 3600`, or a plus sign in front of years, `+ (1800-1899)`."""
_NESTED = re.compile(r"\+[^()]*\([^()]*\(")
_WRITTEN_DAY = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
_ROUND = re.compile(r"\d\D?0+(?:\D0+)*|\d{1,3}0{6,}")
"""A rounded number: `1.000.000`, `68000000`."""
_EIGHTS = re.compile(r"\d{8} \d{7}")
"""Offsets in a file, in columns: no number has two groups of so many digits."""
_DRAWN = re.compile(r"\d{1,2}\.\d{1,3}")
"""A coordinate of a drawing."""
_DAY_DIGITS = 8
_WITH_CODE = 11  # digits of the numbers of the codes 1 and 7
_UNPARTED = 10  # least digits of a number in one run: `+20231105` is a line of a diff
_MOST_DIGITS = 15  # ITU-T E.164


def _international(text: str) -> str:
    """The digits from the country's code on, without an extension; empty if they are no number of any country."""
    number = numerals(_without_extension(text)).lstrip("0")
    if number[:1] in {"1", "7"} and len(number) > _WITH_CODE:
        return ""
    known = number[:1] in _CODES or number[:2] in _CODES or number[:3] in _CODES
    return number if known and 8 <= len(number) <= _MOST_DIGITS else ""


def _without_extension(text: str) -> str:
    return text.lower().partition("x")[0].partition("e")[0]


def _international_end(text: str) -> int:
    """Return where the number that begins `text` ends, or 0. Groups beyond the fifteenth digit are no part."""
    if (text[1:].isdigit() and len(text) <= _UNPARTED) or ("." in text and _FLOAT.fullmatch(text)):
        return 0
    if _ARITHMETIC.match(text) is not None or _NESTED.match(text) is not None:
        return 0
    return _american_end(text) or leading(text, _international, _MOST_DIGITS)


def _american_end(text: str) -> int:
    """The end of a number whose code tells its length, if groups follow it that are none of its own."""
    if text.lstrip("+( ")[:1] not in {"1", "7"} or "x" in text.lower():
        return 0
    ends = (group.end() for group in _DIGITS.finditer(text))
    return next((end for end in ends if len(numerals(text[:end]).lstrip("0")) == _WITH_CODE), 0)


def _abroad(text: str) -> bool:
    number = _international(text)
    if _FOURS.match(text) is not None or ("." in text and sum("." in part for part in text.split()) > 1):
        return False
    # An order's number may have zeros in front: where the length of a country's numbers is known, it must be that.
    return bool(number) and (number[0] not in "17" or len(number) == _WITH_CODE)


def _abroad_end(text: str) -> int:
    if _EIGHTS.match(text) is not None or any(map(_DRAWN.fullmatch, text.split()[1:2])):
        return 0
    if _PAIRS.match(text) or (text.isdigit() and len(text) < _UNPARTED + 2):
        return 0
    return leading(text, _abroad, _MOST_DIGITS)


def _national(text: str) -> bool:
    # 02111-1307 is a ZIP code, and stands in every copy of the GNU licences.
    return (
        9 <= len(numerals(text)) <= 12
        and _ZIP.fullmatch(text) is None
        and _SOCIAL.match(text) is None
        and not _like_a_date(text)
        and not ("." in text and _decimals(text))
    )


def _national_end(text: str) -> int:
    if _national(text):
        return len(text)
    # Only brackets tell where a number begins that more groups follow; else these may be the last ones of a card.
    return _parted_end(text, _national) if text[0] == "(" and not _PAIRS.match(text) else 0


def _spoken_end(text: str) -> int:
    text, _, behind = text.partition(":")
    if behind:
        # An hour is no group of the number, and a number between colons is no telephone's.
        text = text[: text.rfind(" ") + 1].rstrip() if behind.isdigit() else ""
    return _parted_end(text, _spoken)


def _parted_end(text: str, valid: Callable[[str], bool]) -> int:
    """Return the length of the longest beginning of `text` that is `valid`, up to a blank or a bracket or all of it."""
    if valid(text):
        return len(text)
    ends = [blank.start() for blank in _BLANKS.finditer(text)]
    return next((end for end in reversed(ends) if valid(text[:end])), 0)


def _spoken(text: str) -> bool:
    number = _without_extension(text)
    size = len(numerals(number))
    return (
        (size >= 7 or (size == 6 and not number.isdigit()))
        and size <= _MOST_DIGITS
        and _SOCIAL.fullmatch(text) is None
        and _ROUND.fullmatch(text) is None
        and not numerals(number).startswith("000")
        and not (size == _DAY_DIGITS and _WRITTEN_DAY.fullmatch(text))
        and not _like_a_date(text)
        and not ("." in text and (_decimal(text) or _ADDRESS.fullmatch(text) is not None))
    )


def _decimal(text: str) -> bool:
    """True if a part is a coordinate as `36.3792`; `785.8949` may be called."""
    return any(_DECIMAL.fullmatch(part) and not _LOCAL.fullmatch(part) for part in text.split())


def _decimals(text: str) -> bool:
    """True for `36.3792 28.6306`: several numbers with one dot each."""
    return sum(part.count(".") == 1 for part in text.split()) > 1


def _like_a_date(text: str) -> bool:
    if _OF_A_DATE.search(text) is None:
        return False
    parts = [int(part) for part in _DIGITS.findall(text)]
    if len(parts) < 3:
        return len(parts) == 2 and (all(1900 <= part <= 2099 for part in parts) or _MONTH.fullmatch(text) is not None)
    year, month, day = parts[:3]
    if 1900 <= year <= 2099 and 1 <= month <= 12 and 1 <= day <= 31:
        return True
    return len(parts) == 3 and 1900 <= parts[2] <= 2099 and year <= 31 and month <= 31


RULES = (
    Rule(
        kind="phone",
        name="phone-international",
        pattern=rf"\(?\+ ?\(?[1-9](?:{_PART}\d){{6,16}}{_EXTENSION}",
        # Of the eight digits that a number has at least, three follow the first with nothing else in between.
        sign=r"\+[ (]{0,2}[1-9][\d .()/-]{3}",
        before=r"[:alnum:]+",
        fold=True,
        fit=_international_end,
        score=0.95,
        hits=(
            "Brazil: «+55 11 98456 5666»",
            "«+44 (20) 7123 4567»",
            "call «+493012345678» now",
            "«+1-962-819-8200»",
            "«+1 415 555 2671» 20231105",
            "«+1 (415) 555-2671»() 2023",
            "«(+45) 12 34 56 78» hverdage",
            "«+49 176/1234567»",
            "«+1 (415) 555-2671» 2023",
            "phone=«+49%20176%201234567»",
            "«\uff0b\uff14\uff19\u3000\uff11\uff17\uff16\u3000\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18»",
            "«+55 12 9965\u20121234»",
        ),
        misses=(
            "+12",
            "1+1234567890123456",
            "+99999999999999999",
            "+20231105 added",
            "+0.0021260872",
            "+7.1234567890",
            "-0.5 + 25 / 3600 / 24 + 1e-11",
            "(1 + (1000 - 993)/(1997 - 993))/10",
            "(time + 11644473600)",
            "+17 46 26.496624000",
            "[+46236.3358828121, +84459.375]",
            "basic a 1 + 1 0 02598609",
            "Testcases 3.2.1.5 + 3.2.1.8-3.2.1.12",
            "($i + 524288)/1048576",
            "+ (13860.-(462.-(132.-(99.",
            "either + (1800\u20131899), - (1900)",
        ),
    ),
    Rule(
        kind="phone",
        name="phone-dialled-abroad",
        pattern=rf"00[ -]?[1-9](?:{_PART}\d){{7,16}}{_EXTENSION}",
        sign=r"00[ -]?[1-9][\d .()/-]{3}",
        # Behind an underscore or a dash it is a part of an identifier.
        before=r"\w+-",
        fold=True,
        fit=_abroad_end,
        # Behind a number and a slash stands an ISSN: `10.1088/0067-0049/208/2/19`.
        behind=rf"{FRACTION}|{HEX}|\d/",
        score=0.8,
        hits=("«001-846-853-9089x92556»", "Tel.«0049 30 1234567»", "«00 44 20 7123 4567»"),
        misses=(
            "37.0061 26.3109 37.0061C21.8282",
            "order_0049301234567",
            "550e8400-0045-4123-8123-456789012",
            "00000000-0000-4000-8000-000000000000",
            "000012345678",
            "order 0012345678",
            "ff 00 14 22 04 25 37 8a",
            "00 14 22 04 25 37 55 66 77",
            "0021260872",
            "c-.006.22-.349.344-.0044.15.12.13",
            "q.001 2.13-.197 3.743z",
            "0065 0302 0304 ; [.2007.0021.0002]",
            "<fraction> 0031 2044 0034;;;1/4",
            "r2_p=.0055004288638308,",
            "doi: 10.1088/0067-0049/208/2/19",
            "2 ; 4 2 00249878 00249736 00250056",
            "00 59 00 5e\n00 63 00 68 00 6d",
            "a12.111 12.111 0 0024 11.791 11.766",
            "a5.055 5.055 0 0010.932 15 5.068 5.068 0 0016 9.932",
        ),
    ),
    Rule(
        kind="phone",
        name="phone-north-american",
        numeric=True,
        pattern=r"(?:1[ .-]{0,3})?(?:\(\d{3}\)[ .-]{0,3}\d{3}[ .-]{0,3}|\d{3}(?:-|/)\d{3}-|\d{3}\.\d{3}\.)"
        r"(?:\d{4}|[x*]{4})"
        rf"{_EXTENSION}",
        before=r"[:alnum:]+.-",
        after=r"[:alnum:]-",
        fold=True,
        unless=OF_THINGS,
        score=0.85,
        hits=(
            "«(415) 555-0132»",
            "«(978)645-9740x11144»",
            "fax «166-684-7899»",
            "«916.972.1680 ext. 22»",
            "«1-800-555-0199»",
            "«1(516)733-xxxx»",
            "«415/666-7777»",
        ),
        misses=("is415-555-0132", "415-555-01323", "1.415.555", "4155550132", "Part number: 555-123-4567-A"),
    ),
    Rule(
        kind="phone",
        name="phone-national",
        numeric=True,
        # No area's code begins with two zeros.
        pattern=r"(?:0[1-9]\d{0,3}[ ./-]|\(0[1-9]\d{0,3}\)[ ]?)"
        r"(?:\d{3,8}(?:[ .-]\d{2,5}){0,3}|\d{2}(?:[ .-]\d{2,4}){2,6})",
        before=r"[:alnum:]+.,/:-",
        after=r"[:alnum:]/:",
        fit=_national_end,
        unless=OF_THINGS,
        behind=rf"{HEX}|{AMID}",
        score=0.75,
        hits=(
            "«089 72 63 41»",
            "tel «0487 23 46 71»",
            "«06-24312407»",
            "«02.27.96.63.08»",
            "«(03) 5327 5996»",
            "«0176/12345678»",
        ),
        misses=(
            "01.02.2023",
            "on 05-12-2023 we",
            "0.25 0.50",
            "00:12:34",
            "01 02 03 04 05 06 07 08",
            "7f 02 27 96 63 08",
            "00000010  02 27 96 63 08 af",
            "1f5e 0217 3473 1847",
            "Boston, MA 02111-1307",
            "0000 0000 0000 0000",
            "0x2260 = 0010 0010 0110 0000",
        ),
    ),
    Rule(
        kind="phone",
        name="phone-spoken-of",
        pattern=rf"(?:\( ?)?(?:\+ ?)?(?:\( ?)?\d(?:{_SPOKEN_PART}\d){{5,23}}{_EXTENSION}{_CLOCK}",
        # Behind an underscore it is a part of an identifier: `call_2813882583`.
        # Only where a group ends: each hit has its cost, and the numbers of a table would have one for each digit.
        sign=rf"\d(?:{_SPOKEN_PART}\d){{5}}[^0-9]",
        before=r"\w+.,/-",
        after=r"[:alnum:]/",
        fold=True,
        fit=_spoken_end,
        behind=rf"{COUNTED}|{AMID}",
        context=expressions("phone", "call"),
        near=(40, 12),
        # A member `calls` counts them.
        named=expressions("phone"),
        score=0.8,
        hits=(
            "Phone: «2813882583» and «96 228011»",
            "mobile «25-62-29-72»",
            "mobile «25-62-29-72»: Anna, or «785 8949» 10:30",
            "Mein Handy: «0176/1234567»",
            "我的手机号是«15526018159»。",
            "電話番号は«97-5432-3194»です",
            "मेरा फोन नंबर «06712768426» है",
            "telefone «(351) 968 301 661»",
            "phone: «( 800 ) 123-4567»",
            "<phoneNumber>«0285601815»</phoneNumber>",
            "PHONE_NUMBER=«0285601815»",
            "tool --phone-number «0285601815» --verbose",
            "?id=7&phone=«533%20186%20091»&open=1",
            "?id=7&phone=«533+186+091»&open=1",
            "userPhone=«0285601815»",
            "They're not answering at «785 8949»",
            "«96 228011» office",
            "reach me at «(88) 684-3345»",
            "Proszę dzwonić pod numer «533 186 091».",
            "Me liga no «61 0308-2462» amanhã.",
            "Vous pouvez me joindre au «0285601815».",
        ),
        misses=(
            "order 785 8949 shipped",
            "2813882583",
            "iPhone 12345678",
            "phone 12",
            "hôtel 12345678",
            "phone 2023-05-01",
            "telemetry 1234567890",
            "phone at 192.168.100.200",
            "call_2813882583",
            "contact 36.3792 28.6306",
            "call before 2023-05-01",
            "call 12",
            "the office has 455-99-6622",
            "its number is 675984103431",
            "extension 3.0.1 (Closes: #1032070)",
            "phone.svg crc32=56296226",
            'call at "2016-05-23T10:18:16"',
            "House call 20120405 9.500",
            "phone 1.000.000",
            "arn:aws:ssm-contacts:us-east-2:111122223333:contact/ann",
            "phones sold: 68000000",
            "reachable 0 00019131 a 0000",
            "<A WITH RING ABOVE> 197  103  103",
        ),
    ),
)
