"""One Hyperscan pass over bytes: which of many patterns match, and where their matches end."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress

import hyperscan

from extproc.matching import databases
from extproc.protocol.meter import Meter, SpentError

SCANNED_A_STEP = 512
"""Bytes that count as a step of a meter where the fast lane reads them."""

HITS_A_STEP = 2
"""Hits that count as a step of a meter: 0.2 µs to write one down, and as much to join it to others."""

LOOK = 4096
"""Hits after which a pass asks its meter whether to go on."""

LEAST_LOOK = 16
"""The fewest hits between two such looks."""

SHORT = 4096
"""Bytes up to which the hits of a pass are counted when it is over: no more than LOOK of them, as a rule."""


class Hits(list[tuple[int, int]]):
    """The hits of one pass, in order; the pass ends where its meter does."""

    __slots__ = ("_counted", "_meter", "until")

    def __init__(self, meter: Meter) -> None:
        super().__init__()
        self._counted = 0
        self._meter = meter
        self.until = _stretch(meter)

    def goes_on(self) -> bool:
        """Count what came since the last time; false where the meter has no steps left."""
        try:
            self.spend()
        except SpentError:
            return False
        self.until = len(self) + _stretch(self._meter)
        return True

    def spend(self) -> None:
        """Counts the hits that were not counted yet. Raises SpentError."""
        fresh, self._counted = len(self) - self._counted, len(self)
        self._meter.spend(-(-fresh // HITS_A_STEP))


def _stretch(meter: Meter) -> int:
    """Hits until the next look: none too few, as a look costs as much as some hits."""
    return min(LOOK, meter.left * HITS_A_STEP + LEAST_LOOK)


_NO_PROBES: Mapping[int, Sequence[bytes]] = {}


class Fast:
    """A compiled database and its idle scratch spaces, each for one call at a time; there are as many as calls at once.

    `patterns` have a number each. `probes`: texts in which a pattern hits, by its number. In some company the engine
    does not find a pattern behind the first bytes of a text; such a pattern gets a database of its own. So do those of
    which `private` has the numbers, as theirs is not stored. Raises UnsupportedPatternError for a pattern that cannot
    be compiled.
    """

    def __init__(
        self,
        patterns: Mapping[int, bytes],
        probes: Mapping[int, Sequence[bytes]] = _NO_PROBES,
        private: Collection[int] = (),
    ) -> None:
        hidden = {number: each for number, each in patterns.items() if number in private}
        self._lost: list[Fast] = []
        self._idle: list[hyperscan.Scratch] = []
        kept = not hidden
        if hidden and len(hidden) < len(patterns):
            self._lost.append(Fast(hidden, probes, private))
            patterns = {number: each for number, each in patterns.items() if number not in hidden}
            kept = True
        self._database = databases.database(patterns, kept=kept) if patterns else None
        while lost := self._losing(patterns, probes, private):
            self._lost += [Fast({number: patterns[number]}, private=private) for number in lost]
            patterns = {number: each for number, each in patterns.items() if number not in lost}
            self._database = databases.database(patterns, kept=kept) if patterns else None
            self._idle = []

    def _losing(
        self, patterns: Mapping[int, bytes], probes: Mapping[int, Sequence[bytes]], private: Collection[int]
    ) -> set[int]:
        """The patterns that the database does not find although each by itself is found."""
        if len(patterns) < 2:
            return set()
        lost: set[int] = set()
        for number, pattern in patterns.items():
            missed = [text for text in probes.get(number, ()) if not self._has(number, text)]
            if missed and any(map(Fast({number: pattern}, private=private).hits, missed)):
                lost.add(number)
        return lost

    def _has(self, number: int, text: bytes) -> bool:
        """True if a pattern hits anywhere in a text."""
        return any(found == number for found, _ in Fast.hits(self, text))

    def hits(self, data: bytes, meter: Meter | None = None) -> Sequence[tuple[int, int]]:
        """Every match's pattern (its number) and end in `data`.

        Raises SpentError where `meter` has no steps left.
        """
        database = self._database
        if database is None:
            return self._with_lost((), data, meter)
        if len(data) > SHORT and meter is not None:
            return self._with_lost(self._counted(database, data, meter), data, meter)
        idle = self._idle
        try:
            scratch = idle.pop()
        except IndexError:
            scratch = hyperscan.Scratch(database)
        hits: list[tuple[int, int]] = []
        database.scan(data, _note, 0, hits, scratch)
        idle.append(scratch)
        if hits and meter is not None:
            meter.spend(-(-len(hits) // HITS_A_STEP))
        return self._with_lost(hits, data, meter) if self._lost else hits

    def _with_lost(
        self, hits: Sequence[tuple[int, int]], data: bytes, meter: Meter | None
    ) -> Sequence[tuple[int, int]]:
        """The hits, and those of the patterns that have databases of their own."""
        for each in self._lost:
            hits = [*hits, *each.hits(data, meter)]
        return hits

    def _counted(self, database: hyperscan.Database, data: bytes, meter: Meter) -> Sequence[tuple[int, int]]:
        """The same for a text that may have many: the pass itself ends where the meter does."""
        try:
            scratch = self._idle.pop()
        except IndexError:
            scratch = hyperscan.Scratch(database)
        hits = Hits(meter)
        with suppress(hyperscan.ScanTerminated):
            database.scan(data, _note_counted, 0, hits, scratch)
        self._idle.append(scratch)
        hits.spend()
        return hits


def _noted(pattern: int, _start: int, end: int, _flags: int, found: list[tuple[int, int]]) -> None:
    found.append((pattern, end))


def _noted_counted(pattern: int, _start: int, end: int, _flags: int, found: Hits) -> bool:
    found.append((pattern, end))
    return len(found) >= found.until and not found.goes_on()


# The package's stub has no type for the context that a handler is given.
_note: Callable[..., None] = _noted
_note_counted: Callable[..., bool] = _noted_counted
