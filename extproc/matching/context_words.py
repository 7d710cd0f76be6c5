"""The words that count beside a match: apart from others, in the names of members, and in names in camel case."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from extproc.matching.expression import Chars, Node, Ranges, Seq, union, without
from extproc.matching.re2_search import Search, expression, searching, within
from extproc.matching.render import charset, members, starters
from extproc.matching.rule import Rule
from extproc.matching.syntax import read

_SIGNS: Ranges = ((0x30, 0x39), (0x41, 0x5A), (0x61, 0x7A))

_JOINING = (
    r"0-9A-Za-z\x{b5}\x{c0}-\x{d6}\x{d8}-\x{f6}\x{f8}-\x{2af}\x{370}-\x{52f}"
    r"\x{1e9e}\x{2126}\x{212a}-\x{212b}"
)
_PARTED = f"(?-i:[^{_JOINING}])"
"""The neighbour of a context word: no digit, and no letter of the scripts that part words by blanks; the last are other
cases of such letters (a capital sharp s, ohm, kelvin, angstrom). In Chinese and Japanese nothing parts words. With `i`,
RE2 takes four times as long to compile such a class."""

CAMEL: Final = re.compile(rb"([a-z]{2})([A-Z])")
"""The letters between which a word of a name in camel case ends; `iPhone` is one word."""

CAMEL_CASE = "(?-i:[a-z]{2}[A-Z])"
"""The same where it stands beside words, which are looked for without regard to case."""


@lru_cache
def char_class(content: str) -> Ranges:
    """Return the characters of a class by what stands in its brackets; none for an empty string."""
    node = read(f"[{content}]")[0] if content else Seq(())
    return node.ranges if isinstance(node, Chars) else ()


def parted_words(words: tuple[str, ...]) -> str:
    """Return an expression for words that stand apart."""
    return f"(?i){_PARTED}(?:{'|'.join(words)}){_PARTED}"


def apart(rules: Iterable[tuple[Rule, Node]]) -> str:
    """Return an expression for the words of rules that stand apart, or right beside what matches begin or end with.

    Where letters and digits may not join a match, a word that begins with one cannot stand right behind it.
    """
    alone = without(char_class(_JOINING))
    words: dict[tuple[Ranges, Ranges], set[str]] = {}
    for rule, node in rules:
        left, right = (not _joins(char_class(content)) for content in (rule.after, rule.before))
        inside, first = union(alone, members(node)), union(alone, starters(node))
        for word in rule.context:
            sides = (
                inside if left or not _is_sign(word[0]) else alone,
                first if right or not _is_sign(word[-1]) else alone,
            )
            words.setdefault(sides, set()).add(word)
    parts = (
        f"(?-i:{charset(left)})(?:{'|'.join(sorted(words[left, right]))})(?:(?-i:{charset(right)})|\\z)"
        for left, right in words
    )
    return f"(?i)(?:{'|'.join(parts)})"


def _joins(ranges: Ranges) -> bool:
    """True if a class holds all letters and digits of ASCII."""
    return union(ranges, _SIGNS) == ranges


def _is_sign(char: str) -> bool:
    return char.isascii() and char.isalnum()


def called(rule: Rule) -> str:
    """Return an expression for the words of a rule in the name of a member; for nothing if those do not count."""
    words = rule.context if rule.named is True else rule.named
    return parted_words(words) if words else charset(())


def calling(rules: Iterable[Rule]) -> Search | None:
    """Return a search for the words of all rules in the name of a member; None if no rule has such words."""
    named = [rule.context if rule.named is True else rule.named or () for rule in rules if rule.context]
    words = dict.fromkeys(word for each in named for word in each)
    return searched(parted_words(tuple(words))) if words else None


_humped: Final = searching(expression(CAMEL_CASE))
"""A search for what CAMEL finds: in prose, where it is rare, thirty times as fast."""


def humped(text: bytes, low: int, high: int) -> bool:
    """True if a word of a name in camel case begins somewhere between two bytes."""
    return _humped(text, low, high)[0][0] >= 0


def parted(text: bytes) -> bytes:
    """The text with a blank where a word of a name in camel case begins: `homePhone` holds the word "phone"."""
    return CAMEL.sub(rb"\1 \2", text) if within(_humped, text) else text


def spoken(search: Search, data: bytes) -> bool:
    """True if a word stands in `data`, also apart from its next one in a name in camel case: `saId` holds "sa id"."""
    return within(search, data) or (within(_humped, data) and within(search, parted(data)))


def searched(pattern: str) -> Search:
    """Return a search for an expression of words."""
    return searching(expression(pattern))
