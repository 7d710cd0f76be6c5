"""Digits that a word names: what the rules of national identifiers without a form of their own have in common."""

from collections.abc import Callable
from typing import Final

from extproc.detectors.pii.words import expressions
from extproc.matching.rule import Rule

RUN: Final = r"\d(?:[ ./+-]{0,3}\d){6}(?:[ -]{0,3}[A-Za-z]{1,2})?[^0-9A-Za-z]"
"""The last seven digits of a number, with separators, and up to two letters behind them: one gate for all of these
rules, which share what finds their words, too (see `matching.gates`)."""


def spoken(
    kind: str,
    pattern: str,
    validator: Callable[[str], bool],
    *,
    words: tuple[str, ...] = (),
    own: bool = True,
    name: str = "",
    before: str = "[:alnum:].",
    after: str = "[:alnum:]",
    score: float = 0.9,
    hits: tuple[str, ...],
    misses: tuple[str, ...],
) -> Rule:
    """Return the rule for numbers beside a word of `kind`, if it is its `own`, or of the lists in `words`.

    The name of a member counts. A match begins with a digit and is found by `RUN`; letters may be of either case.
    """
    return Rule(
        kind=kind,
        name=name,
        numeric=True,
        pattern=pattern,
        sign=RUN,
        before=before,
        after=after,
        fold=True,
        validator=validator,
        context=expressions(*(kind,) * own, *words),
        named=True,
        score=score,
        hits=hits,
        misses=misses,
    )
