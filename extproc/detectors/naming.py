"""The name of a member as words beside its value: `nhsNumber` says of ten digits what "NHS number" says in prose."""

import re
from functools import lru_cache

from extproc.payload import Passage


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WRITTEN = _words("""
    content text input prompt instructions system query refusal output output_text reasoning reasoning_content
    thinking summary_text transcript suffix message comment body description title question answer value
""")
"""Names under which someone's own words stand: they say nothing of them."""

_MEASURES = _words("""
    at on ms ns us ts time timestamp date created updated expires expiry count counts total size sizes length
    bytes tokens seconds minutes hours duration offset index seq sequence limit max min usage width height
""")
"""Last words of names whose numbers are times, sizes and counts."""

_DAYS = _words("""
    date on at
""")
"""Those of them that may also say a day in someone's life."""

_IDENTIFIERS = _words("""
    id ids uuid guid key hash etag sha
""")
"""Last words of names whose values name a thing, if none of `_PERSONAL` stands before them."""

_PERSONAL = _words("""
    tax nhs national citizen passport steuer ssn insurance medicare uidai nif nie dni cpf cnpj pesel bsn nir nino sin
    tfn aadhaar fiscal reisepass passeport pasaporte resident identity personal voter elector vat ust btw tva iva gst
    thai nric mykad nik ktp rut curp rfc cuil cuit oib egn cnp amka pps hetu kimlik zehut taxpayer employer sa rsa za
    african israeli israel turkish singapore chinese china prc korean swedish danish norwegian romanian czech bulgarian
    croatian malaysian indonesian argentine argentinian chilean colombian mexican brazilian spanish belgian portuguese
    irish austrian greek hungarian german dutch polish swiss italian french driver epic
""")

_BIRTH = _words("""
    birth born dob naissance nacimiento nascita nascimento geburt urodzenia
""")
"""Words of names with which the last word `date` says a day in someone's life"""

_EXPIRY = _words("""
    card cc credit debit payment exp expiry expiration date
""")
"""Names of these words alone say when a card expires."""

MOST_NAME = 64
"""Characters of a name that is read. The longest of the APIs has 40; beyond that it is a text by itself, and a name of
a megabyte may hold a thousand values."""

NAMES_CACHED = 4096
"""Names that are remembered: APIs have a few hundred. They are of `MOST_NAME` characters at most: 1 MB."""

_MARKS = "\u0300-\u036f\u0591-\u05bd\u064b-\u065f\u0900-\u0963\u0981-\u0e4e\u0eb1-\u0ecd"
"""Marks on letters, such as the vowels of Hindi and Thai, which are no letters for Python."""

_PART = re.compile(rf"[A-Z]+(?![^\W\dA-Z_])|[A-Z]?(?:[^\W\dA-Z_]|[{_MARKS}])+|[^\W\d_]+")


def named(passage: Passage) -> str | None:
    """The words of the name of the member whose value `passage` is, or None for a text that someone wrote.

    Empty for a name of times, sizes, counts and identifiers, and for what is a name itself.
    """
    return "" if passage.kind == "name" else spelled(passage.name)


def spelled(name: str) -> str | None:
    """The words of a member's name; see `named`."""
    if not name or name in _WRITTEN:
        return None
    return _spelled(name) if len(name) <= MOST_NAME else ""


@lru_cache(NAMES_CACHED)
def _spelled(name: str) -> str:
    words = words_of(name)
    if not words or (words[-1] in _MEASURES and not (_dated(words) or _EXPIRY.issuperset(words))):
        return ""
    return "" if words[-1] in _IDENTIFIERS and _PERSONAL.isdisjoint(words) else " ".join(words)


def _dated(words: list[str]) -> bool:
    """True if a name may say a day in someone's life."""
    return words[-1] in _DAYS and not _BIRTH.isdisjoint(words)


def words_of(name: str) -> list[str]:
    """The parts of a name in lower case: `nhsNumber` has `nhs` and `number`."""
    return [word.lower() for word in _PART.findall(name)]
