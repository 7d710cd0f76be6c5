"""An estimate of the tokens of a text by the characters in it, for where no tokenizer is installed.

Byte-pair encodings have a token for most short words of English, for few of Finnish, and for parts of a word or single
characters of rarer scripts; so each class of characters has a weight. `scripts/train/tokens.py` fits them to the
encoding o200k_base, and says how far off they are.
"""

from operator import mul
from typing import Final

CLASSES: Final = (
    "letter", "capital", "space", "newline", "digit", "mark",
    "latin", "greek", "cyrillic", "hebrew", "arabic", "indic", "thai", "kana", "wide", "han", "hangul", "other", "long",
)  # fmt: skip
"""Classes of characters. ASCII has the first six; `wide`: punctuation of Chinese and Japanese; `long`: characters
beyond U+FFFF, such as emoji."""

WEIGHTS: Final = (
    0.234, 0.482, 0.02, 1.017, 0.565, 0.559, 0.652, 0.381, 0.309, 0.438, 0.346, 0.387, 0.378, 0.591, 0.6, 0.724,
    0.627, 1, 2,
)  # fmt: skip
"""Tokens for a character of each class, written by `scripts/train/tokens.py`, which fits most of them, and sets those
of `space`, `wide`, `other` and `long` on the safe side."""


_AT: Final = {name: at for at, name in enumerate(CLASSES)}


def _bytes_of_classes() -> tuple[tuple[int, bytes], ...]:
    """The bytes of UTF-8 that begin a character of each class, by its place; one of several classes stands with one."""
    ascii_ = {name: bytearray() for name in CLASSES[:6]}
    for byte in range(128):
        letter = chr(byte)
        name = (
            "letter" if letter.islower() else "capital" if letter.isupper() else "digit" if letter.isdigit()
            else "newline" if letter in "\r\n" else "space" if letter.isspace() else "mark"
        )  # fmt: skip
        ascii_[name].append(byte)
    leads = {
        "latin": range(0xC2, 0xCD), "greek": range(0xCD, 0xD0), "cyrillic": range(0xD0, 0xD4),
        "hebrew": range(0xD6, 0xD8), "arabic": range(0xD8, 0xDC), "indic": (0xE0,), "han": range(0xE4, 0xEA),
        "hangul": range(0xEA, 0xEE), "long": range(0xF0, 0xF5),
        "other": (0xD4, 0xD5, *range(0xDC, 0xE0), *range(0xE1, 0xE4), 0xEE, 0xEF),
    }  # fmt: skip
    return tuple((_AT[name], bytes(found)) for name, found in (ascii_ | leads).items())


_CLASSED: Final = _bytes_of_classes()
_ASCII: Final = bytes(range(0x80))
_CONTINUING: Final = bytes(range(0x80, 0xC0))
_TWO_BYTES: Final = (
    ("latin", "other", tuple(bytes((0xE1, each)) for each in range(0xB8, 0xBC))),  # of Vietnamese
    ("thai", "indic", (b"\xe0\xb8", b"\xe0\xb9")),
    ("kana", "other", (b"\xe3\x81", b"\xe3\x82", b"\xe3\x83")),
    ("wide", "other", (b"\xe3\x80", b"\xef\xbc", b"\xef\xbd")),
)
"""Classes that only the second byte tells: their name, the class that the first one gives, and both bytes."""


def counts(text: str) -> list[int]:
    """Return how many characters of each class a text has. Costs 2 to 9 µs for 1 KiB."""
    raw = text.encode("utf-8", "replace")
    found = [0] * len(CLASSES)
    rest = raw if len(raw) == len(text) else raw.translate(None, _CONTINUING)
    # What was counted is deleted, so that most of a text is gone after the first class; `count` takes 5 times as long.
    for at, begins in _CLASSED:
        shorter = rest.translate(None, begins)
        found[at] = len(rest) - len(shorter)
        rest = shorter
        if not rest:
            break
    if len(raw) > len(text):
        wide = raw.translate(None, _ASCII)
        for name, first, leads in _TWO_BYTES:
            if found[_AT[first]]:
                number = sum(map(wide.count, leads))
                found[_AT[name]] += number
                found[_AT[first]] -= number
    return found


def estimated(text: str) -> float:
    """Return about how many tokens a text has; see docs/tenants.md for how far off that is."""
    found: float = sum(map(mul, counts(text), WEIGHTS))
    return found
