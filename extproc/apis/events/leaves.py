"""Every string and long number of a JSON document with its path and its bytes, whatever the document is."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec
from msgspec import Struct

from extproc.apis.events.event import Scope
from extproc.payload.limits import SHORT
from extproc.payload.names import COUNTER, KNOWN, is_own, spells
from extproc.payload.numbers import SHORTEST, telling
from extproc.protocol.meter import Meter

MAX_TOKENS = 100_000
"""Strings, numbers, brackets and literals of one event: about 0.1 s of work. The last event of the responses API
repeats the whole answer in some hundred; with log probabilities of 4,000 tokens it has about 90,000."""

MAX_DEPTH = 64
"""Levels of nesting. Events of the APIs have up to ten, tool schemas some more; JSON has no use for more."""

TOKENS_AT_ONCE = 32
"""Tokens that are counted on the meter together, a step each."""

NAME_STEPS = 6
"""Further steps for the name of a member that no API gives: it is a text, and nobody knows its value."""

MAX_DIGITS = 15
"""Digits of a sequence number. Counts of tokens have SHORT: whatever is longer may be someone's number."""

TOKEN = re.compile(
    rb'[ \t\r\n,]*+(?:("(?:[^"\\]++|\\.)*+")([ \t\r\n]*+:)?+|([\[{])|([\]}])|([^ \t\r\n,"\[\]{}]++))', re.DOTALL
)
"""A token of JSON, with the comma and the white space before it: its group tells which."""

_BETWEEN = b" \t\r\n,"

_VALUE, _NAME, _OPEN, _CLOSE = 1, 2, 3, 4

_LONG = re.compile(rb"-?\d{%d}" % (SHORT + 1))
_TEXT = msgspec.json.Decoder(str)
_ANY = msgspec.json.Decoder()
_FIRST = json.JSONDecoder()
_SURROGATES = re.compile("[\ud800-\udfff]")


_NINE = ord("9")  # literals begin with a letter, which is beyond


class TooComplexError(Exception):
    """A document has more tokens or levels than the bounds."""


class Leaf(Struct, frozen=True, gc=False):
    """A string: its path in the document, and its bytes from `start` to `end` with the quotes.

    `name`: the name of a member, the last of the path, and not a value. `number`: a long number.
    """

    path: Scope
    start: int
    end: int
    kind: Literal["string", "name", "number"] = "string"


class Leaves(Struct, frozen=True):
    """The strings of a document, in their order.

    Of names and numbers only those that are read of a whole body (see `text.walk`): names that no API gives, and
    numbers of more than SHORT digits that are no time or count by their name. `counts`:
    the numbers that change from event to event, by their paths. `probabilities`: members that spell a text
    (see `spells`), by their paths. `repeated`: an object has a name twice, and readers differ in which counts.
    """

    strings: list[Leaf]
    counts: Mapping[Scope, tuple[int, int]]
    probabilities: Mapping[Scope, tuple[int, int]]
    repeated: bool


def document(data: bytes) -> tuple[bool, object]:
    """True if `data` is JSON, and its value. Escapes of lone surrogates are taken, and numbers of any size.

    `NaN` and `Infinity` are read, as in whole bodies; comments and the like are not JSON here.

    Raises:
        TooComplexError: it is nested deeper than the interpreter's stack.
    """
    try:
        return True, _ANY.decode(data)
    except RecursionError:
        raise TooComplexError from None
    except ValueError:
        pass  # msgspec refuses lone surrogates, which JavaScript writes and reads, and numbers that JavaScript rounds
    try:
        return True, json.loads(data.decode(), parse_int=_integer)
    except RecursionError:
        raise TooComplexError from None
    except ValueError:
        return False, None


def begins_whole(data: bytes) -> bool:
    """True if `data` begins with a whole JSON document."""
    try:
        _FIRST.raw_decode(data.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return False
    return True


def _integer(digits: str) -> float:
    # Python refuses to read an integer of thousands of digits.
    return int(digits) if len(digits) <= MAX_DIGITS else float(digits)


def text(token: bytes, *, halves: bool = False) -> str:
    """Return what a JSON string says; lone surrogates become U+FFFD, but with `halves` they stay."""
    try:
        return _TEXT.decode(token)
    except msgspec.DecodeError:
        said: str = json.loads(token)
        return said if halves else _SURROGATES.sub("\ufffd", said)


def tokens(data: bytes) -> Iterator[re.Match[bytes]]:
    """The tokens of JSON, in their order.

    What stands behind the last one is cut off first: `TOKEN` would be tried at each of those blanks, and would go over
    all that follow each time, for minutes in an event of some MiB.
    """
    return TOKEN.finditer(data, 0, len(data.rstrip(_BETWEEN)))


def leaves(data: bytes, meter: Meter | None = None) -> Leaves:
    """The strings of `data`, which `document` took for JSON.

    Cost: about a microsecond a token.

    Raises:
        TooComplexError: more than MAX_TOKENS or MAX_DEPTH.
        SpentError: `meter` has no steps left.
    """
    walk = _LeafWalk(data, meter or Meter())
    walk.run()
    return Leaves(walk.strings, walk.counts, walk.probabilities, walk.repeated)


class _LeafWalk:
    """A step over each token, with the path to it."""

    def __init__(self, data: bytes, meter: Meter) -> None:
        self.data = data
        self._meter = meter
        self.strings: list[Leaf] = []
        self.counts: dict[Scope, tuple[int, int]] = {}
        self.probabilities: dict[Scope, tuple[int, int]] = {}
        self.repeated = False
        # Of the container we are in: its path, the names seen (None in an array), the place of the next value.
        self._path: Scope = ()
        self._names: set[str] | None = None
        self._key: str | int | None = None
        self._outer: list[tuple[Scope, set[str] | None, str | int | None, int]] = []

    def run(self) -> None:
        for count, token in enumerate(tokens(self.data)):
            if count >= MAX_TOKENS:
                raise TooComplexError
            if count % TOKENS_AT_ONCE == 0:
                self._meter.spend(TOKENS_AT_ONCE)
            group = token.lastindex
            start, end = token.span(1 if group == _NAME else group or 0)
            if group == _NAME:
                self._name(start, end)
            elif group == _OPEN:
                self._open(start)
            elif group == _CLOSE:
                self._close(end)
            else:
                self._leaf(start, end, string=group == _VALUE)

    def _name(self, start: int, end: int) -> None:
        name = text(self.data[start:end])
        assert self._names is not None, "names stand in objects"
        if name in self._names:
            self.repeated = True
        self._names.add(name)
        self._key = name
        if name not in KNOWN:
            self._meter.spend(NAME_STEPS)
            self.strings.append(Leaf((*self._path, name), start, end, "name"))

    def _here(self) -> Scope:
        return self._path if self._key is None else (*self._path, self._key)

    def _open(self, start: int) -> None:
        here = self._here()
        self._outer.append((self._path, self._names, self._key, start))
        if len(self._outer) > MAX_DEPTH:
            raise TooComplexError
        self._path = here
        self._names, self._key = (set(), None) if self.data[start] == b"{"[0] else (None, 0)

    def _close(self, end: int) -> None:
        path = self._path
        self._path, self._names, self._key, start = self._outer.pop()
        if path and spells(path[-1]):
            self.probabilities[path] = (start, end)
        self._next()

    def _leaf(self, start: int, end: int, *, string: bool) -> None:
        if string:
            self.strings.append(Leaf(self._here(), start, end))
        elif end - start >= SHORTEST and self.data[start] <= _NINE and self._long(start, end):
            self.strings.append(Leaf(self._here(), start, end, "number"))
        elif self._counts(end - start) and self.data[start:end].isdigit():
            self.counts[self._here()] = (start, end)
        self._next()

    def _long(self, start: int, end: int) -> bool:
        if not telling(self.data[start:end].decode("latin-1")):
            return False
        key = self._key
        counter = isinstance(key, str) and KNOWN.get(key) == COUNTER
        return not (counter and is_own(reversed((*self._path, key))))

    def _counts(self, digits: int) -> bool:
        key = self._key
        if not isinstance(key, str):
            return False
        return digits <= MAX_DIGITS if key == "sequence_number" else digits <= SHORT and key.endswith("_tokens")

    def _next(self) -> None:
        if isinstance(self._key, int):
            self._key += 1
