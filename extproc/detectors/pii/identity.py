"""Identity data of any country: passports and dates of birth, both recognised by the words beside them."""

from extproc.matching.rule import Rule

_PASSPORT = (
    r"passports?(?: ?(?:no|number|nr|#))?",
    r"travel document",
    r"reisep(?:ass|(?:ä|ae)sse)(?:nummer)?",
    r"pasaportes?",
    r"passeports?",
    r"passaport[eo]s?",
    r"paspoort(?:nummer)?",
    r"paszport(?:u)?",
)
_BORN = (
    r"born(?: on)?",
    r"date of birth",
    r"birth ?(?:date|day)s?",
    r"d\.?o\.?b\.?",
    r"geboren(?: am)?",
    r"geb\.?(?: am)?",
    r"geburts(?:datum|tag)",
    r"n(?:é|ée|e|ee)(?: le)?",
    r"date de naissance",
    r"nacid[oa](?: el)?",
    r"fecha de nacimiento",
    r"nat[oa] il",
    r"data di nascita",
    r"geboortedatum",
    r"data de nascimento",
    r"data urodzenia",
)
_MONTH = (
    r"(?:jan(?:uary|uar)?|feb(?:ruary|ruar)?|mar(?:ch)?|märz|apr(?:il)?|may|mai|june?|juni|july?|juli|aug(?:ust)?|"
    r"sept?(?:ember)?|oct(?:ober)?|okt(?:ober)?|nov(?:ember)?|de[cz](?:ember)?)\.?"
)
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_YEAR = r"(?:(?:18|19|20)\d{2}|\d{2})"


def _numbered(text: str) -> bool:
    return sum(char.isdigit() for char in text) >= 5


RULES = (
    Rule(
        kind="passport",
        numeric=True,
        pattern=r"[a-z]\d{7,8}|[a-z]{2}\d{7}|[a-z]{3}\d{6}|\d{9}|[cfghjklmnprtvwxyz]\d[a-z0-9]{6}\d",
        fold=True,
        validator=_numbered,
        context=_PASSPORT,
        near=(40, 32),
        hits=(
            "My passport number is «CD7654321» and it expires soon",
            "Passports: «AB1234567» and «XY9876543»",
            "«AAA123456» es mi número de pasaporte",
            "Reisepass «C01X00T47» von",
            "passport «912803456»",
        ),
        misses=("XYZAB1234567QRS", "912803456", "my passport is here", "invoice AB1234567"),
    ),
    Rule(
        kind="passport",
        name="passport-alone",
        numeric=True,
        pattern=r"[a-z]\d{7,8}|[a-z]{2}\d{7}|[a-z]{3}\d{6}",
        fold=True,
        context=_PASSPORT,
        alone=True,
        score=0.3,
        hits=("«XY9876543»", " «AAA123456» "),
        misses=("XY9876543 and more", "AB 1234567"),
    ),
    Rule(
        kind="date_of_birth",
        pattern=rf"{_DAY}[./-]{_DAY}[./-]{_YEAR}|(?:18|19|20)\d{{2}}[./-](?:0?[1-9]|1[0-2])[./-]{_DAY}|"
        rf"{_DAY}(?:st|nd|rd|th|\.)? (?:of )?{_MONTH},? {_YEAR}|{_MONTH} {_DAY}(?:st|nd|rd|th)?,? (?:18|19|20)\d{{2}}",
        fold=True,
        context=_BORN,
        near=(32, 20),
        hits=(
            "She was born on «10/5/1971».",
            "DOB: «1984-02-29»",
            "geboren am «3. Mai 1990»",
            "date of birth «May 12th, 1990»",
            "«01.02.1980» is my birthday",
        ),
        misses=("we met on 10/5/1971", "born to run", "released 2024-01-01"),
    ),
)
