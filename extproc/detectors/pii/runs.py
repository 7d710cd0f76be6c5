"""Digits that a word names: what the rules of national identifiers without a form of their own have in common."""

from collections.abc import Callable
from typing import Final

from msgspec import structs

from extproc.detectors.pii.words import expressions
from extproc.matching.rule import Rule, marked

NATIONAL: Final = 0.9
"""Score beside a word that names no country ("ID number"): below that of a rule beside a word of its own."""

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
    score: float = 0.92,
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


def national(rule: Rule, score: float = NATIONAL) -> tuple[Rule, Rule]:
    """Return a rule, and the same beside the words for identifiers of any country.

    The other's own words are surer: a Swedish "personnummer" may pass the check of a Czech number, too.
    """
    hit = rule.hits[0]
    value = hit[hit.index("«") : hit.index("»") + 1]
    alone, _ = marked(value)
    return rule, structs.replace(
        rule,
        name=f"{rule.title}-national",
        context=expressions("national_id"),
        score=score,
        hits=(f"national ID number: {value}",),
        misses=(alone, f"lot {alone}"),
    )


SOLE: Final = r"\n[0-9][0-9 -]{8,12}[0-9]"
"""A line that begins with digits, as each text that is one does: what the fast lane reads has a line feed in front."""
SOLE_SCORE: Final = 0.5
"""Score of such a number."""


def sole(
    kind: str,
    pattern: str,
    validator: Callable[[str], bool],
    hit: str,
    misses: tuple[str, ...],
) -> Rule:
    """Return the rule for a number that is all there is of a text, as the answer to a question is.

    Only for forms that no telephone number has, and whose checks pass one in eighty random numbers or fewer. Of eleven
    digits alone, most are telephone numbers.
    """
    return Rule(
        kind=kind,
        name=f"{kind.replace('_', '-')}-alone",
        numeric=True,
        pattern=pattern,
        sign=SOLE,
        validator=validator,
        context=expressions(kind),
        alone=True,
        score=SOLE_SCORE,
        hits=(f"«{hit}»",),
        misses=(f"{hit} and more", *misses),
    )
