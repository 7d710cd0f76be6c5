"""Lists of names that are allowed and denied, made ready: exact names in sets, patterns one after the other."""

import unicodedata
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from extproc.matching.ignorable import shown
from extproc.policy import McpList

ANY: Final = "*"

_BLANK: Final = "\u2800"
"""The Braille pattern without dots: a sign to Unicode, and a space to whoever reads."""


class Globs(Struct, frozen=True):
    """Names and patterns in which `*` stands for any characters. Matching takes time in proportion to both lengths."""

    exact: frozenset[str]
    patterns: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, written: Iterable[str]) -> "Globs":
        """Return what a list of the policy says."""
        every = tuple(dict.fromkeys(written))
        patterns = tuple(tuple(each.split(ANY)) for each in every if ANY in each)
        return cls(frozenset(each for each in every if ANY not in each), patterns)

    def match(self, name: str) -> bool:
        """True if one of them is the name, or stands for it."""
        return name in self.exact or any(_fits(name, each) for each in self.patterns)


class NameRules(Struct, frozen=True):
    """Names that are allowed and names that are denied; see `policy.mcp.McpList`. `denied` are folded."""

    allowed: Globs
    denied: Globs
    default: bool

    @classmethod
    def of(cls, *written: McpList) -> "NameRules":
        """Return lists together; of defaults, the last one that is written counts."""
        allow = [name for each in written for name in each.allow or ()]
        deny = [folded(name) for each in written for name in each.deny]
        default = next((each.default for each in reversed(written) if each.default is not None), None)
        if default is None:
            default = "allow" if all(each.allow is None for each in written) else "deny"
        return cls(Globs.of(allow), Globs.of(deny), default == "allow")

    @property
    def restricts(self) -> bool:
        """True if some name is not allowed."""
        return not self.default or bool(self.denied.exact or self.denied.patterns)

    def allows(self, name: str) -> bool:
        """True if the name is allowed."""
        if self.denied.match(folded(name)):
            return False
        return self.default or self.allowed.match(name)


def folded(name: str) -> str:
    """Return a name as lenient readers compare it: without case, width, blanks, and what cannot be seen.

    Java compares capitals first and small letters then, so that `i` is also one without a dot, and a capital with one.
    """
    if name.isascii():
        return "".join(name.lower().split()) if name.isprintable() else _visible(name.lower())
    small = unicodedata.normalize("NFKC", shown(unicodedata.normalize("NFKC", name)).upper().casefold())
    return _visible(small.replace("i\u0307", "i"))


def _visible(name: str) -> str:
    return "".join(each for each in shown(name) if each.isprintable() and not each.isspace() and each != _BLANK)


def _fits(name: str, parts: tuple[str, ...]) -> bool:
    """True if a name has these parts in their order, the first at its start and the last at its end."""
    first, last = parts[0], parts[-1]
    if len(name) < len(first) + len(last) or not name.startswith(first) or not name.endswith(last):
        return False
    at, end = len(first), len(name) - len(last)
    for part in parts[1:-1]:
        found = name.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True
