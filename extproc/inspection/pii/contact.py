"""How to reach a person: e-mail addresses and telephone numbers."""

from extproc.inspection.checksums import numerals
from extproc.inspection.rule import Rule

_LETTERS = r"\x{c0}-\x{24f}\x{370}-\x{52f}"
"""Latin, Greek and Cyrillic letters beyond ASCII. Chinese and the like are left out: there, no space parts words."""

_EXTENSION = r"(?: ?(?:x|ext\.?|extension) ?\d{1,6})?"

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


def _email(text: str) -> bool:
    local, _, domain = text.rpartition("@")
    return ".." not in text and local[-1] != "." and not domain.startswith("-")


def _international(text: str) -> bool:
    number = numerals(text.partition("x")[0].partition("e")[0]).lstrip("0")
    return 8 <= len(number) <= 15 and (number[:1] in _CODES or number[:2] in _CODES)


def _national(text: str) -> bool:
    return 9 <= len(numerals(text)) <= 12 and not _like_a_date(text)


def _spoken(text: str) -> bool:
    return 6 <= len(numerals(text)) <= 13 and not _like_a_date(text)


def _like_a_date(text: str) -> bool:
    parts = [int(part) for part in "".join(char if char.isdigit() else " " for char in text).split()]
    if len(parts) < 3:
        return len(parts) == 2 and all(1900 <= part <= 2099 for part in parts)
    year, month, day = parts[:3]
    if 1900 <= year <= 2099 and 1 <= month <= 12 and 1 <= day <= 31:
        return True
    return len(parts) == 3 and 1900 <= parts[2] <= 2099 and year <= 31 and month <= 31


RULES = (
    Rule(
        kind="email",
        pattern=rf"[a-z0-9{_LETTERS}](?:[\w.%+'&~#{_LETTERS}-]{{0,63}})@"
        rf"(?:[a-z0-9{_LETTERS}][a-z0-9{_LETTERS}-]{{0,62}}\.){{1,6}}(?:xn--[a-z0-9-]{{2,40}}|[a-z{_LETTERS}]{{2,24}})",
        sign=rf"[\w%+&'~#{_LETTERS}-]@[a-z0-9{_LETTERS}][a-z0-9{_LETTERS}-]{{0,62}}\.[a-z{_LETTERS}]",
        before=rf"\w.%+{_LETTERS}-",
        after=rf"\w{_LETTERS}",
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
        ),
        misses=("hello-world here", "a@b", "lodash@4.17.21", "joe..b@example.com", "me @ example.com", "@example.com"),
    ),
    Rule(
        kind="phone",
        name="phone-international",
        pattern=r"(?:\+|00[ -]?)\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{1,12}(?:[ .-]\d{2,8}){0,4}"
        rf"{_EXTENSION}",
        # Of the eight digits that a number has at least, three follow the first with nothing else in between.
        sign=r"(?:\+|00[ -]?)\d[\d .()-]{3}",
        before=r"\w+",
        fold=True,
        validator=_international,
        hits=(
            "Brazil: «+55 11 98456 5666»",
            "«+44 (20) 7123 4567»",
            "call «+493012345678» now",
            "«+1-962-819-8200»",
            "«001-846-853-9089x92556»",
        ),
        misses=("+12", "1+1234567890123456", "+99999999999999999"),
    ),
    Rule(
        kind="phone",
        name="phone-north-american",
        pattern=r"(?:1[ .-])?(?:\(\d{3}\)[ .-]?\d{3}[ .-]\d{4}|\d{3}-\d{3}-\d{4}|\d{3}\.\d{3}\.\d{4})"
        rf"{_EXTENSION}",
        before=r"\w+.-",
        after=r"\w",
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
        pattern=r"(?:0\d{1,4}[ .-]|\(0\d{1,4}\)[ ]?)(?:\d{3,8}(?:[ .-]\d{2,5}){0,3}|\d{2}(?:[ .-]\d{2,4}){2,4})",
        before=r"\w+.,/:-",
        after=r"\w/:",
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
        before=r"\w+.,/:-",
        after=r"\w/:",
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
        misses=("order 785 8949 shipped", "2813882583", "call before 2023-05-01", "phone 12"),
    ),
)
