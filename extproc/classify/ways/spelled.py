"""Other spellings of a text: backwards, in ROT13, with digits for letters, letter by letter, or cut by markup."""

import codecs
import re
from typing import Final

import re2

from extproc.classify.segments import segmented
from extproc.classify.ways.decoded import Readings

_BACKWARDS: Final = (
    "eht|dna|ruoy|uoy|lla|snoitcurtsni|erongi"
    "|suoiverp|tpmorp|metsys|drowssap|tegrof|tnirp|wohs|em|era|ew|siht|taht|htiw|selur"
)
_ROTATED: Final = (
    "gur|naq|lbhe|lbh|nyy|cerivbhf|vafgehpgvbaf?|vtaber|sbetrg"
    "|cebzcg|flfgrz|cnffjbeq|ner|zr|nal|ehyrf|guvf|jvgu|cevag|fubj"
)

REVERSED: Final = rf"(?is)\b(?:{_BACKWARDS})\b.*?\b(?:{_BACKWARDS})\b"
ROT13: Final = rf"(?is)\b(?:{_ROTATED})\b.*?\b(?:{_ROTATED})\b"
_LEET_WORD: Final = r"(?:\b[a-zA-Z]+[013457@$!|][a-zA-Z013457@$!|]*|\b[013457@$!|][a-zA-Z]{2,})"
LEET: Final = _LEET_WORD + r"(?s:.){1,40}?" + _LEET_WORD
SPLIT: Final = r"(?:[\pL\pN][\s.\-_*|/+~,]{1,3}){7,}[\pL\pN]"
JOINED: Final = r"[a-zA-Z]{24,}"
MARKUP: Final = (
    r"\pL(?:<!--(?s:.)*?-->|</?[a-zA-Z]{1,10}(?:\s[^<>]{0,80})?/?>|\*{1,3}|\\|_{1,2}|[\"'`]\s*\+\s*[\"'`]){1,4}\pL"
)

_LETTERS: Final = str.maketrans("013457@$!|", "oieastasil")
_SPLIT_RUN: Final = re2.compile(SPLIT)
_JOINED_RUN: Final = re2.compile(JOINED)
_CUT: Final = re2.compile(
    r"<!--(?s:.)*?-->|</?[a-zA-Z]{1,10}(?:\s[^<>]{0,80})?/?>|\*{1,3}|\\|_{1,2}|[\"'`]\s*\+\s*[\"'`]"
)
_SEPARATOR: Final = re.compile(r"[\s.\-_*|/+~,]")
_GAP: Final = re.compile(r"\s{2,}|\s?[|/]\s?")
_WORD: Final = re.compile(r"\w+")
_CAPITAL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")

CAMEL: Final = 4
"""Words in camel case that are words by themselves; fewer are a name, whose letters are told apart by a list."""


def reversed_texts(text: str) -> Readings:
    """Read a text from its end, and each of its words so."""
    yield 0, len(text), text[::-1]
    yield 0, len(text), _WORD.sub(lambda match: match[0][::-1], text)


def rotated(text: str) -> Readings:
    """Read a text in ROT13."""
    yield 0, len(text), codecs.encode(text, "rot13")


def lettered(text: str) -> Readings:
    """Read digits and signs as the letters that they look like."""
    yield 0, len(text), text.translate(_LETTERS)


def split_runs(text: str) -> Readings:
    """Read letters that stand one by one. Words are told apart by a wider gap, and where there is none, by a list."""
    for match in _SPLIT_RUN.finditer(text):
        parts = _GAP.split(match[0])
        words = (segmented(_SEPARATOR.sub("", part).lower()) for part in parts)
        yield match.start(), match.end(), " ".join(words)


def joined_runs(text: str) -> Readings:
    """Read words that stand without blanks."""
    for match in _JOINED_RUN.finditer(text):
        parts = _CAPITAL.split(match[0])
        yield match.start(), match.end(), " ".join(parts) if len(parts) >= CAMEL else segmented(match[0].lower())


def unmarked(text: str) -> Readings:
    """Read a text without the markup that cuts its words, and without any."""
    yield 0, len(text), _CUT.sub("", text)
