"""The strings of a JSON text that is known to be well-formed, and its long numbers, each with its place.

msgspec has checked the text, in C, so the walk looks only at what tells it where it is.
"""

import re
from collections.abc import Callable
from json import JSONDecoder
from typing import Any

from extproc.payload.limits import MAX_DEPTH, SHORT
from extproc.payload.names import CARRIER, COUNTER, KNOWN, PERHAPS, PROBABILITIES, carries, is_own, spells
from extproc.payload.numbers import SHORTEST, telling
from extproc.payload.opened import OPENING, Reading
from extproc.payload.passage import Holder, Passage, TextLimitError, keys_of

_WHITE = frozenset(" \t\n\r")
# What texts begin with that may hold a document: JSON, or a data URL.
_DOCUMENTS = OPENING
_LITERALS = {"t": 4, "f": 5, "n": 4, "N": 3, "I": 8}  # the length of each by its first letter
_SPELLING = PROBABILITIES | PERHAPS
_MEMBER, _ALONE = -1, -2  # in the place of an item's index

_blank = re.compile(r"[ \t\n\r]*+")
_number = re.compile(r"[-+.\deE]*+(?:Infinity)?+")
_long = re.compile(rf"-?\d{{{SHORT + 1},}}")
_long_item = re.compile(rf",[ \t\n\r]*+-?\d{{{SHORT + 1}}}")
# As many short numbers as follow each other, with their commas.
_shorts = re.compile(rf"(?:-?\d{{1,{SHORT}}}(?!\d)(?:\.\d++)?(?:[eE]-\d++)?[ \t\n\r]*+,[ \t\n\r]*+)*+")
_string = JSONDecoder().raw_decode


def walk(text: str, within: Holder, key: int | None, source: int, reading: Reading, at: int = 0) -> int:
    """Add what the value at `at` says, which stands `within` what holds it at `key`, to `reading`; give its end.

    One function, and as many variables: a call for each string would cost as much as all that is done for it.

    Costs about 0.5 µs a member or item, and a search for the quotes (30 µs/MB); escapes cost more.

    Raises:
        TextLimitError: too many values, or too deep.
    """
    find, append = text.find, reading.passages.append
    flags: Callable[[Any], int | None] = KNOWN.get
    place = within
    stack: list[tuple[Holder, int]] = []
    name: str | int | None = key
    flag: int | None = 0
    index = _ALONE
    for _ in reading.budget:
        if index == _MEMBER:
            if text[at] == " ":
                at += 1
            end = find('"', at + 1)
            name = text[at + 1 : end]
            flag = flags(name)
            if flag is None or text[end + 1] != ":":
                name, flag, at = _name(text, at, place, source, append)
            else:
                at = end + 2
        if (char := text[at]) == " ":  # as most that space their JSON do: one behind every colon and comma
            char = text[at := at + 1]
        if char in _WHITE:
            char, at = _skip(text, at)
        if char == '"':
            end = find('"', at + 1) + 1
            value = text[at + 1 : end - 1]
            if "\\" in value:
                value, end = _string(text, at)
            append(Passage(value, "text", place, name, source, at, end))
            if index >= 0 and place is not None:
                flag = flags(place[1])
                if flag is None and carries(str(place[1])):
                    flag = CARRIER
            if flag == CARRIER or value[:1] in _DOCUMENTS:
                reading.open(carrier=flag == CARRIER)
            at = end
        elif char in "{[":
            if len(stack) == MAX_DEPTH:
                raise TextLimitError("depth")
            stack.append((place, index))
            place = (place, name)
            if name in _SPELLING or (name.__class__ is str and name not in KNOWN and spells(name)):
                reading.probabilities.append((place, at, source))
            name, flag, index = 0, 0, _MEMBER if char == "{" else 0
            if (char := text[at := at + 1]) in _WHITE:
                char, at = _skip(text, at)
            if char not in "}]":
                continue
        elif char in _LITERALS:
            at += _LITERALS[char]
        elif index == 0 and (end := _vector(text, at)) > at:
            reading.tokens(place)
            at = end
        elif index != _MEMBER and (end := _end(_shorts, text, at)) > at:
            reading.tokens(place)
            name = index = index + text.count(",", at, end)
            at = end
            continue
        else:
            if index != _MEMBER:
                reading.tokens(place)
            end = _end(_number, text, at)
            said = telling(text[at:end]) if end - at >= SHORTEST else ""
            if said and not (flag == COUNTER and is_own(keys_of((place, name)))):
                append(Passage(said, "number", place, name, source, at, end))
            at = end
        while stack:
            if (char := text[at]) in _WHITE:
                char, at = _skip(text, at)
            at += 1
            if char == ",":
                break
            place, index = stack.pop()
        else:
            return at
        if index != _MEMBER:
            name = index = index + 1
            flag = 0
    raise TextLimitError("values")


def _name(text: str, at: int, place: Holder, source: int, append: Callable[[Passage], None]) -> tuple[str, int, int]:
    """The name of the member that begins at `at` or behind white space, its flag, and the offset behind its colon."""
    if text[at] in _WHITE:
        _, at = _skip(text, at)
    end = text.find('"', at + 1) + 1
    name = text[at + 1 : end - 1]
    if "\\" in name:
        name, end = _string(text, at)
    flag = KNOWN.get(name)
    if flag is None:
        append(Passage(name, "name", place, name, source, at, end))
        flag = CARRIER if carries(name) else 0
    if text[end] != ":":
        _, end = _skip(text, end)
    return name, flag, end + 1


def _vector(text: str, at: int) -> int:
    """The end of the array whose first item, a number, is at `at`, if it holds short numbers only; or `at`.

    Embeddings and tokens are such arrays. Asked once an array: however they are nested, `MAX_DEPTH` times a stretch.
    """
    end = text.find("]", at)
    if (
        any(text.find(char, at, end) >= 0 for char in '"[{')
        or _long.match(text, at)
        or _long_item.search(text, at, end)
        # An exponent that is not negative may make a short number long.
        or any(text.count(sign, at, end) != text.count(f"{sign}-", at, end) for sign in "eE")
    ):
        return at
    return end


def _skip(text: str, at: int) -> tuple[str, int]:
    """The first character behind the white space at `at` that is none, and its offset."""
    if (char := text[at := at + 1]) in _WHITE:
        at = _end(_blank, text, at)
        char = text[at]
    return char, at


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    assert found is not None, "it matches no characters, too"
    return found.end()
