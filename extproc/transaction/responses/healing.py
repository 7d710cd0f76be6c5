"""Errors that clients heal by: that a request is longer than the context, in words and numbers that they parse.

Claude Code and others read the numbers out of the message and send a shorter request. Such an error goes on as it came,
whatever a rule takes its numbers for.
"""

import re
from typing import Final

import msgspec

from extproc.payload.fieldvalue import parse

HEALING_MAX: Final = 2048
"""Bytes of such an error; they have some 300."""

_MESSAGE: Final = "message"

_WORDS: Final = frozenset(
    re.findall(
        r"[a-z_'-]+",
        """a again allowed and are at available be but by can completion configured contains context count
        decrease exceed exceeds for from functions has have however in increasing input is it least length
        limit long maximum max_tokens messages model's most new_tokens number of only or output prompt
        provided reduce request requested resulted server shorten size supports than that the this to token
        tokens too total try tokenized up was were which window with you your please""",
    )
)
"""The words of such messages. One with any other word is no such error: nothing of what a user or a model said can
stand in it but a number."""

_NUMBER: Final = re.compile(r"[0-9]{1,8}")
"""The numbers: a context has less than a hundred million tokens, and telephone numbers and cards have more digits."""

_SPLIT: Final = re.compile(r"[\s`()\[\],.:;>+=<-]+")
_TELLING: Final = re.compile(r"context|too long|tokens", re.IGNORECASE)
_WORD: Final = re.compile(r"[A-Za-z_]{0,40}")
_ID: Final = re.compile(r"req_[A-Za-z0-9]{1,32}")
_NAMES: Final = frozenset({"error", "type", "message", "code", "param", "status", "object", "request_id"})
"""The members that such errors have."""

LARGEST: Final = 10**8
"""What the numbers beside a message are below, as those in it."""


def heals(body: bytes, kind: str) -> bool:
    """True if the body is an error that tells of a context that is exceeded, and of nothing else."""
    if len(body) > HEALING_MAX or parse(kind).value != "application/json":
        return False
    try:
        value = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and _plain(value, depth=2) and _messages(value) == 1


def _plain(value: dict[str, object], depth: int) -> bool:
    """True if nothing in an object is more than a word, a number, an id of the provider's or a message."""
    return value.keys() <= _NAMES and all(_is_plain(name, each, depth) for name, each in value.items())


def _is_plain(name: str, value: object, depth: int) -> bool:
    if isinstance(value, dict):
        return depth > 1 and _plain(value, depth - 1)
    if isinstance(value, str):
        if name == _MESSAGE:
            return _tells(value)
        return (_ID if name == "request_id" else _WORD).fullmatch(value) is not None
    return value is None or (isinstance(value, int) and abs(value) < LARGEST)


def _messages(value: dict[str, object]) -> int:
    return sum(_messages(each) if isinstance(each, dict) else name == _MESSAGE for name, each in value.items())


def _tells(message: str) -> bool:
    words = [each for each in _SPLIT.split(message.lower()) if each]
    known = all(each in _WORDS or _NUMBER.fullmatch(each) for each in words)
    return known and _TELLING.search(message) is not None
