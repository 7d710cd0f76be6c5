"""The stretches of a text in which rules are to be looked for, by the hits of their gates."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from extproc.matching.compiled import UNDERSCORED, UNDERSCORED_FRONT, CompiledRule
from extproc.matching.context_words import CAMEL_CASE, apart, spoken
from extproc.matching.digits import Near, Spread, flat
from extproc.matching.gates import shared_gates
from extproc.matching.hyperscan import SCANNED_A_STEP, Fast
from extproc.matching.re2_search import expression as re2_expression
from extproc.matching.re2_search import searching, within
from extproc.matching.render import UTF8_MOST
from extproc.matching.samples import probes
from extproc.protocol.meter import Meter

STEPS_A_REGION = 5
"""Steps of a meter that a stretch counts as, whether there is a match in it or not: 3 to 6 µs."""

APART = 3
"""Databases for what stands behind underscores. In one, those of like rules, which are neighbours, take 1.2 s to
compile; in three that share them out, 0.1 s."""

MANY = 6
"""Digits from which on a gate is one of those that hold many: a year has four, and a date without its year, too."""

DIGITS_APART = (0, 6, 9, 12)
"""Digits by which rules are shared out over databases: a text with fewer is not read by those of more. Two databases
would take a quarter longer to compile."""

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


class _Beside:
    """Bytes before and behind what a gate hits in which words of some rules may stand."""

    def __init__(self, wide: int, lanes: Iterable[CompiledRule]) -> None:
        lanes = list(lanes)
        # Where all is ASCII a character is a byte.
        sizes = [(each.most_ascii if wide == 1 else each.most_bytes, each) for each in lanes]
        self.before = max((most + each.left * wide for most, each in sizes), default=0)
        self.behind = max((most + each.right * wide for most, each in sizes), default=0)


class Cued:
    """The gates of `cued` rules, which are tried where a word that these rules need stands beside digits.

    The words in the gates themselves would take a second to compile.
    """

    def __init__(self, lanes: Mapping[int, CompiledRule]) -> None:
        self._lanes = lanes
        self._beside = (_Beside(1, lanes.values()), _Beside(UTF8_MOST, lanes.values()))
        words = apart((each.rule, each.node) for each in lanes.values())
        self._words = searching(re2_expression(words)) if lanes else None
        # One look for both, as in most texts there is neither.
        self._likely = searching(re2_expression(f"(?:{words})|{CAMEL_CASE}")) if lanes else None
        self._gates = Fast(
            {number: each.gate for number, each in lanes.items() if each.spread is not None},
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

    def beside(self, around: bytes, places: Sequence[tuple[int, int]]) -> list[bytes]:
        """Return what stands around those places of a text, in order, that have a word of the rules beside them."""
        words, likely = self._words, self._likely
        if words is None or likely is None:
            return []
        if not places:
            return []
        narrow, wide = self._beside
        # Of a long text, this piece alone is asked for its script.
        read = around[max(0, places[0][0] - wide.before) : places[-1][1] + wide.behind]
        size = narrow if read.isascii() else wide
        before, behind, end = size.before, size.behind, len(around)
        found: list[bytes] = []
        for low, high in places:
            first, last = max(0, low - before), min(end, high + behind)
            if likely(around, first, last)[0][0] >= 0 and spoken(words, text := around[first:last]):
                found.append(text)
        return found

    def hits(self, data: bytes, meter: Meter | None, beside: Sequence[bytes] | None) -> Sequence[tuple[int, int]]:
        """Every hit in `data` of a gate whose words stand in a text of `beside`; None: they may still come."""
        if beside is None:
            return self._gates.hits(data, meter)
        if not beside:
            return ()
        hits = self._gates.hits(data, meter)
        told = {number for number in {number for number, _ in hits} if any(self._near(number, text) for text in beside)}
        return [hit for hit in hits if hit[0] in told]

    def _near(self, number: int, around: bytes) -> bool:
        hint = self._lanes[number].hint
        return hint is None or spoken(hint, around)


class Regions(Fast):
    """The fast lane of some rules, and the stretches around its hits. Serves any number of threads.

    Rules whose gates hit near digits alone have databases of their own, which read these parts of a text: some for
    gates with MANY digits, some for the others, one for `cued` rules. In the first of them stands one expression for
    what `numeric` rules may find behind an underscore. Only where that hits are their own gates tried there: texts full
    of `order_004` would cost twenty times as much else.
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
        own = [number for number in range(len(lanes)) if number not in others]
        far = {number for number, each in enumerate(lanes) if each.spread is None}
        far |= {number for number, gate in self.shared.items() if not far.isdisjoint(gate.members)}
        rest = [number for number in own if number in far]
        near = [number for number in own if number not in far and not lanes[number].rule.cued]
        numeric = [number for number in own if lanes[number].rule.numeric]
        asked = {number: probes(lanes[number].node) for number in own} | {len(lanes): (b"words_4",)}
        private = {number for number, each in enumerate(lanes) if each.rule.private}
        for number, gate in self.shared.items():
            if not private.isdisjoint(gate.members):
                private.add(number)
        super().__init__({number: lanes[number].gate for number in rest}, asked, private)
        groups: defaultdict[tuple[bool, int], list[int]] = defaultdict(list)
        for number in near:
            step = max(each for each in DIGITS_APART if each <= fewest[number])
            groups[lanes[number].sign_digits >= MANY, step].append(number)
        gates = [*(each.gate for each in lanes), UNDERSCORED]
        if numeric:
            groups[False, 0].append(len(lanes))
            fewest.append(1)
        self._for_digits = [
            (
                MANY if many else 1,
                min(fewest[number] for number in each),
                Fast({number: gates[number] for number in each}, asked, private),
            )
            for (many, _), each in sorted(groups.items())
        ]
        """The databases for what is near digits: how many a part must have, how many the text, and the database."""
        self.cued = Cued({number: each for number, each in enumerate(lanes) if each.rule.cued})
        self._near = Near(
            [each.spread for each in lanes if each.spread is not None] + [Spread(None, UNDERSCORED_FRONT, 0, 0)]
        )
        # A gate that looks at nothing in front of it hits behind underscores, too.
        self._edged = {number for number in numeric if lanes[number].underscored != lanes[number].gate}
        apart = [each for at in range(APART) if (each := sorted(self._edged)[at::APART])]
        asked = {number: probes(lanes[number].node, "_") for number in self._edged}
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
        around: bytes | None = None,
        at: int = 0,
        *,
        whole: bool = True,
        digits: int | None = None,
    ) -> Sequence[tuple[int, int]]:
        """Every hit of a rule's gate in `data`: the rule, and the end. Raises as `Fast.hits` does.

        `around`: a text in which `data` stands from byte `at` on, where the words of `cued` rules may be. Unless
        `whole`, more may follow. `digits`: how many the whole text has, if `data` is a piece of it.
        """
        hits = super().hits(data, meter)
        marks, here = flat(data)
        if not here:
            return hits
        if digits is None:
            digits = here
        parts = self._near.parts(data, marks, here)
        near, most = (data, here) if parts is None else (parts.joined, parts.digits)
        more: list[tuple[int, int]] = []
        for least, fewest, fast in self._for_digits:
            if most >= least and digits >= fewest:
                more += fast.hits(near, meter)
        if more and len(self._lanes) in {number for number, _ in more}:
            more = self._behind_underscores(more, near, meter)
        beside: Sequence[bytes] | None = None
        if whole:
            places = ((0, len(data)),) if parts is None else parts.places
            if around is None:
                beside = self.cued.beside(data, places)
            else:
                beside = self.cued.beside(around, [(low + at, high + at) for low, high in places])
        more += self.cued.hits(near, meter, beside)
        if not more:
            return hits
        if parts is not None:
            more = parts.placed(more)
        return [*hits, *more] if hits else more

    def _behind_underscores(
        self, hits: Sequence[tuple[int, int]], data: bytes, meter: Meter | None
    ) -> list[tuple[int, int]]:
        """Return the hits, with those of `numeric` rules behind underscores, too."""
        if meter is not None:
            meter.spend(APART * len(data) // SCANNED_A_STEP)
        found = [hit for hit in hits if hit[0] < len(self._lanes) and hit[0] not in self._edged]
        for each in self._underscored:
            found += each.hits(data, meter)
        return found

    def stretches(self, data: bytes, meter: Meter | None, *, whole: bool = True) -> Iterator[tuple[int, int, int]]:
        """Yield the stretches of `around` by the hits in all of `data`, piece by piece. Raises SpentError."""
        overlap, size = self._overlap, self.piece
        done: dict[int, int] = {}
        digits = flat(data)[1]
        for at in range(0, len(data), size):
            origin = max(0, at - overlap)
            hits = self.hits(data[origin : at + size], meter, data, origin, whole=whole, digits=digits)
            # Hits in front of `at` are those of the piece before; they were seen whole there.
            beyond = at - origin
            pairs = [hit for hit in hits if hit[1] >= beyond]
            for number, low, high in self.around(by_rule(pairs)):
                first, last = max(low + origin, done.get(number, low + origin)), high + origin
                if first < last:
                    done[number] = last
                    yield number, first, last

    def around(self, hits: RuleHits) -> list[tuple[int, int, int]]:
        """Return the stretches in which to look for each rule's matches, by its hits.

        Each is a rule, which stands for all in `shared` that have its gate, and two bytes: a match may start behind the
        first of them, which belongs to the character in front of it, and not behind the last.
        """
        widths = self._widths
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
