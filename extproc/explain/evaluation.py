"""The figures of a policy on labelled lines: precision and recall for each label, and the threshold that does best."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from extproc.explain.explanation import Explanation
from extproc.inspection.kinds import stage_kinds
from extproc.policy import Policy
from extproc.policy.base import meant
from extproc.policy.step import Step
from extproc.transaction.plan import Plan

LINES_SHOWN: Final = 1000
"""Numbers of lines that are listed for a label, in each list: whoever mends a policy reads the first of them."""


class JudgedLine(Struct, frozen=True):
    """A line with what was expected and found. `number` counts from 1.

    `found`: kinds by the processors that found them. `scores`: the highest of each processor that computes scores.
    `unjudged`: labels whose processors have all failed.
    """

    number: int
    expect: frozenset[str]
    found: Mapping[str, frozenset[str]]
    scores: Mapping[str, float]
    unjudged: frozenset[str] = frozenset()


class Threshold(Struct, frozen=True):
    """A threshold and its figures, each from 0 to 1: a line is a finding from this score on."""

    threshold: float
    precision: float
    recall: float
    false_positive_rate: float


class LabelFigures(Struct, frozen=True):
    """The figures of one label, the name of a processor or a kind.

    `expected`: lines that have it; `found`, `missed`: how many of these; `wrong`: other lines in which it was found.
    `precision` and `recall` are null where there is nothing to divide by. `best`: see `best_threshold`; null for what
    has no scores. `unjudged`: lines that count for nothing here, as the processors failed. The
    lists have the first `LINES_SHOWN` numbers of lines.
    """

    label: str
    expected: int
    found: int
    missed: int
    wrong: int
    precision: float | None
    recall: float | None
    best: Threshold | None
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
    """The labels that findings of a plan's processors may have: the names of processors, and their kinds."""

    def __init__(self, plan: Plan) -> None:
        self._owners: defaultdict[str, set[str]] = defaultdict(set)
        for pipeline in plan.pipelines:
            for stage in (pipeline.request, pipeline.response):
                for processor, kind in stage_kinds(stage):
                    self._owners[kind].add(processor)
                    self._owners[processor].add(processor)

    def check(self, expect: frozenset[str]) -> None:
        """Raise ValueError, with a fix, if something is expected that no processor can find."""
        for each in sorted(expect - self._owners.keys()):
            fix = meant(each, sorted(self._owners)) or "write a kind or a processor of the policy"
            raise ValueError(f"no processor of the policy finds {each}: {fix}")

    def unjudged(self, failed: Iterable[str]) -> frozenset[str]:
        """Return the labels that nobody could judge because these processors have failed."""
        gone = frozenset(failed)
        return frozenset(label for label, owners in self._owners.items() if owners <= gone) if gone else gone


def judged(number: int, expect: frozenset[str], explanation: Explanation, labels: KnownLabels) -> JudgedLine:
    """Return what came of a line."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for each in explanation.findings:
        found[each.processor].add(each.kind)
    return JudgedLine(
        number,
        expect,
        {name: frozenset(kinds) for name, kinds in found.items()},
        explanation.scores,
        labels.unjudged(explanation.failed),
    )


def evaluate(lines: Iterable[JudgedLine], most_wrong: float | None = None) -> list[LabelFigures]:
    """Return the figures of each label that lines expect, and of each kind that was found where nothing asked for it.

    A kind counts for its processor, too, and the other way round: where a line expects the one, the other is neither
    right nor wrong. `most_wrong`: see `best_threshold`.
    """
    kept = list(lines)
    labels = set[str]().union(*(each.expect for each in kept))
    labels |= {
        kind
        for each in kept
        for processor, kinds in each.found.items()
        if processor not in labels and processor not in each.expect
        for kind in kinds - each.expect
    }
    return [_figures(label, kept, most_wrong) for label in sorted(labels)]


def best_threshold(scored: Iterable[tuple[float, bool]], most_wrong: float | None = None) -> Threshold | None:
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
        figures = Threshold((score + below) / 2, right / (right + wrong), right / positives if positives else 0.0, rate)
        f1 = 2 * right / (positives + right + wrong) if positives else 0.0
        if most_wrong is not None:
            if rate > most_wrong:
                break
            best = figures
        elif f1 > best_f1:
            best, best_f1 = figures, f1
    return best if positives else None


def _figures(label: str, lines: Sequence[JudgedLine], most_wrong: float | None) -> LabelFigures:
    found = 0
    missed, wrong = list[int](), list[int]()
    scored: list[tuple[float, bool]] = []
    scores = any(label in each.scores for each in lines)
    for each in lines:
        if label in each.unjudged:
            continue
        expected = label in each.expect
        if not expected and _covered(label, each):
            continue
        if scores:
            scored.append((each.scores.get(label, 0.0), expected))
        there = label in each.found or any(label in kinds for kinds in each.found.values())
        if expected and there:
            found += 1
        elif expected:
            missed.append(each.number)
        elif there:
            wrong.append(each.number)
    expected_in = found + len(missed)
    return LabelFigures(
        label,
        expected_in,
        found,
        len(missed),
        len(wrong),
        found / (found + len(wrong)) if found or wrong else None,
        found / expected_in if expected_in else None,
        best_threshold(scored, most_wrong) if scores else None,
        missed[:LINES_SHOWN],
        wrong[:LINES_SHOWN],
        sum(label in each.unjudged for each in lines),
    )


def _covered(label: str, line: JudgedLine) -> bool:
    """True if what the label found there is expected under another name: its processor's, or that of a kind."""
    kinds = line.found.get(label)
    if kinds is not None:
        return not kinds.isdisjoint(line.expect)
    return any(label in each and processor in line.expect for processor, each in line.found.items())
