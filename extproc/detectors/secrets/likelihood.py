"""Tests that separate a credential from a lookalike: it is random, and nobody's example."""

import base64
import binascii
import math
import re
from collections import Counter

_EXAMPLES = (
    "example",
    "xxxx",
    "your",
    "changeme",
    "placeholder",
    "redacted",
    "dummy",
    "sample",
    "insert",
    "####",
    "....",
)
_STAND_INS = ("${", "$(", "{{", "<", "%(", "#{", "...", "***", "[[", "(", "`")
_ABOUT = (
    *("id", "ids", "name", "names", "path", "file", "files", "dir", "url", "uri", "type", "length", "size", "version"),
    *("endpoint", "count", "limit", "limits", "usage", "expiry", "expires", "hash", "digest", "algorithm", "format"),
    *("public_key", "publickey", "pub_key"),
)
"""Endings of names whose values describe a secret and do not contain it."""

_DIGIT = re.compile("[0-9]")
_LETTER = re.compile("[A-Za-z]")
_UUID_PARTS = (8, 4, 4, 4, 12)
_HEX = frozenset("0123456789abcdefABCDEF")


def entropy(text: str) -> float:
    """Shannon entropy of the characters of `text`, in bits a character."""
    size = len(text)
    return -sum(count / size * math.log2(count / size) for count in Counter(text).values()) if size else 0.0


def example(text: str) -> bool:
    """True if `text` says of itself that it stands for something else."""
    low = text.lower()
    return any(word in low for word in _EXAMPLES)


def random(text: str, bits: float) -> bool:
    """True if `text` has at least `bits` of entropy a character and is no example."""
    return entropy(text) >= bits and not example(text)


def token(text: str) -> bool:
    """A token whose prefix already tells it: any value that is not one sign over and over, and no example."""
    return random(text, 3.0)


def mixed(text: str) -> bool:
    """True if digits stand among letters."""
    return digits(text) and (_LETTER.search(text) is not None if text.isascii() else any(map(str.isalpha, text)))


def digits(text: str) -> bool:
    """True if there is a digit. Asked first, and of long texts: in C, if that can be."""
    return _DIGIT.search(text) is not None if text.isascii() else any(map(str.isdigit, text))


def uuid(text: str) -> bool:
    """True if `text` is a UUID, which names a thing far more often than it opens one."""
    return tuple(map(len, text.split("-"))) == _UUID_PARTS and set(text) <= _HEX | {"-"}


def hexadecimal(text: str) -> bool:
    """True if `text` is hexadecimal digits alone: a digest, a commit, at times a key."""
    return set(text) <= _HEX


def readable(text: str) -> bool:
    """True if `text` is base64 of plain ASCII text."""
    try:
        plain = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False
    return len(plain) >= 8 and all(32 <= byte < 127 for byte in plain)


def words(text: str) -> bool:
    """True if `text` reads as words, a name in a program, a path or a version rather than as something random."""
    parts = text.replace("/", "-").replace(".", "-").replace("_", "-").replace(":", "-").split("-")
    return all(len(part) < 4 or part.isalpha() or part.isdigit() for part in parts)


def stand_in(text: str) -> bool:
    """True if `text` is a variable, a call or a template where a value would stand."""
    percent = text.startswith("%") and text.endswith("%")
    return percent or text.startswith(("$", "&", "@", "--")) or any(mark in text for mark in _STAND_INS)


def assigned(text: str) -> bool:
    """True if what is assigned to a name that speaks of secrets is one."""
    if not mixed(text) or stand_in(text) or example(text) or uuid(text) or words(text) or readable(text):
        return False
    if text.startswith(("sha256-", "sha384-", "sha512-", "http://", "https://", "/", "./")):
        return False
    return entropy(text) >= (3.0 if len(text) < 20 else 3.3)


def named(match: str, secret: str) -> bool:
    """True if the name in `match`, before what is assigned to it, is that of a secret, not of its path or type."""
    name = match[: match.rindex(secret)].rstrip(" \t\r\n\"'`=:>?,|").lower()
    return not name.endswith(_ABOUT)


def password(text: str) -> bool:
    """True if what is called a password is one: people choose less random ones than machines do."""
    if not digits(text) or text.isdigit():
        return False  # it takes two kinds of characters, one of them digits
    if stand_in(text) or example(text) or uuid(text) or text.startswith(("http://", "https://", "/")):
        return False
    cased = text.upper() != text.lower() if text.isascii() else any(map(_cased, text))
    return (cased or not text.isalnum()) and entropy(text) >= 2.5


def _cased(char: str) -> bool:
    return char.islower() or char.isupper()
