"""The texts of a plain JSON body, without their places: most bodies have nothing in them, and need no more.

msgspec makes values of the whole body in a tenth of the time that `walk` takes to find where each of them stands.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from extproc.payload.base64 import is_url
from extproc.payload.limits import SHORT
from extproc.payload.names import CARRIER, COUNTER, KNOWN, OF_SCHEMAS
from extproc.payload.opened import OPENING

MOST_GLIMPSED: Final = 16 * 1024
"""Bytes of a body that is glimpsed at. Of larger ones the rules take most of the time, however they are read."""

MOST_DEPTH: Final = 8
"""Containers around a value: content in parts of a message has five. Of deeper bodies, more is read anyway."""

_LONG: Final = 10**SHORT
_decode = msgspec.json.Decoder().decode

_FLAGS: Final = {name: flag for name, flag in KNOWN.items() if name not in OF_SCHEMAS}
"""Names of values in a schema do not say what a value is."""


class _MoreError(Exception):
    """There is something in the body that only a reader of all of it can tell."""


Glimpsed: TypeAlias = tuple[Sequence[str], Sequence[str]]
"""Texts, and for each the name of the nearest member that tells what it is; see `Passage.name`."""


def glimpse(body: bytes) -> Glimpsed | None:
    """The texts of every passage that `read_json` would find, in its order, if that finds nothing but plain strings.

    None where the body has more in it, or may have: names that no API gives, strings that may hold a document, an
    image, a sound or a file, long numbers, lists of numbers, log probabilities, a name twice, errors.
    """
    if len(body) > MOST_GLIMPSED or b"\\u" in body:
        return None
    try:
        value = _decode(body)
    except (ValueError, RecursionError):  # msgspec's errors are of the former kind
        return None
    if type(value) is not dict:
        return None
    seen = _Seen()
    try:
        seen.members(value, 1)
    except _MoreError:
        return None
    # Of a name that is there twice msgspec keeps one value. All quotes have to be those of what was seen.
    quotes = 2 * (seen.named + len(seen.texts))
    if b"\\" in body:
        quotes += sum([each.count('"') for each in seen.texts])
    return (seen.texts, seen.names) if body.count(b'"') == quotes else None


class _Seen:
    """The strings seen in a body so far. `named` counts the members."""

    __slots__ = ("named", "names", "texts")

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.names: list[str] = []
        self.named = 0

    def members(self, value: Mapping[str, Any], depth: int) -> None:
        """Take an object. Raises _MoreError."""
        self.named += len(value)
        for name, each in value.items():
            flag = _FLAGS.get(name)
            if flag is None:
                raise _MoreError
            kind = type(each)
            if kind is str:
                if flag == CARRIER or (each[:1] in OPENING and _opens(each)):
                    raise _MoreError
                self.texts.append(each)
                self.names.append(name)
            elif kind is dict or kind is list:
                if depth == MOST_DEPTH or name == "logprobs":
                    raise _MoreError
                if kind is dict:
                    self.members(each, depth + 1)
                else:
                    self._items(each, name, flag, depth + 1)
            # A long number is a text, save times and counts of the API's own, as those at the top are.
            elif (kind is int or kind is float) and not -_LONG < each < _LONG and (flag != COUNTER or depth > 1):
                raise _MoreError

    def _items(self, value: Sequence[Any], name: str, flag: int, depth: int) -> None:
        """Take an array of that name. Raises _MoreError."""
        for each in value:
            kind = type(each)
            if kind is dict and depth < MOST_DEPTH:
                self.members(each, depth + 1)
            elif kind is str and flag != CARRIER and not (each[:1] in OPENING and _opens(each)):
                self.texts.append(each)
                self.names.append(name)
            else:
                raise _MoreError


def _opens(text: str) -> bool:
    """True if a text that begins as such may hold a document."""
    return text[0] not in "dD" or is_url(text)
