"""The exact matcher of a rule: where it matches, and which part of a match is the finding."""

from collections.abc import Iterable, Iterator

from msgspec import Struct

from extproc.matching.re2_search import Search, Spans
from extproc.matching.tail import MatchPlace, Tail
from extproc.matching.utf8 import ASCII, after, ahead, before, whole

WHOLE = (1,)
"""The groups of a rule whose finding is its whole match."""

AT_ONCE = 256
"""Bytes in which all matches may be looked for before the first of them is judged: RE2 takes about 1 µs for each."""

SHORT_STRETCH, LONG_STRETCH = 64, 4096
"""Bytes in which the next start is looked for, beside the width of a match: behind one it is likely near, and each
stretch without any is followed by one of twice its length."""


class Matcher(Struct, frozen=True, eq=False):
    """The exact reading of a rule: where it matches and which part of the match is the finding.

    `groups`: the finding is the first of these that took part. `most`: code points after which a match is cut off, 0
    where the expression itself counts; `wide`: true if they may be more than a byte each. `starts` finds where
    something begins that is too long at most: an expression that does not count runs on to the end of whatever it is
    shown.

    `ending`: given where `search` has no groups, as the finding is the whole match and lies between the two characters
    that were looked at. Only at the end of the data may nothing stand behind it: then this, which has groups, decides.
    `edge`: one code point behind the match was looked at.
    """

    search: Search
    groups: tuple[int, ...]
    most: int
    wide: bool
    starts: Search | None
    tail: Tail | None = None
    ending: Search | None = None
    edge: bool = False

    def find(self, data: bytes, start: int, stop: int, limit: int) -> Iterable[MatchPlace]:
        """Every match in `data[:limit]` that starts in `start..stop`, overlapping ones too.

        Each place gives at most one match, whatever stands before it: that is what makes verdicts local.
        """
        if self.ending is None or stop - start > AT_ONCE:
            return self._each(data, start, stop, limit)
        # As most are looked for: in so short a stretch that they may as well be found at once.
        search, edge, size = self.search, self.edge, len(data)
        places: list[MatchPlace] = []
        while start < stop:
            opening, end = search(data, start, limit)[0]
            if opening < 0:
                break
            # The match proper begins after the one code point that the class before it took.
            start = opening + 1 if data[opening] < ASCII else after(data, opening)
            if start > stop:
                break
            # Behind a usual match there is an ASCII character that was looked at.
            end = end - 1 if edge and end < size and data[end - 1] < ASCII else self._end(data, opening, end, limit)
            places.append((start, end, start, end))
        return places

    def _each(self, data: bytes, start: int, stop: int, limit: int) -> Iterator[MatchPlace]:
        """The same one by one, as there may be any number of them."""
        if self.starts is not None:
            yield from self._uncounted(self.starts, data, start, stop, limit)
            return
        search, tail = self.search, self.tail
        while start < stop:
            found = search(data, start, limit)
            opening = found[0][0]
            if opening < 0:
                return
            start = opening + 1 if data[opening] < ASCII else after(data, opening)
            if start > stop:
                return
            if self.ending is not None:
                end = self._end(data, opening, found[0][1], limit)
                yield start, end, start, end
            else:
                yield self._place(found) if tail is None else self._tail(tail, data, opening, limit)

    def _end(self, data: bytes, opening: int, end: int, limit: int) -> int:
        """The end of a match that `search` found without groups, by the end of what was looked at."""
        if not self.edge or self.ending is None:
            return end
        return before(data, end) if end < len(data) else self.ending(data, opening, limit)[1][1]

    def _uncounted(self, starts: Search, data: bytes, start: int, stop: int, limit: int) -> Iterator[MatchPlace]:
        """The same for an expression that does not count: a stretch at a time, no look beyond what a match needs."""
        stretch = SHORT_STRETCH
        while start <= stop:
            last = min(stop, start + stretch)
            opening = starts(data, start, min(limit, self._cut(data, last)))[0][0]
            if opening < 0 or after(data, opening) > last:
                if last == stop:
                    return
                # What begins behind `last` has before it the code point there.
                start, stretch = whole(data, last), min(2 * stretch, LONG_STRETCH)
                continue
            start, stretch = after(data, opening), SHORT_STRETCH
            most = min(limit, self._cut(data, start))
            if self.tail is not None and (place := self.tail.place(data, opening, most)) is not None:
                yield place
                continue
            found = self.search(data, opening, most)
            if found[0][0] >= 0:
                yield self._place(found)

    @property
    def captures(self) -> bool:
        """True if the finding is a part of the match: which part takes RE2 some 60 ns per byte, a match alone 1 ns."""
        return self.groups != WHOLE

    def _tail(self, tail: Tail, data: bytes, opening: int, limit: int) -> MatchPlace:
        return tail.place(data, opening, limit) or self._place(tail.whole(data, opening, limit))

    def _cut(self, data: bytes, first: int) -> int:
        # One more, for the character after the match.
        return ahead(data, first, self.most + 1) if self.wide else after(data, first + self.most)

    def _place(self, found: Spans) -> MatchPlace:
        first, end = found[1]
        begin, close = (first, end) if self.groups == WHOLE else self._find(found)
        return first, end, begin, close

    def _find(self, found: Spans) -> tuple[int, int]:
        for group in self.groups:
            start, end = found[group]
            if start >= 0 and (len(self.groups) == 1 or start < end):
                return start, end
        return -1, -1
