"""The stretches of a text in which a match of a rule may begin, by the hits of the fast lane."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from extproc.matching.compiled import UNDERSCORED, CompiledRule
from extproc.matching.hyperscan import Fast
from extproc.protocol.meter import Meter

RuleHits: TypeAlias = Mapping[int, list[int]]
"""Hits of the fast lane: the bytes at which they end, by the number of their rule."""

STEPS_A_REGION = 5
"""Steps of a meter that a stretch counts as, whether there is a match in it or not: 3 to 6 µs."""

SCANNED_A_STEP = 512
"""The same for bytes that the fast lane reads."""

APART = 3
"""Databases for what stands behind underscores. In one, those of like rules, which are neighbours, take 1.2 s to
compile; in three that share them out, 0.1 s."""


class Regions(Fast):
    """The fast lane of some rules, and the stretches around its hits. Serves any number of threads.

    Behind the gates of the rules stands one expression for what `numeric` rules may find behind an underscore. Only
    where that hits are their own gates tried there: texts full of `order_004` would cost twenty times as much else.
    """

    def __init__(self, lanes: tuple[CompiledRule, ...]) -> None:
        self._lanes = lanes
        numeric = tuple(number for number, each in enumerate(lanes) if each.rule.numeric)
        super().__init__([*(each.gate for each in lanes), *[UNDERSCORED] * bool(numeric)])
        apart = [numeric[at::APART] for at in range(APART)]
        self._underscored = [(each, Fast([lanes[number].underscored for number in each])) for each in apart if each]

    def around(self, hits: RuleHits, data: bytes, meter: Meter | None) -> list[tuple[int, int, int]]:
        """Return the stretches in which to look for each rule's matches, by the hits in `data`.

        Each is a rule, and the first and the last byte at which a match may start. Raises SpentError.
        """
        lanes = self._lanes
        if len(lanes) in hits:
            hits = {**hits, **by_rule(self._behind_underscores(data, meter))}
            del hits[len(lanes)]
        found: list[tuple[int, int, int]] = []
        for number, ends in hits.items():
            window, least = lanes[number].window, lanes[number].least
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
        for numbers, fast in self._underscored:
            found += [(numbers[place], end) for place, end in fast.hits(data, meter)]
        return found


def by_rule(hits: Iterable[tuple[int, int]]) -> RuleHits:
    """The hits of a pass over one text, by their rule."""
    ends: defaultdict[int, list[int]] = defaultdict(list)
    for number, end in hits:
        ends[number].append(end)
    return ends
