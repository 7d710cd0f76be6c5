"""Placeholders and the values they stand for, for the length of one exchange, and the way back."""

import re
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from functools import lru_cache
from itertools import islice
from typing import Final

from extproc.payload.parts import Segment

MOST_VALUES = 10_000
"""Values that one exchange may have placeholders for (a 2 MiB body of nothing but addresses has more). Those beyond it
are masked without a number, and never restored."""

MOST_RESERVED = 10_000
"""Texts that look like placeholders and are none, of which placeholders keep clear: as many as there may be values.
Beyond it no new numbers are given."""

MOST_LABELS = 1024
"""Labels that are remembered: all kinds of most policies."""

LONGEST_PLACEHOLDER = 80
"""Code points of a placeholder: a kind of at most 63, a number, brackets. No more is ever held back for one."""

_LOOKS = re.compile(r"\[[A-Z][A-Z0-9_]{0,62}_[0-9]{1,9}\]")
_PART = re.compile(r"\[[A-Z0-9_]*\Z")


_NONE: AbstractSet[str] = frozenset()

# A vault shares these until it has a value: most exchanges have none, and open streams are many.
_NO_NAMES: Final[dict[tuple[str, str], str]] = {}
_NO_VALUES: Final[dict[str, str]] = {}
_NO_COUNTS: Final[dict[str, int]] = {}
_NOT_SORTED: Final[list[str]] = []


@lru_cache(MOST_LABELS)
def label(kind: str) -> str:
    """A kind as placeholders write it: `us_ssn` is US_SSN, `github-token` GITHUB_TOKEN."""
    return re.sub(r"[^A-Z0-9]", "_", kind.upper())[:63].strip("_") or "MASKED"


class Vault:
    """Gives each value of an exchange a placeholder, and gives the values back. Has no rendering of them."""

    __slots__ = ("_counts", "_names", "_reserved", "_sorted", "_values")

    def __init__(self) -> None:
        self._names = _NO_NAMES
        self._values = _NO_VALUES
        self._sorted = _NOT_SORTED
        self._counts = _NO_COUNTS
        self._reserved: AbstractSet[str] = _NONE

    def reserve(self, text: str) -> None:
        """Keep clear of what looks like a placeholder in a `text` that the client or the model wrote.

        Called for every text of a body before the first is masked: then such text is never taken for one of ours.
        """
        if "[" in text and len(self._reserved) <= MOST_RESERVED:
            found = {match[0] for match in islice(_LOOKS.finditer(text), MOST_RESERVED + 1)}
            if isinstance(self._reserved, set):
                self._reserved.update(found)
            elif found:
                self._reserved = found

    def overhear(self, before: str, text: str) -> str:
        """`reserve` for a text in pieces: `before` is what this gave for the last one.

        A placeholder that was given out before the model writes the same cannot be taken back.
        """
        text = before + text
        self.reserve(text)
        part = _PART.search(text, max(0, len(text) - LONGEST_PLACEHOLDER))
        return "" if part is None else part[0]

    def placeholder(self, kind: str, value: str, *, restorable: bool = True) -> str:
        """The placeholder of `value`, the same one each time: `[EMAIL_1]`.

        `restorable`: from now on the value comes back in its place. What was masked in an answer must not: a provider
        that knows how placeholders are numbered could write one to get at what it was kept from saying.
        """
        name = self._names.get((kind, value))
        if name is None:
            word = label(kind)
            if len(self._names) >= MOST_VALUES or len(self._reserved) > MOST_RESERVED:
                return f"[{word}]"
            if not self._names:
                self._names, self._values, self._sorted, self._counts = {}, {}, [], {}
            while name is None or name in self._reserved:
                count = self._counts[word] = self._counts.get(word, 0) + 1
                name = f"[{word}_{count}]"
            self._names[kind, value] = name
        if restorable and name not in self._values:
            self._values[name] = value
            insort(self._sorted, name)
        return name

    def value(self, placeholder: str) -> str | None:
        """Return what a placeholder of ours stands for."""
        return self._values.get(placeholder)

    def hidden(self, text: str) -> list[tuple[int, int, str]]:
        """Return where placeholders of ours stand in a text, and the values that they hide."""
        if "[" not in text or not self._names:
            return []
        there = [(match.start(), match.end(), match[0]) for match in _LOOKS.finditer(text)]
        names = {name for _, _, name in there}
        values = {name: value for (_, value), name in self._names.items() if name in names}
        places = [(start, end, values.get(name)) for start, end, name in there]
        return [(start, end, value) for start, end, value in places if value is not None]

    @property
    def restores(self) -> bool:
        """True if there is a value to put back."""
        return bool(self._sorted)

    def begins(self, text: str) -> bool:
        """True if a placeholder of ours begins with `text`."""
        place = bisect_left(self._sorted, text)
        return place < len(self._sorted) and self._sorted[place].startswith(text)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"Vault({len(self)} values)"


class Restorer:
    """Puts values back into one streamed text. `escape` makes a value fit where it goes, such as into a JSON string.

    Any cutting of the text gives the same result. Held back is only what may be a placeholder of ours cut in two.
    """

    __slots__ = ("_escape", "_vault", "cut")

    def __init__(self, vault: Vault, escape: Callable[[str], str] = str) -> None:
        self._vault = vault
        self._escape = escape
        self.cut = ""
        """The beginning of what may be a placeholder: it is held back."""

    @property
    def held(self) -> int:
        """Code points held back."""
        return len(self.cut)

    def feed(self, text: str) -> str:
        """Return what can go of the text so far, restored."""
        if self.idle(text):
            return text
        return written(self._pieces(self._free(text)))

    def pieces(self, text: str) -> list[Segment]:
        """The same piece by piece."""
        return [(text, None)] if self.idle(text) else self._pieces(self._free(text))

    def idle(self, text: str) -> bool:
        """True if nothing comes back in `text`, and nothing is held back in front of it or of its end."""
        return not self.cut and ("[" not in text or not self._vault.restores)

    def _free(self, text: str) -> str:
        text = self.cut + text
        part = _PART.search(text, max(0, len(text) - LONGEST_PLACEHOLDER))
        keep = part.start() if part is not None and self._vault.begins(part[0]) else len(text)
        self.cut = text[keep:]
        return text[:keep]

    def finish(self) -> str:
        """Return what was still held back."""
        held, self.cut = self.cut, ""
        return held

    def _pieces(self, text: str) -> list[Segment]:
        found: list[Segment] = []
        at = 0
        for match in _LOOKS.finditer(text):
            value = self._vault.value(match[0])
            if value is not None:
                found += ((text[at : match.start()], None), (match[0], self._escape(value)))
                at = match.end()
        found.append((text[at:], None))
        return found


def written(pieces: Iterable[Segment]) -> str:
    """Return what pieces come to."""
    return "".join([text if new is None else new for text, new in pieces])


def restored(vault: Vault, text: str, escape: Callable[[str], str] = str) -> str:
    """The whole of `text` with the vault's values put back."""
    restorer = Restorer(vault, escape)
    return restorer.feed(text) + restorer.finish()


def restorations(vault: Vault, text: str) -> list[tuple[int, int, str]]:
    """Return where in the whole of `text` values are to be put back, and which."""
    found = ((match, vault.value(match[0])) for match in _LOOKS.finditer(text))
    return [(match.start(), match.end(), value) for match, value in found if value is not None]
