"""Objects in a text that comes in pieces, and their words about their strings: a type, a media type, an encoding."""

from functools import lru_cache
from typing import TypeAlias

from msgspec import Struct

from extproc.payload.media import told_of
from extproc.payload.names import ENCODED, HINTS, carries, folded
from extproc.payload.parts import Keys, Readers

MAX_HINT = 128
"""Characters of what an object says about itself. Media types with their parameters have some fifty."""

MAX_KEPT = 256
"""Characters of a string that are kept until its object ends, in case that only a member behind it says that it is
base64. A longer one is told by its beginning."""

MAX_TAKEN = 4 * MAX_KEPT
"""Characters among which these are looked for: base64 in lines has a line end in 64 or 76. Of a string with more white
space, nobody can tell what a word behind it means."""

MAX_NAMES = 1024
"""Pairs of names that are remembered with what they mean."""

MAX_STRINGS = 64
"""Strings that are kept of one object. With more than that, nobody can tell what a word behind them means."""

Hints: TypeAlias = tuple[tuple[str, str], ...]
"""Names and texts of members that say what stands beside them."""

Told: TypeAlias = tuple[Hints, Hints]
"""Words of an object about its strings, and those of the object around it."""


class Seen(Struct, frozen=True, gc=False):
    """A string that was given out. `told`: what was said about it by then."""

    text: str
    keys: Keys
    level: int
    told: Told

    def __repr__(self) -> str:
        return f"Seen({len(self.text)} characters)"


class ObjectHints:
    """One object or array: what it says about what it holds, and the strings that this may concern.

    `key`: its own name, empty for items of arrays. `inner`: strings of the objects right inside of it, to which its
    words apply as well.
    """

    __slots__ = ("around", "crowded", "full", "hints", "inner", "key", "kinds", "own")

    def __init__(self, around: "ObjectHints | None" = None, key: str = "") -> None:
        self.around = around
        self.key = key
        self.hints: Hints = ()
        self.kinds: tuple[str, ...] = ()  # what the hints come to
        self.own: list[Seen] = []
        self.inner: list[Seen] = []
        self.crowded = False  # more strings of its own than are kept
        self.full = False  # and of the objects in it

    @property
    def said(self) -> Hints:
        """Return the same as one list."""
        around = self.around
        return self.hints if around is None or not around.hints else self.hints + around.hints

    @property
    def told(self) -> Told:
        """Return what is said by now about its strings."""
        return self.hints, () if self.around is None else self.around.hints

    def saw(self, text: str, keys: Keys, level: int, *, cut: bool) -> None:
        """Keep a string of this object, without the white space that readers of base64 skip. `cut`: there is more."""
        kept = "".join(text.split())[:MAX_KEPT]
        if len(self.own) == MAX_STRINGS or (cut and len(kept) < MAX_KEPT):
            self.crowded = True
        elif kept:
            self.own.append(Seen(kept, keys, level, self.told))

    def says(self, name: str, text: str, readers: Readers) -> None:
        """Take what the object says. Strings before it may be something else than they were taken for."""
        kind = told_of(name, text)
        if not kind or kind in self.kinds:
            return  # said twice, it says no more
        self.kinds = (*self.kinds, kind)
        self.hints = (*self.hints, (name, text))
        if self.crowded or self.full:
            readers.unread("complexity")
        for seen in (*self.own, *self.inner):
            readers.told(seen.text, seen.keys, seen.level, seen.told)

    def end(self) -> None:
        """The object has ended; the one around it may still say something about its strings."""
        if self.around is not None and (self.own or self.crowded):
            room = MAX_STRINGS - len(self.around.inner)
            self.around.inner += self.own[:room]
            self.around.full = self.around.full or self.crowded or len(self.own) > room

    def __repr__(self) -> str:
        return f"ObjectHints({len(self.hints)} hints, {len(self.own)} strings)"


def is_hint(key: str) -> bool:
    """True for a member that says what stands beside it."""
    return folded(key) in HINTS


@lru_cache(MAX_NAMES)
def is_of_use(key: str, holder: str) -> bool:
    """True for a string that says what stands beside it, or of which a member beside it may say that it is no text."""
    return is_hint(key) or carries(key or holder) or folded(key) in ENCODED


def copied(chain: list[ObjectHints]) -> list[ObjectHints]:
    """The same objects, for a reader of their own."""
    made: list[ObjectHints] = []
    for each in chain:
        other = ObjectHints(made[-1] if made else None, each.key)
        other.hints, other.kinds, other.crowded, other.full = each.hints, each.kinds, each.crowded, each.full
        other.own, other.inner = [*each.own], [*each.inner]
        made.append(other)
    return made
