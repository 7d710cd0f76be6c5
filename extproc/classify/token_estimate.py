"""An estimate of the tokens of a text by the characters in it, for where no tokenizer is installed.

Byte-pair encodings have a token for most short words of English, for few of Finnish, and for parts of a word or single
characters of rarer scripts; so each class of characters has a weight. `scripts/train/tokens.py` fits them to the
encoding o200k_base, and says how far off they are.
"""

from operator import mul
from typing import Final

CLASSES: Final = (
    "letter", "capital", "space", "newline", "digit", "mark",
    "latin", "greek", "cyrillic", "hebrew", "arabic", "indic", "thai", "kana", "han", "hangul", "other", "long",
)  # fmt: skip
"""Classes of characters. ASCII has the first six; `long`: characters beyond U+FFFF, such as emoji."""

WEIGHTS: Final = (
    0.222, 0.474, 0.024, 1.24, 0.591, 0.533, 1.021, 0.377, 0.306, 0.436, 0.347, 0.383, 0.373, 0.61, 0.767, 0.62, 1.0,
    1.843,
)  # fmt: skip
"""Tokens for a character of each class, written by `scripts/train/tokens.py`. That of `other` is none of its: no text
of the data has such scripts, and few of them have tokens of more than a character."""


def _table() -> bytes:
    """The class of each byte of UTF-8; continuation bytes have none, and bytes that lead several classes are split."""
    table = bytearray(b"\xff" * 256)
    number = {name: at for at, name in enumerate(CLASSES)}
    for byte in range(128):
        letter = chr(byte)
        name = (
            "letter" if letter.islower() else "capital" if letter.isupper() else "digit" if letter.isdigit()
            else "newline" if letter in "\r\n" else "space" if letter.isspace() else "mark"
        )  # fmt: skip
        table[byte] = number[name]
    leads = {
        "latin": range(0xC2, 0xCD), "greek": range(0xCD, 0xD0), "cyrillic": range(0xD0, 0xD4),
        "hebrew": range(0xD6, 0xD8), "arabic": range(0xD8, 0xDC), "indic": (0xE0,), "han": range(0xE4, 0xEA),
        "hangul": range(0xEA, 0xEE), "long": range(0xF0, 0xF5),
        "other": (0xD4, 0xD5, *range(0xDC, 0xE0), *range(0xE1, 0xE4), 0xEE, 0xEF),
    }  # fmt: skip
    for name, bytes_ in leads.items():
        for byte in bytes_:
            table[byte] = number[name]
    return bytes(table)


_TABLE: Final = _table()
_THAI: Final = (b"\xe0\xb8", b"\xe0\xb9")
_KANA: Final = (b"\xe3\x81", b"\xe3\x82", b"\xe3\x83")


def counts(text: str) -> list[int]:
    """Return how many characters of each class a text has. Costs about 3 µs for 1 KiB."""
    raw = text.encode("utf-8", "replace")
    classed = raw.translate(_TABLE)
    found = [classed.count(at) for at in range(6)]
    if len(raw) == len(text):
        return [*found, *(0,) * (len(CLASSES) - 6)]
    found += [classed.count(at) for at in range(6, len(CLASSES))]
    thai, kana = (sum(map(raw.count, leads)) for leads in (_THAI, _KANA))
    found[CLASSES.index("thai")], found[CLASSES.index("kana")] = thai, kana
    found[CLASSES.index("indic")] -= thai
    found[CLASSES.index("other")] -= kana
    return found


def estimated(text: str) -> float:
    """Return about how many tokens a text has; see docs/tenants-and-cost.md for how far off that is."""
    found: float = sum(map(mul, counts(text), WEIGHTS))
    return found
