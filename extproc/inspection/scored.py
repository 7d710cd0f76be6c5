"""The work of a detector that computes scores, for one body: each text once, a few windows at a time."""

from collections.abc import Iterable, Iterator
from typing import ClassVar, Final

from msgspec import Struct
from msgspec.structs import replace

from extproc.detectors.contract import (
    BestScore,
    ComputingDetector,
    Conversation,
    Detection,
    DetectorError,
    Statement,
    WindowScore,
    checked,
    kinds_of,
)
from extproc.protocol.meter import Meter
from extproc.protocol.work import WorkResult

WINDOW_STEPS: Final = 1
"""Steps of a meter for each score: none of ours takes longer than a millisecond."""


class DetectorFindings(WorkResult, frozen=True):
    """The findings of one detector. `best`: of one that computes scores, the best of each level (see `WindowScore`).

    `unsampled`: it is asked about a share of the bodies, and not about this one.
    """

    found: list[Detection]
    best: tuple[BestScore, ...] = ()
    unsampled: bool = False


class ScoredWork(Struct, frozen=True):
    """Scores each text of a conversation, in a thread of the pool for detectors that compute scores."""

    detector: ComputingDetector
    conversation: Conversation
    large: ClassVar[bool] = False

    def run(self, meter: Meter | None = None) -> DetectorFindings:
        """Return the findings.

        Raises:
            SpentError: nobody waits for them any more.
            Exception: the detector failed; the text of the exception may quote the client.
        """
        meter = meter or Meter()
        known: dict[Statement, tuple[list[WindowScore], Iterable[WindowScore]]] = {}
        found: list[Detection] = []
        best: dict[str, BestScore] = {}
        for number, statement in enumerate(self.conversation.statements):
            if statement not in known:
                known[statement] = self._scored(statement, meter)
            over, nearest = known[statement]
            found += [_detection(number, each) for each in over]
            for each in nearest:
                if each.level not in best or _nearness(each) > _nearness(best[each.level].window):
                    best[each.level] = BestScore(number, each)
        return DetectorFindings(checked(self.detector, self.conversation, found), tuple(best.values()))

    def _scored(self, statement: Statement, meter: Meter) -> tuple[list[WindowScore], Iterable[WindowScore]]:
        """Return the findings of a text, and of each level the score that is one or comes nearest to it."""
        over: list[WindowScore] = []
        nearest: dict[str, WindowScore] = {}
        meter.spend(WINDOW_STEPS)
        for each in self._checked(statement):
            meter.spend(WINDOW_STEPS)
            if each.score >= each.threshold:
                over.append(each)
            known = nearest.get(each.level)
            if known is None or _nearness(each) > _nearness(known):
                nearest[each.level] = each
        return _united(over), nearest.values()

    def _checked(self, statement: Statement) -> Iterator[WindowScore]:
        kinds, size = kinds_of(self.detector), len(statement.text)
        for each in self.detector.windows(statement, self.conversation):
            end = size if each.end is None else each.end
            sound = 0 <= each.score <= 1 and 0 < each.threshold <= 1 and each.kind in kinds
            if not (sound and 0 <= each.start <= end <= size):
                raise DetectorError("a score is a number from 0 to 1, of a declared kind and within its text")
            yield each

    def __repr__(self) -> str:
        return f"ScoredWork({', '.join(kinds_of(self.detector))}, {self.conversation})"


def _united(found: list[WindowScore]) -> list[WindowScore]:
    """Return findings, those of a kind that overlap as one: the surest of them, over the place of all."""
    united: list[WindowScore] = []
    last: dict[str, int] = {}
    for each in sorted(found, key=lambda each: each.start):
        number = last.get(each.kind)
        one = None if number is None else united[number]
        if number is not None and one is not None and (one.end is None or each.start < one.end):
            end = None if one.end is None or each.end is None else max(one.end, each.end)
            surer = each if each.score > one.score else one
            united[number] = replace(surer, start=one.start, end=end)
        else:
            last[each.kind] = len(united)
            united.append(each)
    return united


def _nearness(each: WindowScore) -> float:
    return each.score - each.threshold


def _detection(number: int, each: WindowScore) -> Detection:
    return Detection(each.kind, number, each.start, each.end, each.score, threshold=each.threshold, tier=each.tier)
