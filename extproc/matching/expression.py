"""Regular expressions as trees: what a rule's pattern may say, and how wide it may get.

The syntax is what RE2 and Hyperscan share, so that every pattern runs in linear time. A tree is needed because three
readings of one pattern are wanted: the exact one, a coarse one for the fast lane, "what could still become a match".
"""

from functools import lru_cache
from typing import TypeAlias

from msgspec import Struct

LAST = 0x10FFFF
"""The greatest code point."""

NODES_KNOWN = 8192
"""Nodes of which a property is remembered: rules have many parts in common. All rules have 5,000 that differ."""

SETS_KNOWN = 4096
"""Sets of code points of which something is remembered: a list of 10,000 literals asks the same a million times."""

Ranges: TypeAlias = tuple[tuple[int, int], ...]
"""A set of code points: sorted, disjoint, inclusive ranges."""


class ExpressionError(ValueError):
    """A pattern that cannot be used; `at` is the offset (code points) where reading stopped."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(f"{message} (at offset {at})")
        self.at = at


class Chars(Struct, frozen=True, cache_hash=True):
    """One code point out of a set."""

    ranges: Ranges


class Seq(Struct, frozen=True, cache_hash=True):
    """Parts one after the other; no parts match the empty text."""

    items: tuple["Node", ...]


class Alt(Struct, frozen=True, cache_hash=True):
    """One of several parts, the first that fits preferred."""

    options: tuple["Node", ...]


class Repeat(Struct, frozen=True, cache_hash=True):
    """A part repeated `low` to `high` times; None is without end."""

    item: "Node"
    low: int
    high: int | None
    lazy: bool = False


class Group(Struct, frozen=True, cache_hash=True):
    """A part whose place in the match can be asked for. Groups count from 1 in the order of their parentheses."""

    item: "Node"
    number: int


class Assert(Struct, frozen=True, cache_hash=True):
    r"""A place, not a character: `b` and `B` (ASCII word boundary or not), `^` (line start), `$` (end of text)."""

    what: str


Node: TypeAlias = Chars | Seq | Alt | Repeat | Group | Assert


class Width(Struct, frozen=True):
    """The least and greatest number of code points that a match takes; None is without end."""

    low: int
    high: int | None


ZERO, NINE = 0x30, 0x39


@lru_cache(NODES_KNOWN)
def width(node: Node) -> Width:
    """Return how many code points a match of `node` takes."""
    match node:
        case Chars():
            return Width(1, 1)
        case Assert():
            return Width(0, 0)
        case Group(item=item):
            return width(item)
        case Seq(items=items):
            parts = [width(item) for item in items]
            return Width(sum(part.low for part in parts), _total(parts))
        case Alt(options=options):
            parts = [width(option) for option in options]
            highs = [part.high for part in parts]
            return Width(min(part.low for part in parts), None if None in highs else max(high or 0 for high in highs))
        case Repeat(item=item, low=low, high=high):
            part = width(item)
            endless = high is None or part.high is None
            return Width(part.low * low, None if endless else (part.high or 0) * (high or 0))


@lru_cache(NODES_KNOWN)
def digits(node: Node) -> int:
    """Return how many ASCII digits a match of `node` holds at least."""
    match node:
        case Chars(ranges=ranges):
            return int(bool(ranges) and ranges[0][0] >= ZERO and ranges[-1][1] <= NINE)
        case Assert():
            return 0
        case Group(item=item):
            return digits(item)
        case Seq(items=items):
            return sum(map(digits, items))
        case Alt(options=options):
            return min(map(digits, options))
        case Repeat(item=item, low=low):
            return low * digits(item)


def _total(parts: list[Width]) -> int | None:
    highs = [part.high for part in parts]
    return None if None in highs else sum(high or 0 for high in highs)


def bounded(node: Node, longest: int) -> Node:
    """The tree with every endless repetition ended `longest` rounds after its least number."""
    match node:
        case Chars() | Assert():
            return node
        case Group(item=item, number=number):
            return Group(bounded(item, longest), number)
        case Seq(items=items):
            return Seq(tuple(bounded(item, longest) for item in items))
        case Alt(options=options):
            return Alt(tuple(bounded(option, longest) for option in options))
        case Repeat(item=item, low=low, high=high, lazy=lazy):
            return Repeat(bounded(item, longest), low, low + longest if high is None else high, lazy)


@lru_cache(SETS_KNOWN)
def union(*sets: Ranges) -> Ranges:
    """The set of all code points that any of `sets` holds."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(part for ranges in sets for part in ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return tuple(merged)


@lru_cache(SETS_KNOWN)
def without(ranges: Ranges) -> Ranges:
    """The set of all code points that `ranges` does not hold."""
    rest, start = [], 0
    for first, last in ranges:
        if start < first:
            rest.append((start, first - 1))
        start = last + 1
    if start <= LAST:
        rest.append((start, LAST))
    return tuple(rest)


def folded(ranges: Ranges) -> Ranges:
    """The set with both cases of every ASCII letter, and of any other letter that stands alone in its range."""
    more: list[tuple[int, int]] = []
    for first, last in ranges:
        for low, high, shift in ((0x41, 0x5A, 32), (0x61, 0x7A, -32)):
            start, end = max(first, low), min(last, high)
            if start <= end:
                more.append((start + shift, end + shift))
        if first == last > 0x7F:
            more.extend((ord(case), ord(case)) for case in (chr(first).lower(), chr(first).upper()) if len(case) == 1)
    return union(ranges, tuple(more))
