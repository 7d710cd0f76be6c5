"""The parts of a text in which gates that need digits may hit: those near its digits.

Most rules for numbers have gates of which each hit holds a digit, and little else. In prose a number stands in every
tenth line; to read what is near it takes a twentieth of the time of a pass over all of the text.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from operator import itemgetter

from msgspec import Struct

from extproc.matching.expression import NINE, NODES_KNOWN, ZERO, Alt, Assert, Chars, Group, Node, Repeat, Seq
from extproc.matching.render import UTF8_MOST
from extproc.matching.utf8 import ASCII

SHORT = 192
"""Bytes up to which a text is read as a whole: to look for its digits takes as long."""

CROWDED = 8
"""One digit in so many bytes, or more: a text is read as a whole. What is near them would be most of it."""

FAR = 24
"""Bytes that a hit may hold in front of its first digit, between two, and behind its last. All rules for numbers keep
within 18; one that holds more would have more read of each text for the others, too."""

EDGE = 1
"""Bytes that a gate reads on either side of what it looks for."""

END = itemgetter(1)
"""The end of a hit."""

_PARTS = b"\n"
"""The byte between two parts, so that nothing goes on from one to the next that was not there."""

_DIGIT, _OTHER = b"0", b" "
_FLAT = bytes(_DIGIT[0] if byte in b"0123456789" else _OTHER[0] for byte in range(256))


class Spread(Struct, frozen=True):
    """The reach of a match from its digits, in bytes at most: in front of the first, between two, behind the last.

    `without`: bytes of a match without any digit. None where there is no such match.
    """

    without: int | None
    front: int | None = None
    between: int | None = None
    behind: int | None = None

    @property
    def near(self) -> bool:
        """True if each match has a digit, and nothing of it is FAR from one."""
        return self.without is None and max(self.front or 0, self.between or 0, self.behind or 0) <= FAR

    def then(self, other: "Spread") -> "Spread":
        """That of this one's matches with one of the other's behind each."""
        return Spread(
            _sum(self.without, other.without),
            _most(self.front, _sum(self.without, other.front)),
            _most(self.between, other.between, _sum(self.behind, other.front)),
            _most(other.behind, _sum(self.behind, other.without)),
        )

    def either(self, other: "Spread") -> "Spread":
        """That of this one's matches and the other's."""
        return Spread(
            _most(self.without, other.without),
            _most(self.front, other.front),
            _most(self.between, other.between),
            _most(self.behind, other.behind),
        )


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


def _most(*lengths: int | None) -> int | None:
    return max((each for each in lengths if each is not None), default=None)


_EMPTY = Spread(0)
_ONE = Spread(None, 0, None, 0)


@lru_cache(NODES_KNOWN)
def spread(node: Node) -> Spread:
    """Return how far from ASCII digits the matches of `node` go. A class of more than digits counts as none of them."""
    match node:
        case Chars(ranges=ranges):
            if ranges and ranges[0][0] >= ZERO and ranges[-1][1] <= NINE:
                return _ONE
            return Spread(1 if ranges and ranges[-1][1] < ASCII else UTF8_MOST)
        case Assert():
            return _EMPTY
        case Group(item=item):
            return spread(item)
        case Seq(items=items):
            made = _EMPTY
            for each in items:
                made = made.then(spread(each))
            return made
        case Alt(options=options):
            made, *others = map(spread, options)
            for other in others:
                made = made.either(other)
            return made
        case Repeat(item=item, low=low, high=high):
            return _repeated(spread(item), low, high)


def _repeated(each: Spread, low: int, high: int | None) -> Spread:
    """That of `low` to `high` matches one behind the other; more than FAR of them are FAR from each other anyway."""
    made, least = _EMPTY, _EMPTY
    for times in range(1, min(low + FAR + 1 if high is None else high, low + FAR + 1) + 1):
        least = least.then(each)
        made = least if times <= low else made.either(least)
    return made


class Near:
    """The surroundings of a text's digits that some gates read.

    `spreads`: those of the gates, each `near`, or the greatest width of a match that has a digit somewhere.
    """

    def __init__(self, spreads: Iterable[Spread]) -> None:
        spreads = list(spreads)
        self._front = max((each.front or 0 for each in spreads), default=0) + EDGE
        behind = max((each.behind or 0 for each in spreads), default=0) + EDGE
        between = max((each.between or 0 for each in spreads), default=0)
        # What is near two digits of one hit must be one part.
        self._behind = max(behind, between - self._front)
        self._apart = self._front + self._behind + 2

    def parts(self, data: bytes, flat: bytes, digits: int) -> "NearDigits | None":
        """The parts of `data` near its digits; None if all of it is to be read.

        `flat`: see `flat`. `digits`: how many there are, one at least.
        """
        if len(data) <= SHORT or digits * CROWDED > len(data):
            return None
        front, behind, apart = self._front, self._behind, self._apart
        places: list[tuple[int, int]] = []
        most = 0
        first = flat.find(_DIGIT)
        while first >= 0:
            last = first
            while (further := flat.rfind(_DIGIT, last + 1, last + apart)) > 0:
                last = further
            if last - first >= most:
                most = max(most, flat.count(_DIGIT, first, last + 1))
            high = last + 1 + behind
            places.append((first - front if first > front else 0, high))
            first = flat.find(_DIGIT, high)
        return NearDigits(data, places, most)


class NearDigits(Struct, frozen=True, eq=False):
    """The parts of a text near its digits, for a pass that reads them alone. `digits`: how many one has at most."""

    whole: bytes
    places: Sequence[tuple[int, int]]
    digits: int

    @property
    def joined(self) -> bytes:
        """The parts, with a line feed between two of them."""
        whole = self.whole
        return _PARTS.join([whole[low:high] for low, high in self.places])

    def placed(self, hits: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """Return hits in `joined` with their ends in the whole text, the first ones first."""
        found: list[tuple[int, int]] = []
        places = iter(self.places)
        low, high = next(places)
        shift, limit = low, high - low
        for pattern, end in sorted(hits, key=END):
            while end > limit:
                low, high = next(places)
                shift, limit = low - limit - len(_PARTS), limit + len(_PARTS) + high - low
            found.append((pattern, end + shift))
        return found


def flat(data: bytes) -> tuple[bytes, int]:
    """Return a text with one sign for each digit and one for all else, to look for digits in, and how many it has.

    An expression takes thirty times as long to find them.
    """
    made = data.translate(_FLAT)
    return made, made.count(_DIGIT)
