"""The stretches of a text in which a match of a rule may begin, by the hits of the fast lane."""

from collections.abc import Sequence
from typing import TypeAlias

from extproc.matching.compiled import UNDERSCORED, CompiledRule
from extproc.matching.hyperscan import Fast
from extproc.protocol.meter import Meter

RuleHits: TypeAlias = Sequence[tuple[int, int]]
"""Hits of the fast lane: the number of a rule, and the byte at which the hit ends."""

STEPS_A_REGION = 5
"""Steps of a meter that a stretch counts as, whether there is a match in it or not: 3 to 6 µs."""

SCANNED_A_STEP = 512
"""The same for bytes that the fast lane reads."""

APART = 3
"""Databases for what stands behind underscores. In one, those of like rules, which are neighbours, take 1.2 s to
compile; in three that share them out, 0.1 s."""


class Regions:
    """The fast lane of some rules, and the stretches around its hits. Serves any number of threads.

    Behind the gates of the rules stands one expression for what `numeric` rules may find behind an underscore. Only
    where that hits are their own gates tried there: texts full of `order_004` would cost twenty times as much else.
    """

    def __init__(self, lanes: tuple[CompiledRule, ...]) -> None:
        self._lanes = lanes
        numeric = tuple(number for number, each in enumerate(lanes) if each.rule.numeric)
        self._fast = Fast([*(each.gate for each in lanes), *[UNDERSCORED] * bool(numeric)])
        apart = [numeric[at::APART] for at in range(APART)]
        self._underscored = [(each, Fast([lanes[number].underscored for number in each])) for each in apart if each]

    def hits(self, data: bytes, meter: Meter | None = None) -> RuleHits:
        """Return the hits of the fast lane in `data`. Raises SpentError."""
        return self._fast.hits(data, meter)

    def around(self, hits: RuleHits, data: bytes, meter: Meter | None) -> list[tuple[int, int, int]]:
        """Return the stretches in which to look for each rule's matches, by the hits in `data`.

        Each is a rule, and the first and the last byte at which a match may start. Raises SpentError.
        """
        lanes = self._lanes
        if len(hits) == 1:
            number, end = hits[0]
            if number < len(lanes):
                return [(number, end - lanes[number].window, end)]
        ends = _ends(hits)
        if ends.pop(len(lanes), None) is not None:
            ends |= _ends(self._behind_underscores(data, meter))
        found: list[tuple[int, int, int]] = []
        for number, stops in ends.items():
            window = lanes[number].window
            low, high = stops[0] - window, stops[0]
            for end in stops[1:]:
                if end - window > high:
                    found.append((number, low, high))
                    low = end - window
                high = end
            found.append((number, low, high))
        return found

    def _behind_underscores(self, data: bytes, meter: Meter | None) -> list[tuple[int, int]]:
        """Return the hits of the `numeric` rules, behind underscores and elsewhere."""
        if meter is not None:
            meter.spend(APART * len(data) // SCANNED_A_STEP)
        found: list[tuple[int, int]] = []
        for numbers, fast in self._underscored:
            found += [(numbers[place], end) for place, end in fast.hits(data, meter)]
        return found


def _ends(hits: RuleHits) -> dict[int, list[int]]:
    ends: dict[int, list[int]] = {}
    for number, end in hits:
        ends.setdefault(number, []).append(end)
    return ends
