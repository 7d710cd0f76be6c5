"""Runs of a text that are another text, encoded: base64 and its like, codes of characters, and unseen code points."""

import base64
import binascii
import html
import re
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias
from urllib.parse import unquote_plus

import re2

Readings: TypeAlias = Iterator[tuple[int, int, str]]
"""Places in a text, and what stands there once it is read in another way."""

READABLE: Final = 0.85
"""Share of letters, blanks and usual punctuation from which on decoded bytes are a text, and no picture or key."""

JOINED_MAX: Final = 4
"""Characters that may be joined to the beginning of base64, as those of a name are: then it begins at another place."""

BASE64: Final = r"[A-Za-z0-9+/_-]{16,}={0,2}(?:\s?\n[A-Za-z0-9+/_-]{16,}={0,2})*"
BASE32: Final = r"\b[A-Z2-7]{24,}={0,6}"
HEX: Final = r"(?:(?:0x|\\x)?[0-9a-fA-F]{2}[\s:,]{0,2}){10,}"
PERCENT: Final = r"(?:[\w.~+-]*%[0-9a-fA-F]{2}){3,}[\w.~+-]*"
_ESCAPE: Final = r"(?:\\u[0-9a-fA-F]{4}|&#[xX]?[0-9a-fA-F]{2,6};?|&[a-z]{2,6};|U\+[0-9A-F]{4}[\s,]?)"
ESCAPES: Final = _ESCAPE + r"(?s:.){0,12}" + _ESCAPE
BINARY: Final = r"(?:[01]{8}[\s,]*){8,}"
DECIMAL: Final = r"(?:\b[0-9]{2,3}[\s,;]+){10,}[0-9]{2,3}\b"
TAGS: Final = "[\U000e0020-\U000e007e]{4,}"
SELECTORS: Final = "[\ufe00-\ufe0f\U000e0100-\U000e01ef]{8,}"

_RUNS: Final = {each: re2.compile(each) for each in (BASE64, BASE32, HEX, PERCENT, BINARY, DECIMAL, TAGS, SELECTORS)}
_BLANKS: Final = re.compile(r"[\s:,]|0x|\\x")
_CODE: Final = re.compile(r"(?:\\u|U\+)([0-9a-fA-F]{4})")
_USUAL: Final = re.compile(r"[\w\s.,;:!?'\"()<>/=@#*&%+{}\[\]-]+")


def readable(data: bytes) -> str:
    """Return the text that bytes are; an empty one if they are none."""
    for coding in ("utf-8", "utf-16-le" if data[1:2] == b"\0" else "utf-8"):
        try:
            text = data.decode(coding)
        except UnicodeDecodeError:
            continue
        if text and sum(map(len, _USUAL.findall(text))) >= READABLE * len(text):
            return text
    return ""


def _read(pattern: str, decode: Callable[[str], str]) -> Callable[[str], Readings]:
    """Return what reads each run of a pattern that `decode` makes a text of."""

    def reading(text: str) -> Readings:
        for match in _RUNS[pattern].finditer(text):
            try:
                decoded = decode(match[0])
            except (binascii.Error, ValueError):
                continue
            if decoded:
                yield match.start(), match.end(), decoded

    return reading


def _base64(run: str) -> str:
    packed = "".join(run.split()).rstrip("=").replace("-", "+").replace("_", "/")
    for cut in range(JOINED_MAX if len(packed) > 24 else 1):  # shorter ones are words most of the time
        rest = packed[cut:]
        rest = rest[: len(rest) - (len(rest) % 4 == 1)]
        if decoded := readable(base64.b64decode(rest + "=" * (-len(rest) % 4))):
            return decoded
    return ""


def _base32(run: str) -> str:
    packed = run.rstrip("=")
    return readable(base64.b32decode(packed + "=" * (-len(packed) % 8)))


def _hex(run: str) -> str:
    digits = _BLANKS.sub("", run)
    return readable(bytes.fromhex(digits[: len(digits) // 2 * 2]))


def _binary(run: str) -> str:
    digits = "".join(each for each in run if each in "01")
    return readable(bytes(int(digits[at : at + 8], 2) for at in range(0, len(digits) - 7, 8)))


def _decimal(run: str) -> str:
    return readable(bytes(map(int, re.findall("[0-9]+", run))))


def _tags(run: str) -> str:
    return "".join(chr(ord(each) - 0xE0000) for each in run)


def _selectors(run: str) -> str:
    codes = map(ord, run)
    return readable(bytes(each - 0xFE00 if each < 0xFE10 else each - 0xE0100 + 16 for each in codes))


def escapes(text: str) -> Readings:
    """Read the escapes of programs and of HTML in a text."""
    yield 0, len(text), html.unescape(_CODE.sub(lambda match: chr(int(match[1], 16)), text))


base64_runs = _read(BASE64, _base64)
base32_runs = _read(BASE32, _base32)
hex_runs = _read(HEX, _hex)
percent_runs = _read(PERCENT, unquote_plus)
binary_runs = _read(BINARY, _binary)
decimal_runs = _read(DECIMAL, _decimal)
tag_runs = _read(TAGS, _tags)
selector_runs = _read(SELECTORS, _selectors)
