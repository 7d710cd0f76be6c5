"""One RE2 search over bytes, without what RE2's own module makes of it: that takes longer than the search."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias, cast

import re2

Spans: TypeAlias = Sequence[tuple[int, int]]
"""Begin and end of a match and of each of its groups; all -1 if there is none, or for a group that took no part."""

Search: TypeAlias = Callable[[bytes, int, int], Spans]
"""Finds the first match in `data` between two places, the first of which is no more than the second."""


def searching(expression: "re2._Regexp[str]", *, anchored: bool = False) -> Search:
    r"""The search for an expression; `anchored` finds only what begins at the first place.

    Texts and places are not checked. What lies behind the second place is no part of a match, but `\z` and `\b` see it.
    """
    anchor = re2._Anchor.ANCHOR_START if anchored else re2._Anchor.UNANCHORED  # noqa: SLF001
    return cast("Search", partial(expression._regexp.Match, anchor))  # noqa: SLF001


def within(search: Search, data: bytes) -> bool:
    """True if the expression matches anywhere in `data`."""
    return search(data, 0, len(data))[0][0] >= 0


MATCHER_MEMORY = 16 << 20
"""Bytes of automaton states that one matcher may keep; RE2 starts over beyond it, and stays linear."""


def expression(pattern: str, memory: int = MATCHER_MEMORY, *, latin: bool = False) -> "re2._Regexp[str]":
    """An RE2 matcher that says nothing on standard error and keeps within `memory` bytes. `latin`: of single bytes."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = memory
    if latin:
        options.encoding = re2.Options.Encoding.LATIN1
        return re2.compile(pattern.encode("latin-1"), options)
    return re2.compile(pattern, options)
