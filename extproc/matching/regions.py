"""The stretches of a text in which rules are to be looked for, by the hits of their gates."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from extproc.matching.compiled import UNDERSCORED, CompiledRule, apart, spoken
from extproc.matching.compiled import expression as re2_expression
from extproc.matching.gates import shared_gates
from extproc.matching.hyperscan import SCANNED_A_STEP, Fast
from extproc.matching.re2_search import searching, within
from extproc.matching.samples import probes
from extproc.protocol.meter import Meter

STEPS_A_REGION = 5
"""Steps of a meter that a stretch counts as, whether there is a match in it or not: 3 to 6 µs."""

APART = 3
"""Databases for what stands behind underscores. In one, those of like rules, which are neighbours, take 1.2 s to
compile; in three that share them out, 0.1 s."""

DIGITS = b"0123456789"
"""Every match of a `cued` rule has one of them."""

SOME, MANY = 2, 6
"""Digits by which rules are shared out over databases: a name of a model has one, and a year more has five."""

CAMEL = "(?-i:[a-z]{2}[A-Z])"
"""The expression for HUMP."""

BEGINNING = 3
"""The last byte at which the value of a member may begin for `cued` rules that its name tells: behind the line feed in
front of its text, and two blanks or quotation marks."""

LONGEST_NAME = 64
"""Characters of a name that is remembered: longer ones are nobody's but a client's."""

MOST_NAMES = 8192
"""Names of members that are remembered with the `cued` rules that they tell; APIs have a few hundred."""

PIECE = 64 * 1024
"""Bytes that a pass reads at once, and some more for gates that lie across two pieces. The hits of a piece are
forgotten before the next one: to free those of 2 MB kept the interpreter from everybody else for 25 ms."""

OVERLAPS_A_PIECE = 8
"""Overlaps that a piece holds at least: so much of a text that is read twice takes an eighth more time at most."""

RuleHits: TypeAlias = Mapping[int, list[int]]
"""Hits of the fast lane: the bytes at which they end, by the number of their rule."""


class Cued:
    """The gates of `cued` rules, which are tried where a word that these rules need stands in a text.

    The words in the gates themselves would take a second to compile. Raises UnsupportedPatternError.
    """

    def __init__(self, lanes: Mapping[int, CompiledRule]) -> None:
        self._lanes = lanes
        self.fewest = min((each.digits for each in lanes.values()), default=0)
        """The digits that a text must have for one of them to match."""
        words = apart((each.rule, each.node) for each in lanes.values())
        self._words = searching(re2_expression(words)) if lanes else None
        # One look for both, as in most texts there is neither.
        self._likely = searching(re2_expression(f"(?:{words})|{CAMEL}")) if lanes else None
        self._gates = Fast(
            {number: each.gate for number, each in lanes.items()},
            {number: probes(each.node) for number, each in lanes.items()},
            {number for number, each in lanes.items() if each.rule.private},
        )
        self._named: dict[str, tuple[int, ...]] = {}
        self.untold: set[str] = set()
        """Names of members, as they stand in JSON, that tell none of the rules; see `knows`."""

    def knows(self, names: Sequence[str]) -> bool:
        """True if all these names are known to tell none of the rules."""
        return not self._lanes or self.untold.issuperset(names)

    def learn(self, name: str) -> None:
        """Remembers that a name tells none of the rules."""
        if len(name) <= LONGEST_NAME:
            if len(self.untold) >= MOST_NAMES:
                self.untold.clear()
            self.untold.add(name)

    def told(self, data: bytes) -> bool:
        """True if a word of one of the rules stands in `data`, apart or in a name in camel case."""
        words, likely = self._words, self._likely
        if words is None or likely is None or not within(likely, data):
            return False
        return spoken(words, data)

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
        return hint is None or spoken(hint, around)


class Regions(Fast):
    """The fast lane of some rules, and the stretches around its hits. Serves any number of threads.

    Rules that need digits have databases of their own, which are asked only about texts with as many: those of MANY
    digits and more, and the `numeric` ones of fewer. Behind the others stands one expression for what `numeric` rules
    may find behind an underscore. Only where that hits are their own gates tried there: texts full of `order_004` would
    cost twenty times as much else.
    """

    def __init__(self, lanes: tuple[CompiledRule, ...]) -> None:
        self._lanes = lanes
        self.shared = shared_gates(lanes)
        """The gates that several rules have, by the first of these, which alone is in the databases."""
        self._widths = [(each.window, each.least) for each in lanes]
        fewest = [each.digits for each in lanes]
        for number, gate in self.shared.items():
            self._widths[number] = gate.window, gate.least
            fewest[number] = min(lanes[member].digits for member in gate.members)
        others = {number for gate in self.shared.values() for number in gate.members[1:]}
        own = [number for number in range(len(lanes)) if number not in others and not lanes[number].rule.cued]
        numeric = [number for number in own if lanes[number].rule.numeric]
        many = [number for number in own if fewest[number] >= MANY]
        some = [number for number in numeric if SOME <= fewest[number] < MANY]
        rest = {number: lanes[number].gate for number in own if number not in {*many, *some}}
        asked = {number: probes(lanes[number].node) for number in own} | {len(lanes): (b"words_4",)}
        private = {number for number, each in enumerate(lanes) if each.rule.private}
        for number, gate in self.shared.items():
            if not private.isdisjoint(gate.members):
                private.add(number)
        super().__init__(rest | {len(lanes): UNDERSCORED} if numeric else rest, asked, private)
        self._for_digits = [
            (
                min(fewest[number] for number in each),
                Fast({number: lanes[number].gate for number in each}, asked, private),
            )
            for each in (some, many)
            if each
        ]
        """The databases for texts with digits, and how many of them each asks for."""
        self.cued = Cued({number: each for number, each in enumerate(lanes) if each.rule.cued})
        # A gate that looks at nothing in front of it hits behind underscores, too.
        edged = [number for number in numeric if lanes[number].underscored != lanes[number].gate]
        apart = [each for at in range(APART) if (each := edged[at::APART])]
        asked = {number: probes(lanes[number].node, "_") for number in edged}
        self._underscored = [
            Fast({number: lanes[number].underscored for number in each}, asked, private) for each in apart
        ]
        self._overlap = max((each.gate_most for each in lanes), default=0)
        self.piece = max(PIECE, OVERLAPS_A_PIECE * self._overlap)
        """Bytes from which on a text is read piece by piece."""

    def hits(
        self,
        data: bytes,
        meter: Meter | None = None,
        before: bytes = b"",
        *,
        whole: bool = True,
        digits: int | None = None,
    ) -> Sequence[tuple[int, int]]:
        """Every hit of a rule's gate in `data`: the rule, and the end. Raises as `Fast.hits` does.

        `before`: what stands in front of it, where the words of `cued` rules may be. Unless `whole`, more may follow.
        `digits`: how many the whole text has, if `data` is a piece of it.
        """
        hits = super().hits(data, meter)
        if digits is None:
            digits = len(data) - len(data.translate(None, DIGITS))  # three times as fast as to look for one
        if not digits:
            return hits
        for fewest, fast in self._for_digits:
            if digits >= fewest and (more := fast.hits(data, meter)):
                hits = [*hits, *more]
        if digits >= self.cued.fewest and (more := self.cued.hits(data, meter, before, whole)):
            hits = [*hits, *more]
        return hits

    def stretches(self, data: bytes, meter: Meter | None, *, whole: bool = True) -> Iterator[tuple[int, int, int]]:
        """Yield the stretches of `around` by the hits in all of `data`, piece by piece. Raises SpentError."""
        overlap, size = self._overlap, self.piece
        done: dict[int, int] = {}
        # The words of a piece's values may stand in another one.
        whole = whole and not self.cued.told(data)
        digits = len(data) - len(data.translate(None, DIGITS))
        for at in range(0, len(data), size):
            origin = max(0, at - overlap)
            piece = data[origin : at + size]
            # Hits in front of `at` are those of the piece before; they were seen whole there. But for an underscore:
            # what stands behind it may go on in this piece.
            beyond, underscore = at - origin, len(self._lanes)
            hits = self.hits(piece, meter, whole=whole, digits=digits)
            pairs = [hit for hit in hits if hit[1] >= beyond or hit[0] == underscore]
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


def begun(
    named: Sequence[int], stretches: Iterable[tuple[int, int, int]], origin: int
) -> Iterator[tuple[int, int, int]]:
    """Yield the stretches, and before them the beginning of the text for each rule that a member's name tells."""
    for number in named:
        yield number, 0, BEGINNING - origin
    for number, low, high in stretches:
        yield number, max(low, BEGINNING - origin) if number in named else low, high
