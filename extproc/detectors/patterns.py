"""The operator's own rules: expressions and literals, in linear time whatever they say."""

import re
from collections.abc import Iterable, Iterator, Sequence

from extproc.matching.compiled import RuleError
from extproc.matching.rule import Rule

MOST_LITERALS = 10_000
"""Literals of one processor. They share a few automatons, which take about a kilobyte for each."""

MOST_PATTERN = 8000
"""Size of the pattern that literals share, as the fast pass has it (see `_size`). Hyperscan takes patterns of up to
16,000 characters, and the pattern for beginnings of phrases may be twice as long as the one for whole phrases."""

MOST_EDGED = 100
"""Literals up to which the fast pass looks at what adjoins them, too: for 10,000 Hyperscan takes 15 s to compile that,
and 1 s without."""

SIGN = 32
"""Characters at the beginning of a long literal by which the fast pass knows it: enough to stand in little else."""


def regex(name: str, pattern: str, *, group: int | str = 0, ignore_case: bool = False) -> Rule:
    """A rule of kind `name` for an expression (see reader). Compiling it raises RuleError if it cannot be used."""
    return Rule(kind=name, pattern=pattern, before="", after="", group=group, fold=ignore_case, score=1.0)


def literals(name: str, values: Iterable[str], *, ignore_case: bool = False, words: bool = True) -> tuple[Rule, ...]:
    """Rules of kind `name` for fixed texts; with `words`, only where no ASCII letter, digit or `_` adjoins.

    Raises RuleError if there are none, or too many, or one is empty.
    """
    wanted = sorted(set(values))
    if not wanted or not wanted[0] or len(wanted) > MOST_LITERALS:
        raise RuleError(f"rule {name}: 1 to {MOST_LITERALS} literals are needed, none of them empty")
    edge = r"\w" if words else ""
    signed = len(wanted) > MOST_EDGED or max(map(len, wanted)) > SIGN
    return tuple(
        Rule(
            kind=name,
            name=f"{name}#{number}" if number else "",
            # The longest first: of two that begin alike the longer is meant.
            pattern=_either(sorted(each, key=lambda value: (-len(value), value))),
            sign=_either(sorted({value[:SIGN] for value in each})) if signed else "",
            before=edge,
            after=edge,
            fold=ignore_case,
            score=1.0,
        )
        for number, each in enumerate(_portions(wanted, ignore_case=ignore_case))
    )


def _portions(wanted: Sequence[str], *, ignore_case: bool) -> Iterator[list[str]]:
    """Cut a list into parts of which each fits into one pattern."""
    portion: list[str] = []
    size = 0
    for value in wanted:
        more = _size(value[:SIGN], ignore_case=ignore_case)
        if portion and size + more > MOST_PATTERN:
            yield portion
            portion, size = [], 0
        portion.append(value)
        size += more
    yield portion


def _size(text: str, *, ignore_case: bool) -> int:
    """Characters of a literal in Hyperscan's syntax: 3 for an ASCII letter or digit, more for others, and its bar."""
    plain = sum(char.isascii() and char.isalnum() for char in text)
    wide = sum(not char.isascii() for char in text)
    return 1 + plain * (4 if ignore_case else 3) + wide * 26 + (len(text) - plain - wide) * 8


def _either(texts: Iterable[str]) -> str:
    return "|".join(re.escape(text) for text in texts)
