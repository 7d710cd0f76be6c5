"""Contact data: e-mail addresses and telephone numbers."""

import re

from extproc.detectors.checksums import leading, numerals
from extproc.matching.rule import Rule

_LETTERS = r"\x{c0}-\x{24f}\x{370}-\x{52f}"
"""Latin, Greek and Cyrillic letters beyond ASCII. Chinese and the like are left out: there, no space parts words."""

_EXTENSION = r"(?: ?(?:x|ext\.?|extension) ?\d{1,6})?"
_DIALLED_ON = rf"\d{{0,2}}[ .-]?(?:\(\d{{1,4}}\)[ .-]?)?\d{{1,12}}(?:[ .-]\d{{2,8}}){{0,4}}{_EXTENSION}"
_DIALLED = rf"\d{_DIALLED_ON}"

# ITU-T E.164 country codes of one or two digits, then the first two digits of those that have three.
_CODES = frozenset(("1", "7")) | frozenset(map(str, {20, 27, *range(30, 35), 36, *range(39, 42), *range(43, 50)}))
_CODES |= frozenset(map(str, {*range(51, 59), *range(60, 67), 81, 82, 84, 86, *range(90, 96), 98}))
_CODES |= frozenset(map(str, {21, 22, 23, 24, 25, 26, 29, 35, 37, 38, 42, 50, 59, 67, 68, 69, 80, 85, 88, 96, 97, 99}))

_CALLED = (
    r"(?:tele)?phones?",
    r"tel(?:e(?:fon|fono|foon|phone))?s?(?: ?(?:no|nr|number))?",
    r"telefon(?:o|nummer|s)?",
    r"t(?:é|e)l(?:é|e)phone",
    r"call(?:ed|ing|s)?",
    r"mobil(?:e|telefon|nummer)?",
    r"m(?:ó|o)vil",
    r"cell(?:ulare?|phone)?",
    r"handy(?:nummer)?",
    r"fax",
    r"dial(?:ed|ing)?",
    r"office",
    r"landline",
    r"hotline",
    r"whatsapp",
    r"sms",
    r"text (?:me|him|her|us|them)",
    r"ring (?:me|him|her|us|them)",
    r"reach(?:ed|able)?",
    r"contact(?: number)?",
    r"answer(?:ing)? at",
    r"extension",
)


_DIGITS = re.compile(r"\d+")
_OF_A_DATE = re.compile(r"(?<!\d)0*(?:19|20)\d\d(?!\d)")
"""A year as all dates have it that are looked for."""
_DECIMAL, _LOCAL = re.compile(r"\d+\.\d+"), re.compile(r"\d{3}\.\d{4}")
_WITH_CODE = 11  # digits of the numbers of the codes 1 and 7
_MOST_DIGITS = 15  # ITU-T E.164


def _email(text: str) -> bool:
    local, _, domain = text.rpartition("@")
    return ".." not in text and local[-1] != "." and not domain.startswith("-")


def _international(text: str) -> str:
    """The digits from the country's code on, without an extension; empty if they are no number of any country."""
    number = numerals(text.lower().partition("x")[0].partition("e")[0]).lstrip("0")
    known = number[:1] in _CODES or number[:2] in _CODES
    return number if known and 8 <= len(number) <= _MOST_DIGITS else ""


def _international_end(text: str) -> int:
    """Return where the number that begins `text` ends, or 0. Groups beyond the fifteenth digit are no part."""
    return leading(text, _international, _MOST_DIGITS)


def _abroad(text: str) -> bool:
    number = _international(text)
    # An order's number may have zeros in front: where the length of a country's numbers is known, it must be that.
    return bool(number) and (number[0] not in "17" or len(number) == _WITH_CODE)


def _abroad_end(text: str) -> int:
    return leading(text, _abroad, _MOST_DIGITS)


def _national(text: str) -> bool:
    return 9 <= len(numerals(text)) <= 12 and not _like_a_date(text) and not _decimals(text)


def _spoken(text: str) -> bool:
    return 6 <= len(numerals(text)) <= 13 and not _like_a_date(text) and not ("." in text and _decimal(text))


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
        return len(parts) == 2 and all(1900 <= part <= 2099 for part in parts)
    year, month, day = parts[:3]
    if 1900 <= year <= 2099 and 1 <= month <= 12 and 1 <= day <= 31:
        return True
    return len(parts) == 3 and 1900 <= parts[2] <= 2099 and year <= 31 and month <= 31


RULES = (
    Rule(
        kind="email",
        pattern=rf"[\w{_LETTERS}](?:[\w.%+'&~#{_LETTERS}-]{{0,63}})@"
        rf"(?:[a-z0-9{_LETTERS}][a-z0-9{_LETTERS}-]{{0,62}}\.){{1,6}}(?:xn--[a-z0-9-]{{2,40}}|[a-z{_LETTERS}]{{2,24}})",
        sign=rf"[\w%+&'~#{_LETTERS}-]@[a-z0-9{_LETTERS}][a-z0-9{_LETTERS}-]{{0,62}}\.[a-z{_LETTERS}]",
        before=rf"\w{_LETTERS}",
        after=rf"[:alnum:]{_LETTERS}",
        fold=True,
        validator=_email,
        score=1.0,
        hits=(
            "write to «ann.smith+news@mail.example.co.uk», please",
            "«a@xn--d1acufc.xn--p1ai»",
            "«jürgen@bücher.example»!",
            "<«o'neil@example.com»>",
            "mailto:«x@example.org».",
            "邮箱«li@example.cn»。",
            "-«li@example.cn», ...«ann@example.org», +«x@example.com», %«y@example.com»",
        ),
        misses=("hello-world here", "a@b", "lodash@4.17.21", "me @ example.com", "@example.com"),
    ),
    Rule(
        kind="phone",
        name="phone-international",
        pattern=rf"\+{_DIALLED}",
        # Of the eight digits that a number has at least, three follow the first with nothing else in between.
        sign=r"\+\d[\d .()-]{3}",
        before=r"[:alnum:]+",
        fold=True,
        fit=_international_end,
        hits=(
            "Brazil: «+55 11 98456 5666»",
            "«+44 (20) 7123 4567»",
            "call «+493012345678» now",
            "«+1-962-819-8200»",
            "«+1 415 555 2671» 20231105",
        ),
        misses=("+12", "1+1234567890123456", "+99999999999999999"),
    ),
    Rule(
        kind="phone",
        name="phone-dialled-abroad",
        pattern=rf"00[ -]?[1-9]{_DIALLED_ON}",
        sign=r"00[ -]?[1-9][\d .()-]{3}",
        # Behind an underscore or a dash it is a part of an identifier.
        before=r"\w+-",
        fold=True,
        fit=_abroad_end,
        behind=r"\d\.",
        hits=("«001-846-853-9089x92556»", "Tel.«0049 30 1234567»", "«00 44 20 7123 4567»"),
        misses=(
            "37.0061 26.3109 37.0061C21.8282",
            "order_0049301234567",
            "550e8400-0045-4123-8123-123456789012",
            "00000000-0000-4000-8000-000000000000",
            "000012345678",
            "order 0012345678",
        ),
    ),
    Rule(
        kind="phone",
        name="phone-north-american",
        numeric=True,
        pattern=r"(?:1[ .-])?(?:\(\d{3}\)[ .-]?\d{3}[ .-]\d{4}|\d{3}-\d{3}-\d{4}|\d{3}\.\d{3}\.\d{4})"
        rf"{_EXTENSION}",
        before=r"[:alnum:]+.-",
        after=r"[:alnum:]",
        fold=True,
        hits=(
            "«(415) 555-0132»",
            "«(978)645-9740x11144»",
            "fax «166-684-7899»",
            "«916.972.1680 ext. 22»",
            "«1-800-555-0199»",
        ),
        misses=("is415-555-0132", "415-555-01323", "1.415.555", "4155550132"),
    ),
    Rule(
        kind="phone",
        name="phone-national",
        numeric=True,
        pattern=r"(?:0\d{1,4}[ .-]|\(0\d{1,4}\)[ ]?)(?:\d{3,8}(?:[ .-]\d{2,5}){0,3}|\d{2}(?:[ .-]\d{2,4}){2,4})",
        before=r"[:alnum:]+.,/:-",
        after=r"[:alnum:]/:",
        validator=_national,
        score=0.8,
        hits=(
            "«089 72 63 41»",
            "tel «0487 23 46 71»",
            "«06-24312407»",
            "«02.27.96.63.08»",
            "«(03) 5327 5996»",
        ),
        misses=("01.02.2023", "on 05-12-2023 we", "0.25 0.50", "00:12:34"),
    ),
    Rule(
        kind="phone",
        name="phone-spoken-of",
        pattern=r"(?:(?:\(\d{2,5}\)[ ]?|\d{2,5}[ .-])\d{2,8}(?:[ .-]\d{2,5}){0,4}|\d{7,12})"
        rf"{_EXTENSION}",
        # Behind an underscore it is a part of an identifier: `call_2813882583`.
        before=r"\w+.,/:-",
        after=r"[:alnum:]/:",
        fold=True,
        validator=_spoken,
        context=_CALLED,
        near=(24, 12),
        score=0.6,
        hits=(
            "They're not answering at «785 8949»",
            "Phone: «2813882583»",
            "«96 228011» office",
            "mobile «25-62-29-72»",
            "reach me at «(88) 684-334»",
        ),
        misses=(
            "order 785 8949 shipped",
            "2813882583",
            "call_2813882583",
            "contact 36.3792 28.6306",
            "call before 2023-05-01",
            "phone 12",
        ),
    ),
)
