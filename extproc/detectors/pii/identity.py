"""Identity data of any country, recognised by the words beside them: passports, dates of birth, ages."""

import re

from extproc.detectors.pii.words import expressions, months
from extproc.matching.rule import Rule

_LETTER = r"[a-z\x{c0}-\x{24f}\x{370}-\x{52f}\x{621}-\x{64a}\x{671}-\x{6d3}\x{900}-\x{97f}]"
_OF = r"(?:(?:of|de|del|do) )?"
_ORDINAL = r"(?:st|nd|rd|th|er|º|ª)?"
_TIME = r"(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?"
# English alone puts the month first; elsewhere the words between two numbers are judged by the list of months.
_ENGLISH = rf"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec){_LETTER}{{0,7}}\.?"
_DATES = (
    rf"\d{{1,4}}[./ -]{{1,3}}\d{{1,2}}[./ -]{{1,3}}\d{{2,4}}{_TIME}",
    r"(?:18|19|20)\d{6}",
    r"\d{4} ?[年년] ?\d{1,2} ?[月월] ?\d{1,2} ?[日일]?",
    # The same in a URL, where each sign takes three bytes of three characters, and as `\u5e74`.
    r"\d{4}(?: {6}| {9})\d{1,2}(?: {6}| {9})\d{1,2}",
    rf"\d{{1,4}}{_ORDINAL}[ .-]{{1,2}}{_OF}{_LETTER}{{2,14}}\.?[ ,.-]{{1,2}}{_OF}\d{{2,4}}",
    rf"{_ENGLISH}[ .-]\d{{1,2}}{_ORDINAL}[ ,-]{{1,2}}\d{{4}}",
)
# A year and what follows it, or all of a date with but two digits of it. The whole takes the fast lane long to compile,
# and each hit costs a look for words.
_SIGN = r"(?:18|19|20)\d{2}(?:\d{4})?[^0-9]|\d[./-]\d{1,2}[./-]\d\d[^0-9]"
_COUNTED = r"(?:crc(?:32)?|size|packed|offset|bytes|length|count|checksum|hash)[\"']?[=:] ?[\"']?"
"""The name of what counts something else, right in front of a number."""
_WORD = re.compile("[a-z\u00c0-\u024f\u0370-\u052f\u0621-\u064a\u0671-\u06d3\u0900-\u097f]{2,}")
_NUMBER = re.compile(r"\d+")
_BESIDE_MONTHS = frozenset({"of", "de", "del", "do", "st", "nd", "rd", "th", "er"})
_CLOCK = re.compile(r"[Tt ]\d\d:.*", re.DOTALL)
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)")


def _numbered(text: str) -> bool:
    digits = sum(char.isdigit() for char in text)
    # A word in small letters with a digit or two is a name in a program.
    return digits >= 5 or (digits >= 3 and text.isupper())


def _dated(text: str) -> bool:
    """True if there is such a day, in one of the orders in which people write it."""
    text = _CLOCK.sub("", text)
    named = [word for word in _WORD.findall(text.lower()) if word not in _BESIDE_MONTHS]
    if not months().issuperset(named):
        return False
    numbers = _COMPACT.fullmatch(text)
    parts = list(numbers.groups()) if numbers else _NUMBER.findall(text)
    years = [part for part in (parts[0], parts[-1]) if _year(part)]
    if named:
        return len(parts) == 2 and bool(years) and any(1 <= int(part) <= 31 for part in parts)
    if len(parts) != 3 or not years:
        return False
    rest = sorted(map(int, parts[1:] if years == parts[:1] or len(parts[0]) == 4 else parts[:2]))
    return 1 <= rest[0] <= 12 and rest[1] <= 31


def _year(part: str) -> bool:
    return len(part) == 2 or (len(part) == 4 and "1800" <= part < "2100")


_OLDEST = 120
_BEHIND_AGES = "|".join(expressions("years_old"))
_ROMANCE = (
    r"(?:j'ai|tu as|il a|elle a|\x{e2}g\x{e9}e?s? de|de|di|tengo|tiene|ho|ha|tenho|tem|mam|ma) (\d{1,3}) "
    r"(?:ans|a\x{f1}os|anni|anos|lat|lata)|"
    r"(?:jag \x{e4}r|han \x{e4}r|hon \x{e4}r|jeg er|han er|hun er) (\d{1,3}) \x{e5}r|"
    r"je (?:mi|mu|j\x{ed}|ji) (\d{1,3}) let|"
    # мне, ему, ей, исполнилось; лет, год, года
    r"(?:\x{43c}\x{43d}\x{435}|\x{435}\x{43c}\x{443}|\x{435}\x{439}|"
    r"\x{438}\x{441}\x{43f}\x{43e}\x{43b}\x{43d}\x{438}\x{43b}\x{43e}\x{441}\x{44c}) (\d{1,3}) "
    r"(?:\x{43b}\x{435}\x{442}|\x{433}\x{43e}\x{434}\x{430}?)|"
    # 歳, 岁, 歲, 살
    r"(\d{1,3}) ?[\x{6b73}\x{5c81}\x{6b72}\x{c0b4}]"
)
"""Words beside an age; a number of years alone is as often how long something takes."""


def _aged(text: str) -> bool:
    return int(text) <= _OLDEST


RULES = (
    Rule(
        kind="passport",
        numeric=True,
        # Only capitals may stand apart: in a stream, every other short word would have to wait for what follows.
        pattern=r"(?:[A-Za-z]{1,3}-?|[A-Z]{1,2} )\d{6,8}[A-Za-z]?|\d{8,9}|[A-Za-z]{1,3}\d[A-Za-z0-9]{3,6}\d|"
        r"\d{2}[A-Za-z]{2}\d{5}|\d{2} ?\d{2} \d{6}",
        # How a match ends; its beginnings make the fast lane a third slower.
        sign=r"\d{5}[A-Za-z]?[^0-9A-Za-z]|[A-Za-z]\d[A-Za-z0-9]{3,6}\d[^0-9A-Za-z]",
        behind=_COUNTED,
        validator=_numbered,
        context=expressions("passport"),
        near=(40, 32),
        named=True,
        hits=(
            "My passport number is «CD7654321» and it expires soon",
            "Passports: «AB1234567» and «XY9876543»",
            "«AAA123456» es mi número de pasaporte",
            "Reisepass «C01X00T47» von",
            "passport «912803456»",
            "passport_number: «P 4366918»",
            "护照号码«E12345678»",
            "<passportNumber>«10CV28144»</passportNumber>",
            "паспорт «45 10 123456» выдан",
        ),
        misses=(
            "XYZAB1234567QRS",
            "912803456",
            "my passport is here",
            "invoice AB1234567",
            "npm install passport2023 passport-oauth20",
            "passport.svg size=1057 crc32=81262583",
        ),
    ),
    Rule(
        kind="passport",
        name="passport-alone",
        numeric=True,
        pattern=r"[a-z]\d{7,8}|[a-z]{2}\d{7}|[a-z]{3}\d{6}",
        fold=True,
        context=expressions("passport"),
        alone=True,
        score=0.3,
        hits=("«XY9876543»", " «AAA123456» "),
        misses=("XY9876543 and more", "AB 1234567"),
    ),
    Rule(
        kind="date_of_birth",
        pattern="|".join(_DATES),
        sign=_SIGN,
        fold=True,
        validator=_dated,
        context=expressions("date_of_birth"),
        near=(48, 24),
        named=True,
        hits=(
            "She was born on «10/5/1971».",
            "DOB: «1984-02-29»",
            "geboren am «3. Mai 1990»",
            "date of birth «May 12th, 1990»",
            "«01.02.1980» is my birthday",
            "my date of birth is «22-nov-1972»",
            "née le «3 août 1972» à Lyon",
            "Nací el «2 de marzo de 1984» y mi hermana el «5/6/1990»",
            "生年月日は«1984年08月06日»です",
            'dateOfBirth="«1990-05-12T00:00:00Z»"',
            "DATE_OF_BIRTH=«19900512»",
            r"\"dob\": \"«1967\u5e7405\u670802»\u65e5",
            "?dob=«1967%E5%B9%B405%E6%9C%8802»%E6%97%A5&open=1",
            "Doğum tarihim «24.05.1999».",
            "род. и дата рождения: «5 мая 1980»",
        ),
        misses=(
            "we met on 10/5/1971",
            "born to run",
            "released 2024-01-01",
            "il ne part que le 10/5/2024",
            "mariage célébré en bonne et due forme par les anne 10/5/2024",
            "born 12 items 2024",
            "born in 31.31.1990, 45 may 1990 or 19901345",
        ),
    ),
    Rule(
        kind="age",
        name="age",
        numeric=True,
        pattern=rf"(\d{{1,3}})[ -](?:{_BEHIND_AGES})|{_ROMANCE}",
        # The beginnings of these words: all of them take the fast lane a tenth of a second to compile.
        sign=r"\d[ -](?:yea|yrs|yr |yo|y o|y/o|mon|jah|j\x{e4}|jae|leb|jaa|jar|let|lat|ans|a\x{f1}o|ann|ano|\x{e5}r|"
        r"vuo|\x{e9}ve|ya\x{15f}|\x{43b}\x{435}\x{442}|\x{433}\x{43e}\x{434})|"
        r"\d ?[\x{6b73}\x{5c81}\x{6b72}\x{c0b4}]",
        before=r"[:alnum:].,-",
        fold=True,
        group=None,
        validator=_aged,
        score=0.85,
        hits=(
            "she is «43» years old",
            "a «43»-year-old woman",
            "Er ist «43» Jahre alt.",
            "j'ai «43» ans",
            "Tengo «43» años",
            "ze is «43» jaar oud",
            "Hon är «43» år gammal, hun er «44» år gammel.",
            "Jag är «43» år, je mi «44» let, una donna di «45» anni.",
            "hän on «43»-vuotias",
            "«43» éves vagyok",
            "«43» ya\u015f\u0131nday\u0131m",
            "Мне «43» года, ей «45» лет.",
            "私は«43»歳です",
            "今年«43»岁",
            "저는 «43»살입니다",
        ),
        misses=("43 years", "через 43 года", "143 years old", "depuis 43 ans", "1.43 years old", "the 1943 year old"),
    ),
    Rule(
        kind="age",
        name="age-spoken-of",
        cued=True,
        pattern=r"\d{1,3}",
        before=r"[:alnum:].,/$-",
        after=r"[:alnum:]%/:",
        unless=(r"max-age", r"maxage"),
        validator=_aged,
        context=expressions("age"),
        near=(12, 0),
        named=True,
        score=0.7,
        hits=("age: «43»", "a man aged «43».", "at the age of «61», he", "im Alter von «17» Jahren", "age=«43»"),
        misses=("43", "page 43", "age 430", "v1.43", "at 43 the age", "max-age=100"),
    ),
)
