"""The words that say what stands beside them, language by language: a file each, which a native speaker can correct.

A module has `WORDS`, the words for each kind of personal data, and `MONTHS`, the names of months as dates have them.
Both are written as people write them, separated by commas:

- Upper and lower case are the same, and accents may be left out: `né` is also `ne` in a longer phrase, but a word of
  fewer than four letters keeps its accents, because without them it is often another word.
- A blank is also a hyphen, an underscore or nothing: `phone number` is `phone_number`, `phone-number`, `phoneNumber`.
  In a phrase that is another word without it (`ACCIDENTS`), it must stand.
- A dot within an abbreviation is also an underscore or a blank, or has one behind it: `d.o.b` is `d_o_b`.
- A `*` at the end stands for an ending: `urodz*` is `urodzony` and `urodzona`.

A word of a kind in one language counts in texts of all languages: texts mix them, and names of members are English.
"""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Final

_NAMES: Final = """
    ar bg cs da de el en es fa fi fr he hi hr hu it ja ko ms nl pl pt ro ru sv th tr vi zh
"""

LANGUAGES: Final = tuple(import_module(f"{__name__}.{name}") for name in _NAMES.split())

_PLAIN: Final[Mapping[str, str]] = {
    **dict.fromkeys("àáâãåāăąά", "a"),
    **dict.fromkeys("èéêëēěęė", "e"),
    **dict.fromkeys("ìíîïīıį", "i"),
    **dict.fromkeys("òóôõōőø", "o"),
    **dict.fromkeys("ùúûūůűų", "u"),
    **dict.fromkeys("çćč", "c"),
    **dict.fromkeys("ñńň", "n"),
    **dict.fromkeys("śšşș", "s"),
    **dict.fromkeys("źżž", "z"),
    **dict.fromkeys("ťţț", "t"),
    **dict(zip("äöüßłřğæýď", ("ae?", "oe?", "ue?", "ss", "l", "r", "g", "ae", "y", "d"), strict=True)),
}
"""Spellings of a letter where a keyboard, or the name of a member, has no accents."""

SHORT_WORD: Final = 4
"""Letters from which on a word may lose its accents."""

_BLANK: Final = "[ _.+-]{0,3}"
"""Spellings of a blank between two words: three blanks or a `+` are one in a URL."""
_BLANK_NEEDED: Final = "[ _.+-]{1,3}"
"""The same for `ACCIDENTS`."""
_DOT: Final = "[._ ] ?"
"""Spellings of a dot within an abbreviation, which is an underscore or a blank in the name of a member."""
ACCIDENTS: Final = frozenset({"said", "rc", "usein"})
"""Phrases that are words of their own without their blank: "SA ID", "r. \u010d.", "US EIN". Their blank must stand."""
_ENDING: Final = r"[a-z\x{df}-\x{24f}\x{370}-\x{52f}]{0,8}"


@cache
def expressions(*kinds: str) -> tuple[str, ...]:
    """The expressions for the words of some kinds, in all languages, each once."""
    words = (word for each in LANGUAGES for kind in kinds for word in listed(each.WORDS.get(kind, "")))
    return tuple(dict.fromkeys(map(_expression, words)))


@cache
def months() -> frozenset[str]:
    """The names of months in all languages, in lower case, with and without their accents."""
    names = [name.lower() for each in LANGUAGES for name in listed(each.MONTHS)]
    return frozenset([*names, *map(_bare, names)])


def listed(text: str) -> list[str]:
    """The words of a list that is separated by commas."""
    return [word for part in text.split(",") if (word := " ".join(part.split()))]


def _expression(word: str) -> str:
    stem = word.removesuffix("*")
    blank = _BLANK_NEEDED if _bare(stem.replace(" ", "").lower()) in ACCIDENTS else _BLANK
    strict = sum(map(str.isalpha, stem)) < SHORT_WORD
    last = len(stem) - 1
    written = "".join(
        blank if char == " " else _DOT if char == "." and at < last else _letter(char, strict=strict)
        for at, char in enumerate(stem.lower())
    )
    return written + _ENDING * word.endswith("*")


def _letter(char: str, *, strict: bool) -> str:
    plain = None if strict else _PLAIN.get(char)
    if plain is not None:
        return f"(?:{char}|{plain})"
    return char if char.isalnum() or not char.isascii() else f"\\{char}"


def _bare(word: str) -> str:
    return "".join(_PLAIN.get(char, char).removesuffix("e?") for char in word)
