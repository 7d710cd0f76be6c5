"""One Hyperscan pass over bytes: which of many patterns match, where their matches end, and what that says of rules."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias, cast

import pyperscan
from pyperscan import _pyperscan

from extproc.matching.compiled import HUMP, UNDERSCORED, CompiledRule, apart, parted
from extproc.matching.compiled import expression as re2_expression
from extproc.matching.gates import shared_gates
from extproc.matching.re2_search import searching, within
from extproc.matching.samples import probes
from extproc.protocol.meter import Meter, SpentError

# The package's own stub forgets that these are exceptions.
_CompileError = cast("type[Exception]", _pyperscan.HyperscanCompileError)


class UnsupportedPatternError(ValueError):
    """A pattern that Hyperscan will not take: its place in the list, and why."""

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(reason)
        self.number = number


RuleHits: TypeAlias = Mapping[int, list[int]]
"""Hits of the fast lane: the bytes at which they end, by the number of their rule."""

STEPS_A_REGION = 5
"""Steps of a meter that a stretch counts as, whether there is a match in it or not: 3 to 6 µs."""

SCANNED_A_STEP = 512
"""The same for bytes that the fast lane reads."""

APART = 3
"""Databases for what stands behind underscores. In one, those of like rules, which are neighbours, take 1.2 s to
compile; in three that share them out, 0.1 s."""

DIGIT = re.compile(rb"[0-9]")
"""A digit: every match of a `numeric` rule has one."""

HITS_A_STEP = 2
"""Hits that count as a step of a meter: 0.2 µs to write one down, and as much to join it to others."""

BEGINNING = 3
"""The last byte at which the value of a member may begin for `cued` rules that its name tells: behind the line feed in
front of its text, and two blanks or quotation marks."""

MOST_NAMES = 8192
"""Names of members that are remembered with the `cued` rules that they tell; APIs have a few hundred."""

LOOK = 4096
"""Hits after which a pass asks its meter whether to go on."""


LEAST_LOOK = 16
"""The fewest hits between two such looks."""

SHORT = 4096
"""Bytes up to which the hits of a pass are counted when it is over: no more than LOOK of them, as a rule."""

PIECE = 64 * 1024
"""Bytes that a pass reads at once, and some more for gates that lie across two pieces. The hits of a piece are
forgotten before the next one: to free those of 2 MB kept the interpreter from everybody else for 25 ms."""

OVERLAPS_A_PIECE = 8
"""Overlaps that a piece holds at least: so much of a text that is read twice takes an eighth more time at most."""


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


class Cued:
    """The gates of `cued` rules, which are tried where a word that these rules need stands in a text.

    The words in the gates themselves would take a second to compile. Raises UnsupportedPatternError.
    """

    def __init__(self, lanes: Mapping[int, CompiledRule]) -> None:
        self._lanes = lanes
        words = apart((each.rule, each.node) for each in lanes.values())
        self._words = searching(re2_expression(words)) if lanes else None
        self._gates = Fast(
            {number: each.gate for number, each in lanes.items()},
            {number: probes(each.node) for number, each in lanes.items()},
        )
        self._named: dict[str, tuple[int, ...]] = {}

    def told(self, data: bytes) -> bool:
        """True if a word of one of the rules stands in `data`, apart or in a name in camel case."""
        words = self._words
        return words is not None and (
            within(words, data) or (HUMP.search(data) is not None and within(words, parted(data)))
        )

    def named(self, name: str) -> tuple[int, ...]:
        """Return the rules that look at how a member's value begins, as its name has their words. Remembered."""
        if not self._lanes:
            return ()
        known = self._named.get(name)
        if known is None:
            if len(self._named) >= MOST_NAMES:
                self._named.clear()
            words = f" {name} ".encode()
            telling = (number for number, each in self._lanes.items() if each.called and within(each.called, words))
            known = self._named[name] = tuple(telling)
        return known

    def hits(self, data: bytes, meter: Meter | None, before: bytes, whole: bool) -> Sequence[tuple[int, int]]:
        """Every hit in `data` of a gate whose words stand in it or in `before`. Unless `whole`, they may still come."""
        if not whole:
            return self._gates.hits(data, meter)
        around = before + data if before else data
        if not self.told(around):
            return ()
        hits = self._gates.hits(data, meter)
        near = {number for number in {number for number, _ in hits} if self._near(number, around)}
        return [hit for hit in hits if hit[0] in near]

    def _near(self, number: int, around: bytes) -> bool:
        hint = self._lanes[number].hint
        return hint is None or within(hint, around)


class Regions(Fast):
    """The fast lane of some rules, and the stretches around its hits. Serves any number of threads.

    The gates of `numeric` rules have a database of their own, for texts with digits: among the others they take half a
    second more to compile, and the pass a quarter longer. Behind the others stands one expression for what `numeric`
    rules may find behind an underscore. Only where that hits are their own gates tried there: texts full of `order_004`
    would cost twenty times as much else.
    """

    def __init__(self, lanes: tuple[CompiledRule, ...]) -> None:
        self._lanes = lanes
        self.shared = shared_gates(lanes)
        """The gates that several rules have, by the first of these, which alone is in the databases."""
        self._widths = [(each.window, each.least) for each in lanes]
        for number, gate in self.shared.items():
            self._widths[number] = gate.window, gate.least
        others = {number for gate in self.shared.values() for number in gate.members[1:]}
        numbers = [number for number in range(len(lanes)) if number not in others]
        numeric = [number for number in numbers if lanes[number].rule.numeric]
        gates = {
            number: lanes[number].gate
            for number in numbers
            if not (lanes[number].rule.numeric or lanes[number].rule.cued)
        }
        asked = {number: probes(lanes[number].node) for number in numbers} | {len(lanes): (b"words_4",)}
        super().__init__(gates | {len(lanes): UNDERSCORED} if numeric else gates, asked)
        # A gate that looks at nothing in front of it hits behind underscores, too.
        edged = [number for number in numeric if lanes[number].underscored != lanes[number].gate]
        # In one database with those that look they take half as much time again to compile.
        self._numeric = Fast({number: lanes[number].gate for number in edged}, asked)
        signed = [number for number in numeric if number not in edged]
        self.cued = Cued({number: each for number, each in enumerate(lanes) if each.rule.cued})
        self._signed = Fast({number: lanes[number].gate for number in signed}, asked)
        apart = [each for at in range(APART) if (each := edged[at::APART])]
        asked = {number: probes(lanes[number].node, "_") for number in edged}
        self._underscored = [Fast({number: lanes[number].underscored for number in each}, asked) for each in apart]
        self._overlap = max((each.gate_most for each in lanes), default=0)
        self.piece = max(PIECE, OVERLAPS_A_PIECE * self._overlap)
        """Bytes from which on a text is read piece by piece."""

    def hits(
        self, data: bytes, meter: Meter | None = None, before: bytes = b"", *, whole: bool = True
    ) -> Sequence[tuple[int, int]]:
        """Every hit of a rule's gate in `data`: the rule, and the end. Raises as `Fast.hits` does.

        `before`: what stands in front of it, where the words of `cued` rules may be. Unless `whole`, more may follow.
        """
        hits = super().hits(data, meter)
        if DIGIT.search(data) is None:
            return hits
        numeric, signed = self._numeric.hits(data, meter), self._signed.hits(data, meter)
        cued = self.cued.hits(data, meter, before, whole)
        return [*hits, *numeric, *signed, *cued] if numeric or signed or cued else hits

    def stretches(self, data: bytes, meter: Meter | None, *, whole: bool = True) -> Iterator[tuple[int, int, int]]:
        """Yield the stretches of `around` by the hits in all of `data`, piece by piece. Raises SpentError."""
        overlap, size = self._overlap, self.piece
        done: dict[int, int] = {}
        # The words of a piece's values may stand in another one.
        whole = whole and not self.cued.told(data)
        for at in range(0, len(data), size):
            origin = max(0, at - overlap)
            piece = data[origin : at + size]
            # Hits in front of `at` are those of the piece before; they were seen whole there. But for an underscore:
            # what stands behind it may go on in this piece.
            beyond, underscore = at - origin, len(self._lanes)
            pairs = [hit for hit in self.hits(piece, meter, whole=whole) if hit[1] >= beyond or hit[0] == underscore]
            for number, low, high in self.around(by_rule(pairs), piece, meter):
                first, last = max(low + origin, done.get(number, low + origin)), high + origin
                if first < last:
                    done[number] = last
                    yield number, first, last

    def around(self, hits: RuleHits, data: bytes, meter: Meter | None) -> list[tuple[int, int, int]]:
        """Return the stretches in which to look for each rule's matches, by the hits in `data`.

        Each is a rule, which stands for all in `shared` that have its gate, and two bytes: a match may start behind the
        first of them, which belongs to the character in front of it, and not behind the last. Raises SpentError.
        """
        lanes, widths = self._lanes, self._widths
        if len(lanes) in hits:
            hits = {**hits, **by_rule(self._behind_underscores(data, meter))}
            del hits[len(lanes)]
        found: list[tuple[int, int, int]] = []
        for number, ends in hits.items():
            window, least = widths[number]
            ends.sort()  # Hyperscan promises no order
            low, high = ends[0] - window, ends[-1]
            if high - window > ends[0]:
                high = ends[0]
                for end in ends:
                    if end - window > high:
                        found.append((number, low, high - least))
                        low = end - window
                    high = end
            found.append((number, low, high - least))
        return found

    def _behind_underscores(self, data: bytes, meter: Meter | None) -> list[tuple[int, int]]:
        """Return the hits of the `numeric` rules, behind underscores and elsewhere."""
        if meter is not None:
            meter.spend(APART * len(data) // SCANNED_A_STEP)
        found: list[tuple[int, int]] = []
        for each in self._underscored:
            found += each.hits(data, meter)
        return found


def by_rule(hits: Iterable[tuple[int, int]]) -> RuleHits:
    """The hits of a pass over one text, by their rule."""
    ends: defaultdict[int, list[int]] = defaultdict(list)
    for number, end in hits:
        ends[number].append(end)
    return ends
