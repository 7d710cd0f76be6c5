"""The forms in which a credential may be quoted, and how much of each is taken for a part of it."""

from base64 import b64encode
from typing import Final

PART_LEAST: Final = 12
"""Characters of a credential, in either case, that are taken for a part of it; all of a shorter credential, and a
quarter of one of more than 48. So many stand in no other text by chance, prefixes that vendors publish are shorter
(`sk-ant-api03`, of 108), and what a provider may show of a key (`sk-...abcd`) stays."""

FOR_URLS: Final = bytes.maketrans(b"+/", b"-_")
"""Characters of base64 as its alphabet for URLs has them."""


def part_least(size: int) -> int:
    """The characters of a credential of that size that are taken for a part of it: see `PART_LEAST`."""
    return min(size, max(PART_LEAST, size // 4))


def form_least(size: int) -> int:
    """The same for hexadecimal and base64: two thirds of what the credential comes to in them."""
    return min(size, max(PART_LEAST, size - size // 3))


def in_base64(credential: bytes) -> tuple[bytes, ...]:
    """The characters of base64 that the credential alone decides, for each place in a group of three bytes."""
    found = list[bytes]()
    for before in range(3):
        written = b64encode(bytes(before) + credential)
        found.append(written[(before * 8 + 5) // 6 : (before + len(credential)) * 8 // 6])
    return tuple(found)


def middle(text: bytes) -> bytes:
    """The third in the middle, which stands in any two thirds of a text."""
    third = len(text) // 3
    return text[third : len(text) - third]
