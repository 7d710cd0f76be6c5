"""The operator's own rules: expressions and literals, in linear time whatever they say."""

import re
from collections.abc import Iterable

from extproc.inspection.lane import RuleError
from extproc.inspection.rule import Rule

MOST_LITERALS = 10_000
"""Literals in one rule. They share one automaton, which takes about a kilobyte for each."""


def regex(name: str, pattern: str, *, group: int | str = 0, ignore_case: bool = False) -> Rule:
    """A rule of kind `name` for an expression (see reader). Compiling it raises RuleError if it cannot be used."""
    return Rule(kind=name, pattern=pattern, before="", after="", group=group, fold=ignore_case, score=1.0)


def literals(name: str, values: Iterable[str], *, ignore_case: bool = False, words: bool = True) -> Rule:
    """A rule of kind `name` for fixed texts; with `words`, only where no ASCII letter, digit or `_` adjoins.

    Raises RuleError if there are none, or too many, or one is empty.
    """
    # The longest first: of two that begin alike the longer is meant.
    wanted = sorted(set(values), key=lambda value: (-len(value), value))
    if not wanted or not wanted[-1] or len(wanted) > MOST_LITERALS:
        raise RuleError(f"rule {name}: 1 to {MOST_LITERALS} literals are needed, none of them empty")
    edge = r"\w" if words else ""
    pattern = "|".join(re.escape(value) for value in wanted)
    return Rule(kind=name, pattern=pattern, before=edge, after=edge, fold=ignore_case, score=1.0)
