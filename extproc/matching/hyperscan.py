"""One Hyperscan pass over bytes: which of many patterns match, and where their matches end."""

from collections.abc import Mapping, Sequence
from typing import cast

import pyperscan
from pyperscan import _pyperscan

from extproc.protocol.meter import Meter, SpentError

# The package's own stub forgets that these are exceptions.
_CompileError = cast("type[Exception]", _pyperscan.HyperscanCompileError)


class UnsupportedPatternError(ValueError):
    """A pattern that Hyperscan will not take: its place in the list, and why."""

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(reason)
        self.number = number


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

    __slots__ = ("_counted", "meter", "until")

    def __init__(self) -> None:
        super().__init__()
        self._counted = 0
        self.meter: Meter | None = None
        self.until = LOOK

    def begin(self, meter: Meter | None) -> None:
        """Prepares for a pass."""
        self._counted = 0
        self.meter = meter
        self.until = LOOK if meter is None else _stretch(meter)

    def goes_on(self) -> bool:
        """Count what came since the last time; false where the meter has no steps left."""
        meter = self.meter
        if meter is None:
            self.until += LOOK
            return True
        try:
            self.spend(meter)
        except SpentError:
            return False
        self.until = len(self) + _stretch(meter)
        return True

    def spend(self, meter: Meter) -> None:
        """Counts the hits that were not counted yet. Raises SpentError."""
        fresh, self._counted = len(self) - self._counted, len(self)
        meter.spend(-(-fresh // HITS_A_STEP))


def _stretch(meter: Meter) -> int:
    """Hits until the next look: none too few, as a look costs as much as some hits."""
    return min(LOOK, meter.left * HITS_A_STEP + LEAST_LOOK)


_NO_PROBES: Mapping[int, Sequence[bytes]] = {}


class Fast:
    """A compiled database and its idle scanners: one serves one call at a time; there are as many as calls at once.

    `patterns` have a number each. `probes`: texts in which a pattern hits, by its number. In some company the engine
    does not find a pattern behind the first bytes of a text; such a pattern gets a database of its own. Raises
    UnsupportedPatternError for one that cannot be compiled.
    """

    def __init__(self, patterns: Mapping[int, bytes], probes: Mapping[int, Sequence[bytes]] = _NO_PROBES) -> None:
        self._database = _database(patterns) if patterns else None
        self._lost: list[Fast] = []
        self._idle: list[tuple[pyperscan.BlockScanner, list[tuple[int, int]]]] = []
        self._idle_counted: list[tuple[pyperscan.BlockScanner, Hits]] = []
        while lost := self._losing(patterns, probes):
            self._lost += [Fast({number: patterns[number]}) for number in lost]
            patterns = {number: each for number, each in patterns.items() if number not in lost}
            self._database = _database(patterns) if patterns else None
            self._idle, self._idle_counted = [], []

    def _losing(self, patterns: Mapping[int, bytes], probes: Mapping[int, Sequence[bytes]]) -> set[int]:
        """The patterns that the database does not find although each by itself is found."""
        if len(patterns) < 2:
            return set()
        lost: set[int] = set()
        for number, pattern in patterns.items():
            missed = [text for text in probes.get(number, ()) if not self._has(number, text)]
            if missed and any(map(Fast({number: pattern}).hits, missed)):
                lost.add(number)
        return lost

    def _has(self, number: int, text: bytes) -> bool:
        """True if a pattern hits anywhere in a text."""
        return any(found == number for found, _ in Fast.hits(self, text))

    def hits(self, data: bytes, meter: Meter | None = None) -> Sequence[tuple[int, int]]:
        """Every match's pattern (its number) and end in `data`.

        Raises SpentError where `meter` has no steps left.
        """
        if self._database is None:
            return self._with_lost((), data, meter)
        if len(data) > SHORT and meter is not None:
            return self._with_lost(self._counted(self._database, data, meter), data, meter)
        idle = self._idle
        try:
            scanner, found = pair = idle.pop()
        except IndexError:
            found = []
            scanner = self._database.build(found, _note)
            pair = scanner, found
        scanner.scan(data)
        hits: Sequence[tuple[int, int]] = ()
        if found:
            hits = found.copy()
            found.clear()
        idle.append(pair)
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

    def _counted(self, database: pyperscan.BlockDatabase, data: bytes, meter: Meter) -> Sequence[tuple[int, int]]:
        """The same for a text that may have many: the pass itself ends where the meter does."""
        try:
            scanner, found = self._idle_counted.pop()
        except IndexError:
            found = Hits()
            scanner = database.build(found, _note_counted)
        found.begin(meter)
        scanner.scan(data)
        hits = found.copy()
        try:
            found.spend(meter)
        finally:
            found.clear()
            found.begin(None)
        self._idle_counted.append((scanner, found))
        return hits


_CONTINUE = pyperscan.Scan.Continue


def _note(found: list[tuple[int, int]], pattern: int, _start: int, end: int) -> pyperscan.Scan:
    found.append((pattern, end))
    return _CONTINUE


def _note_counted(found: Hits, pattern: int, _start: int, end: int) -> pyperscan.Scan:
    found.append((pattern, end))
    return _CONTINUE if len(found) < found.until or found.goes_on() else pyperscan.Scan.Terminate


def _database(patterns: Mapping[int, bytes]) -> pyperscan.BlockDatabase:
    # PREFILTER: something coarser where a pattern is too large or not known; an exact matcher decides anyway.
    try:
        return pyperscan.BlockDatabase(
            *(pyperscan.Pattern(text, pyperscan.Flag.PREFILTER, tag=number) for number, text in patterns.items())
        )
    except _CompileError as error:
        reason, at = error.args
        raise UnsupportedPatternError([*patterns][at], str(reason)) from None
