"""The figures of a policy on labelled lines: precision and recall of each label by side, and the best thresholds."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from extproc.explain.explanation import Explanation
from extproc.explain.labelled import LabelledLine
from extproc.inspection.kinds import stage_kinds
from extproc.policy import Policy
from extproc.policy.base import meant
from extproc.policy.step import Step
from extproc.protocol.messages import Side
from extproc.protocol.record import ProcessorScore
from extproc.transaction.plan import Plan

LINES_SHOWN: Final = 1000
"""Numbers of lines that are listed for a label, in each list: whoever mends a policy reads the first of them."""


SIDES: Final = (Side.REQUEST.value, Side.RESPONSE.value)


class JudgedSide(Struct, frozen=True):
    """The request or the response of a line, with what was expected and found. `number` counts lines from 1.

    `found`: kinds by the processors that found them. `scores`: those of processors that compute scores. `unjudged`:
    labels whose processors have all failed.
    """

    number: int
    side: str
    expect: frozenset[str]
    found: Mapping[str, frozenset[str]]
    scores: Sequence[ProcessorScore] = ()
    unjudged: frozenset[str] = frozenset()


class Threshold(Struct, frozen=True):
    """A threshold and its figures, each from 0 to 1: a line is a finding from this score on.

    `setting`: the field of the processor, `threshold` or, for a group of its own, such as `documents.threshold`.
    """

    setting: str
    threshold: float
    precision: float
    recall: float
    false_positive_rate: float


class LabelFigures(Struct, frozen=True):
    """The figures of one label, the name of a processor or a kind, in requests or in responses.

    `expected`: lines that have it; `found`, `missed`: how many of these; `wrong`: other lines in which it was found.
    `precision` and `recall` are null where there is nothing to divide by. `best`: the best value of each threshold of
    the processor (see `best_threshold`). `unjudged`: lines that count for nothing here, as the processors failed. The
    lists have the first `LINES_SHOWN` numbers of lines.
    """

    side: str
    label: str
    expected: int
    found: int
    missed: int
    wrong: int
    precision: float | None
    recall: float | None
    best: Sequence[Threshold]
    missed_lines: Sequence[int]
    wrong_lines: Sequence[int]
    unjudged: int = 0


def reporting(policy: Policy) -> Policy:
    """Return the policy with processors that only report: each judges every line, whatever the others find.

    They are not in the shadow, where conditions see no findings and nobody stands in for a processor that fails.
    """
    whole = {"forward": "wait", "on_uninspected": "allow", "on_oversize": "allow"}
    pipelines = [
        each.model_copy(update={"request": _reporting(each.request), "response": _reporting(each.response), **whole})
        for each in policy.pipelines
    ]
    return policy.model_copy(update={"pipelines": tuple(pipelines)})


def _reporting(steps: Iterable[Step]) -> tuple[Step, ...]:
    def update(step: Step) -> dict[str, object]:
        unrestored = {"restore": False} if getattr(step, "restore", False) else {}
        return {"action": "report", "on_failure": step.stand_in or "allow", **unrestored}

    return tuple([each.model_copy(update=update(each)) for each in steps])


class KnownLabels:
    """The labels that findings of a plan's processors may have on each side: names of processors, and their kinds."""

    def __init__(self, plan: Plan) -> None:
        self._owners = {side: defaultdict[str, set[str]](set) for side in SIDES}
        for pipeline in plan.pipelines:
            for side, stage in zip(SIDES, (pipeline.request, pipeline.response), strict=True):
                for processor, kind in stage_kinds(stage):
                    self._owners[side][kind].add(processor)
                    self._owners[side][processor].add(processor)

    def sides(self, line: LabelledLine) -> Mapping[str, frozenset[str]]:
        """Return the labels that are expected on each side that counts. Raises ValueError, with a fix."""
        expect, answered = line.expect, line.request.response is not None
        if expect.either is not None:
            return self._placed(expect.either, SIDES if answered else SIDES[:1])
        if expect.response is not None and not answered:
            raise ValueError("something is expected in a response, and the line has none: add it, or role: assistant")
        sides = {
            side: each for side, each in zip(SIDES, (expect.request, expect.response), strict=True) if each is not None
        }
        for side, labels in sides.items():
            self._check(labels, (side,))
        return sides

    def _placed(self, labels: frozenset[str], sides: Sequence[str]) -> Mapping[str, frozenset[str]]:
        """Return labels by the only side that has each."""
        self._check(labels, sides)
        for each in sorted(labels):
            if all(each in self._owners[side] for side in sides) and len(sides) > 1:
                raise ValueError(
                    f'{each} may be in both sides: write "expect": {{"request": [...], "response": [...]}}'
                )
        return {side: frozenset(each for each in labels if each in self._owners[side]) for side in sides}

    def _check(self, labels: frozenset[str], sides: Sequence[str]) -> None:
        known = sorted(set[str]().union(*(self._owners[side] for side in sides)))
        for each in sorted(labels.difference(known)):
            elsewhere = any(each in owners for owners in self._owners.values())
            place = f" in a {sides[0]}" if elsewhere else ""
            fix = meant(each, known) or "write a kind or a processor of the policy"
            raise ValueError(f"no processor of the policy finds {each}{place}: {fix}")

    def unjudged(self, side: str, failed: Iterable[str]) -> frozenset[str]:
        """Return the labels that nobody could judge because these processors have failed."""
        gone = frozenset(failed)
        return frozenset(label for label, owners in self._owners[side].items() if owners <= gone) if gone else gone


def judged(
    number: int, sides: Mapping[str, frozenset[str]], explanation: Explanation, labels: KnownLabels
) -> Iterator[JudgedSide]:
    """Yield what came of each side of a line that counts."""
    for side, expect in sides.items():
        found: defaultdict[str, set[str]] = defaultdict(set)
        for each in explanation.findings:
            if each.side == side:
                found[each.processor].add(each.kind)
        yield JudgedSide(
            number,
            side,
            expect,
            {name: frozenset(kinds) for name, kinds in found.items()},
            [each for each in explanation.scores if each.side == side],
            labels.unjudged(side, explanation.failed),
        )


def evaluate(lines: Iterable[JudgedSide], most_wrong: float | None = None) -> list[LabelFigures]:
    """Return the figures of each label that lines expect, and of each kind that was found where nothing asked for it.

    Requests come first, then responses. A kind counts for its processor, too, and the other way round: where a line
    expects the one, the other is neither right nor wrong. `most_wrong`: see `best_threshold`.
    """
    kept = list(lines)
    by_side = {side: [each for each in kept if each.side == side] for side in SIDES}
    return [_figures(label, side, own, most_wrong) for side, own in by_side.items() for label in sorted(_labels(own))]


def _labels(lines: Sequence[JudgedSide]) -> set[str]:
    labels = set[str]().union(*(each.expect for each in lines))
    return labels | {
        kind
        for each in lines
        for processor, kinds in each.found.items()
        if processor not in labels and processor not in each.expect
        for kind in kinds - each.expect
    }


def best_threshold(
    scored: Iterable[tuple[float, bool]], most_wrong: float | None = None, setting: str = "threshold"
) -> Threshold | None:
    """Return the threshold with the greatest F1; the higher of two. None if no line is expected to be found.

    `scored`: each line's score, and whether it is to be found. With `most_wrong`, from 0 to 1, the lowest threshold
    whose rate of false positives is no greater; None if even the highest score finds more. It lies halfway between the
    scores that it tells apart: scores are recorded rounded, and one of them may be above what it stands for.
    """
    ordered = sorted(scored, reverse=True)
    positives = sum(wanted for _, wanted in ordered)
    negatives = len(ordered) - positives
    best: Threshold | None = None
    best_f1 = -1.0
    right = wrong = 0
    for at, (score, wanted) in enumerate(ordered):
        if score == 0:
            break  # a line without a score, which no threshold finds
        right, wrong = right + wanted, wrong + (not wanted)
        if at + 1 < len(ordered) and ordered[at + 1][0] == score:
            continue  # lines of one score are found together
        rate = wrong / negatives if negatives else 0.0
        below = ordered[at + 1][0] if at + 1 < len(ordered) else 0.0
        recall = right / positives if positives else 0.0
        figures = Threshold(setting, (score + below) / 2, right / (right + wrong), recall, rate)
        f1 = 2 * right / (positives + right + wrong) if positives else 0.0
        if most_wrong is not None:
            if rate > most_wrong:
                break
            best = figures
        elif f1 > best_f1:
            best, best_f1 = figures, f1
    return best if positives else None


def _figures(label: str, side: str, lines: Sequence[JudgedSide], most_wrong: float | None) -> LabelFigures:
    found = 0
    missed, wrong = list[int](), list[int]()
    counted = list[JudgedSide]()
    for each in lines:
        if label in each.unjudged:
            continue
        expected = label in each.expect
        if not expected and _covered(label, each):
            continue
        counted.append(each)
        there = label in each.found or any(label in kinds for kinds in each.found.values())
        if expected and there:
            found += 1
        elif expected:
            missed.append(each.number)
        elif there:
            wrong.append(each.number)
    expected_in = found + len(missed)
    return LabelFigures(
        side,
        label,
        expected_in,
        found,
        len(missed),
        len(wrong),
        found / (found + len(wrong)) if found or wrong else None,
        found / expected_in if expected_in else None,
        tuple(_thresholds(label, counted, most_wrong)),
        missed[:LINES_SHOWN],
        wrong[:LINES_SHOWN],
        sum(label in each.unjudged for each in lines),
    )


def _thresholds(processor: str, lines: Sequence[JudgedSide], most_wrong: float | None) -> Iterator[Threshold]:
    """Yield the best one for each threshold that a processor has.

    A line counts for the thresholds that its texts were compared with. If something is to be found, nobody knows in
    which text: it counts for the one that its scores come nearest to. A line that has no score counts for all, as 0.
    """
    scored: dict[str, list[tuple[float, bool]]] = {}
    without = list[tuple[float, bool]]()
    for line in lines:
        own = [each for each in line.scores if each.processor == processor]
        expected = processor in line.expect
        if expected and own:
            own = [max(own, key=lambda each: each.score - each.threshold)]
        for each in own:
            scored.setdefault(each.level, []).append((each.score, expected))
        if not own:
            without.append((0.0, expected))
    for level, compared in sorted(scored.items()):
        setting = f"{level}.threshold" if level else "threshold"
        best = best_threshold(compared + without, most_wrong, setting)
        if best is not None:
            yield best


def _covered(label: str, line: JudgedSide) -> bool:
    """True if what the label found there is expected under another name: its processor's, or that of a kind."""
    kinds = line.found.get(label)
    if kinds is not None:
        return not kinds.isdisjoint(line.expect)
    return any(label in each and processor in line.expect for processor, each in line.found.items())
