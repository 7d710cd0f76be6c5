"""Faults of single values that can be told for sure: strings, whole or begun, and numbers and words.

A place is a code point of the piece at hand. A fault lies where no right value goes on so, wherever the text is cut.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias, cast

from msgspec import Struct

from extproc.detectors.schema.nodes import ARRAY, NULL, NUMBER, OBJECT, STRING, TRUTH, SchemaNode

FaultAt: TypeAlias = tuple[str, int, str]
"""The kind of a fault, its place, and the place of the keyword in the schema."""

Step = tuple[int, FaultAt | None]
"""The place where a piece goes on, and the fault that was met."""

LETTERS: Final = frozenset("tfn")
"""The letters with which values begin that are words."""

LEVELS_MAX: Final = 128
"""Levels of a document: twice those of a schema. A deeper one is a fault; parsers have bounds, too."""

NAME_MAX: Final = 4096
"""Characters of a name. A longer one is a fault, as a document that is too deep."""

WORDS: Final = {"true": TRUTH, "false": TRUTH, "null": NULL}
DIGITS: Final = frozenset("-0123456789")
OPENING: Final = {"{": OBJECT, "[": ARRAY}


class JsonFault(Struct, frozen=True, gc=False):
    """The first fault of a text. `at`: its code point; `why`: the place of a keyword in the schema, if it broke one."""

    kind: str
    at: int
    why: str = ""


def ever_matching(pattern: str) -> Callable[..., "re.Match[str]"]:
    """Return the `match` of an expression that matches everywhere, if only nothing."""
    return cast('Callable[..., "re.Match[str]"]', re.compile(pattern).match)


_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?").fullmatch
_BEGUN_NUMBER: Final = ever_matching(
    r"-?(?:(?:0|[1-9][0-9]*)(?:\.(?:[0-9]+(?:[eE](?:[+-]?[0-9]*)?)?)?|[eE](?:[+-]?[0-9]*)?)?)?"
)

_EXACT: Final = 300
"""Digits of a whole number up to which it is compared; Python reads no more than some thousand."""

_HIGH, _HIGH_LAST = "\ud800", "\udbff"
"""The first halves of surrogate pairs: a piece may end with one."""


def begun_name(node: SchemaNode, token: str, start: int) -> FaultAt | None:
    """Return the fault of the beginning of a member's name, which begins at `start`."""
    name = _begun(token)
    return unknown_name(node, name, start) if node.closed and not _begins(name, node.names) else None


def unknown_name(node: SchemaNode, name: str, start: int) -> FaultAt:
    """Return the fault of a name that no member has."""
    return "unknown_member", start + _off(name, node.names), node.where + "/additionalProperties"


def begun_string(child: SchemaNode, token: str, start: int) -> FaultAt | None:
    """Return the fault of the beginning of a string, which begins at `start`."""
    said = _begun(token)
    if child.words is not None and not _begins(said, child.words):
        return "enum", start + _off(said, child.words), child.where + child.chosen
    if child.most_length is not None and len(said) > child.most_length:
        return "range", start + int(child.most_length), child.where + "/maxLength"
    return None


def whole_string(child: SchemaNode, token: str, start: int, end: int, *, plain: bool) -> FaultAt | None:
    """Return the fault of a string from `start` to `end`; `plain`: nothing in it was escaped."""
    said = joined(token)
    if child.words is not None and said != _next(said, child.words):
        return "enum", start + _off(said, child.words) if plain else end, child.where + child.chosen
    if child.most_length is not None and len(said) > child.most_length:
        return "range", start + int(child.most_length) if plain else end, child.where + "/maxLength"
    if len(said) < child.least_length:
        return "range", end, child.where + "/minLength"
    return None


def begun_scalar(token: str) -> int:
    """Return how many characters of a token can be the beginning of a number or a word."""
    if token[0] in DIGITS:
        return _BEGUN_NUMBER(token).end()
    return max(_common(token, word) for word in WORDS)


def whole_scalar(child: SchemaNode, token: str, start: int, end: int) -> FaultAt | None:
    """Return the fault of a token from `start` to `end` that has to be a number or a word."""
    kind = WORDS.get(token)
    if kind is None and _NUMBER(token) is None:
        return "not_json", end, ""
    if not child.types & (kind or NUMBER):
        return "type", start, child.where + child.by
    return None if kind is not None else _number(child, token, end)


def _number(child: SchemaNode, token: str, end: int) -> FaultAt | None:
    whole = token.lstrip("-").isdigit()
    if whole and len(token) > _EXACT:
        return None
    value = int(token) if whole else float(token)
    if child.integer and not whole and abs(value) < 2**53 and value != int(value):
        return "type", end, child.where + child.by
    if child.least is not None and value < child.least:
        return "range", end, child.where + "/minimum"
    if child.most is not None and value > child.most:
        return "range", end, child.where + "/maximum"
    return None


def scalar_type(scalar: str) -> int:
    """Return the type of a scalar by its first character."""
    return NUMBER if scalar[0] in DIGITS else NULL if scalar[0] == "n" else TRUTH


def may_open(child: SchemaNode, bracket: str, comma: str | None) -> bool:
    """True if a value may begin with a bracket, behind which no comma can stand."""
    return comma is None and bool(child.types & OPENING[bracket])


def fits(child: SchemaNode, said: str | None, scalar: str | None) -> bool:
    """True if a string without escapes, or a scalar, is right for sure."""
    if said is not None:
        return bool(child.free & STRING)
    assert scalar is not None, "it is a string or a scalar"
    return bool(child.free & WORDS.get(scalar, NUMBER)) or whole_scalar(child, scalar, 0, 0) is None


def joined(said: str) -> str:
    """Return a text whose pairs of surrogates are characters, and whose single halves are U+FFFD."""
    return said if said.isascii() else said.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _begun(said: str) -> str:
    """Return the same of the beginning of a text, without a first half at its end, as the other may follow."""
    return joined(said[:-1] if _HIGH <= said[-1] <= _HIGH_LAST else said)


def _next(said: str, known: Sequence[str]) -> str | None:
    """Return the first of some strings in order that does not come before another one."""
    at = bisect_left(known, said)
    return known[at] if at < len(known) else None


def _begins(said: str, known: Sequence[str]) -> bool:
    """True if one of the known strings, which are in order, begins so."""
    found = _next(said, known)
    return found is not None and found.startswith(said)


def _off(said: str, known: Sequence[str]) -> int:
    """Return the first character of a string that none of the known ones, which are in order, has there."""
    at = bisect_left(known, said)
    return max((_common(said, each) for each in known[max(0, at - 1) : at + 1]), default=0)


def _common(one: str, other: str) -> int:
    """Return how many characters two texts have in common at their beginning."""
    size = min(len(one), len(other))
    if one[:size] == other[:size]:
        return size
    return next(at for at in range(size) if one[at] != other[at])
