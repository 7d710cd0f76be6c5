"""The length of a text's end that must be held back because a match may be in progress there.

A match in progress begins either in the text's last word or before it. In the last word nearly anything may begin
(every word may be the name in an e-mail address), so a short last word is held as it is; a long one is judged by the
characters that rules are made of. Before the last word, only rules whose matches span spaces can be in progress. One
Hyperscan pass for beginnings of their matches that end in a space reports which rules those are (on prose, none), and
the exact beginnings of those rules report the place.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache

import re2
from msgspec import Struct

from extproc.matching.compiled import CompiledRule
from extproc.matching.databases import UnsupportedPatternError
from extproc.matching.expression import (
    LAST,
    Alt,
    Assert,
    Chars,
    Group,
    Node,
    Ranges,
    Repeat,
    Seq,
    union,
    without,
)
from extproc.matching.hyperscan import Fast
from extproc.matching.re2_search import Search, expression, searching
from extproc.matching.render import charset, coarse, members, octets, outside, prefixes, starters
from extproc.matching.samples import begun
from extproc.matching.utf8 import ASCII, after, before, whole

SHORT_WORD = 24
"""Bytes of a last word that are held without asking: most words and pieces of words are shorter."""

LONG_WORD = 128
"""Bytes of a last word from which on rules are asked by their width, so that none holds more than it is wide."""

LONG_REPEAT = 12
"""Repetitions beyond this are not counted, as counting costs automaton states: with 24, all rules take 0.1 s more to
compile; with 4, prose has a seventh more candidates."""

LONGEST_PHRASE = 12_000
"""Characters of a pattern for the beginnings of phrases; Hyperscan takes 16,000 in all."""

_IDEOGRAPH = 0x4E00
"""A letter of a script that parts no words."""

_SPACES: Ranges = ((0x0A, 0x0A), (0x20, 0x20))


class _Beginning(Struct, frozen=True, eq=False):
    """The beginnings of matches of one rule or several, and the most bytes of them, in general and of ASCII alone."""

    search: Search
    most: int
    ascii: int

    def earliest(self, data: bytes, first: int) -> int:
        """The earliest byte from `first` on at which such a beginning reaches the end of `data`, or its length."""
        end = len(data)
        least = max(first, end - self.ascii)
        if least > first and not data[least:].isascii():
            least = whole(data, max(first, end - self.most))
        start = self.search(data, before(data, least), end)[0][0]
        if start < 0:
            return end
        start = start + 1 if data[start] < ASCII else after(data, start)
        return max(least, start)


class Hold:
    """The rules' common answer to "where does what may be in progress begin?"."""

    def __init__(self, lanes: Sequence[CompiledRule]) -> None:
        # In scripts without spaces a whole paragraph is one word, in which a match may begin anywhere.
        glued = [each for each in lanes if _glued(each)]
        parted = [each for each in lanes if not _glued(each)]
        self._glued = _beginning(_prefixes(list(enumerate(glued))), glued) if glued else None
        self._word = _Beginning(searching(_words(parted)), LONG_WORD, LONG_WORD)
        buckets: dict[int, list[CompiledRule]] = {}
        for each in parted:
            buckets.setdefault(_bucket(each), []).append(each)
        self._long = [_beginning(_words(bucket), bucket) for bucket in buckets.values()]
        # Rules with one gate begin alike: where a text ends in a number and a space, one search is for all of them.
        alike: dict[object, list[tuple[int, CompiledRule]]] = {}
        for number, each in enumerate(lanes):
            if _spaced(each.node):
                alike.setdefault((each.gate, each.underscored) if each.rule.sign else number, []).append((number, each))
        spanning = [*alike.values()]
        self._phrases = [_beginning(_prefixes(each), [one for _, one in each]) for each in spanning]
        try:
            asked = {
                number: [text for _, one in each for text in begun(one.node)] for number, each in enumerate(spanning)
            }
            private = {number for number, each in enumerate(spanning) if any(one.rule.private for _, one in each)}
            self._spans = Fast(dict(enumerate(_phrases([one for _, one in each]) for each in spanning)), asked, private)
        except UnsupportedPatternError as error:
            raise UnsupportedPatternError(spanning[error.number][0][0], str(error)) from None

    def start(self, data: bytes, first: int) -> int:
        """The earliest byte from `first` on at which a match may be in progress at the end of `data`, or its length.

        Before byte `first` stands at least one code point. No match that begins before the answer can still change.
        """
        word = max(data.rfind(b" "), data.rfind(b"\n")) + 1
        if word <= first:
            return self._in_word(data, first)
        earliest = len(data) if word == len(data) else self._in_word(data, word)
        return self.in_progress(
            (number for number, _ in self._spans.hits(data[before(data, first) : word])), data, first, earliest
        )

    def in_progress(self, phrases: Iterable[int], data: bytes, first: int, earliest: int) -> int:
        """The earliest byte from `first` on at which one of these phrases is in progress, or `earliest`."""
        for number in phrases:
            earliest = min(earliest, self._phrases[number].earliest(data, first))
            if earliest == first:
                break
        return earliest

    def spanning(self, words: bytes) -> tuple[int, ...]:
        """The phrases that may be in progress at the end of `words`, a space, and begin behind their first one."""
        first, end = after(words, 0), len(words)
        numbers = dict.fromkeys(number for number, _ in self._spans.hits(words))
        return tuple([number for number in numbers if self._phrases[number].earliest(words, first) < end])

    def _in_word(self, data: bytes, first: int) -> int:
        """The same for what holds no spaces; none stands after byte `first`."""
        size = len(data) - first
        if size <= SHORT_WORD and data[first:].isascii():
            return first
        if size <= LONG_WORD:
            earliest = self._word.earliest(data, first)
        else:
            earliest = min((each.earliest(data, first) for each in self._long), default=len(data))
        if self._glued is None or data[first:].isascii():
            return earliest
        return min(earliest, self._glued.earliest(data, first))


def _beginning(expression: "re2._Regexp[str]", lanes: Sequence[CompiledRule]) -> _Beginning:
    return _Beginning(
        searching(expression), max(each.most_bytes for each in lanes), max(each.most_ascii for each in lanes)
    )


def _words(lanes: Sequence[CompiledRule]) -> "re2._Regexp[str]":
    """An expression for what may be a match without spaces in progress, going by first and other characters alone."""
    parts = dict.fromkeys(
        f"{outside(each.before)}{charset(first)}{charset(_unspaced(members(each.node)))}*"
        for each in lanes
        if (first := _unspaced(starters(each.node)))
    )
    return expression(rf"(?:{'|'.join(parts) or charset(())})\z")


def _glued(each: CompiledRule) -> bool:
    """True if a match may begin within text that no space parts, as Chinese: its exact beginnings tell where."""
    first = starters(each.node)
    return _has(first, _IDEOGRAPH) and not _has(each.before, _IDEOGRAPH)


def _has(ranges: Ranges, point: int) -> bool:
    return any(low <= point <= high for low, high in ranges)


def _unspaced(ranges: Ranges) -> Ranges:
    return _both(ranges, without(_SPACES))


def _prefixes(lanes: Sequence[tuple[int, CompiledRule]]) -> "re2._Regexp[str]":
    """An expression for what may be a match in progress."""
    parts = dict.fromkeys(f"{outside(each.before)}{prefixes(each.node)}" for _, each in lanes)
    return expression(rf"(?:{'|'.join(parts)})\z")


def _phrases(lanes: Sequence[CompiledRule]) -> bytes:
    """A Hyperscan pattern for the beginnings of matches that end in a space, at the end of a text."""
    phrases = _either([_phrase(each) for each in lanes])
    if len(phrases) > LONGEST_PHRASE:
        phrases = f"{octets(union(*(members(each.node) for each in lanes)))}*{charset(_SPACES)}"
    return rf"{phrases}\z".encode()


def _phrase(each: CompiledRule) -> str:
    edge = octets(without(each.before)) if each.before else octets(((0, LAST),))
    phrase = _spaced(each.node)
    if len(phrase) > LONGEST_PHRASE:
        # Anything that the rule's matches are made of, up to a space: the exact beginnings decide anyway.
        phrase = f"{octets(members(each.node))}*{charset(_SPACES)}"
    return f"{edge}{phrase}"


def _spaced(node: Node) -> str:
    """A Hyperscan pattern for the beginnings of a match of `node` that end in a space; empty if there are none."""
    match node:
        case Chars(ranges=ranges):
            return _spaces(ranges)
        case Assert():
            return ""
        case Group(item=item):
            return _spaced(item)
        case Alt(options=options):
            return _either([_spaced(option) for option in options])
        case Repeat(item=item, high=high):
            part = _spaced(item)
            if not part or high in {0, 1}:
                return part if high else ""
            return coarse(_loose(Repeat(item, 0, None if high is None else high - 1))) + part
        case Seq(items=items):
            rest = ""
            for item in reversed(items):
                rest = _either([_spaced(item), coarse(_loose(item)) + rest if rest else ""])
            return rest


def _loose(node: Node) -> Node:
    """The tree without places, and long repetitions not counted: to hold more for a moment is harmless."""
    match node:
        case Chars():
            return node
        case Assert():
            return Seq(())
        case Group(item=item):
            return _loose(item)
        case Seq(items=items):
            return Seq(tuple(_loose(item) for item in items))
        case Alt(options=options):
            return Alt(tuple(_loose(option) for option in options))
        case Repeat(item=item, low=low, high=high):
            long = high is None or high > LONG_REPEAT
            return Repeat(_loose(item), min(low, 1) if long else low, None if long else high)


def _either(options: list[str]) -> str:
    kept = [option for option in dict.fromkeys(options) if option]
    return f"(?:{'|'.join(kept)})" if len(kept) > 1 else "".join(kept)


@lru_cache
def _spaces(ranges: Ranges) -> str:
    spaces = _both(ranges, _SPACES)
    return charset(spaces) if spaces else ""


def _both(one: Ranges, other: Ranges) -> Ranges:
    return without(union(without(one), without(other)))


def _bucket(each: CompiledRule) -> int:
    """A class of width for the rule: few expressions, and none holds four times its due."""
    most = LONG_WORD
    while most < each.most_ascii:
        most *= 4
    return most
