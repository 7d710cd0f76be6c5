"""What a detector may return; anything else has failed, for its processor alone."""

import asyncio
import math
from collections.abc import Iterable

import pytest

from extproc.detectors import (
    Conversation,
    Detection,
    DetectorError,
    RemoteDetector,
    ScoredDetector,
    Statement,
)
from extproc.detectors.contract import DETECTIONS_MAX
from extproc.inspection.offloaded import RemoteWork
from extproc.inspection.scored import ScoredWork
from extproc.protocol.messages import Side
from extproc.protocol.meter import Meter, SpentError

TALK = Conversation(
    Side.REQUEST, (Statement("hello", "user"), Statement("be nice", "system"), Statement("hello", "user"))
)


def scored(score: object, threshold: float = 0.5) -> list[Detection]:
    return ScoredWork(ScoredDetector("risk", lambda _: score, threshold), TALK).run().found  # type: ignore[arg-type,return-value]


def asked(found: object) -> list[Detection]:
    async def judge(_: Conversation) -> Iterable[Detection]:
        return found  # type: ignore[return-value]

    return asyncio.run(RemoteWork(RemoteDetector(("a", "b"), judge), TALK).ask()).found


@pytest.mark.parametrize(("score", "found"), [(0, False), (0.49, False), (0.5, True), (1, True)])
def test_a_score_from_its_threshold_on_is_a_finding_of_each_text(score: float, found: bool) -> None:
    assert scored(score) == [Detection("risk", number, score=score, threshold=0.5) for number in range(3) if found]


@pytest.mark.parametrize("score", [None, "0.7", True, -0.1, 1.1, math.nan, math.inf, [0.5]])
def test_a_score_that_is_none_is_a_failure(score: object) -> None:
    with pytest.raises((DetectorError, TypeError)):
        scored(score)


def test_the_same_words_of_the_same_role_are_scored_once() -> None:
    heard: list[Statement] = []

    def score(statement: Statement) -> float:
        heard.append(statement)
        return float(statement.role == "user")

    found = ScoredWork(ScoredDetector("risk", score, 0.5), TALK).run().found
    assert [each.statement for each in found] == [0, 2]
    assert heard == [Statement("hello", "user"), Statement("be nice", "system")]


def test_a_scorer_is_stopped_between_two_texts() -> None:
    meter = Meter()
    heard: list[Statement] = []

    def score(statement: Statement) -> float:
        heard.append(statement)
        meter.stop()
        return 0.0

    with pytest.raises(SpentError):
        ScoredWork(ScoredDetector("risk", score, 0.5), TALK).run(meter)
    assert heard == [TALK.statements[0]]


def test_a_guard_names_places_in_the_texts() -> None:
    found = [Detection("a", 0, 1, 3, 0.5), Detection("b", 1), Detection("a", 2, 5, 5)]
    assert asked(iter(found)) == found


@pytest.mark.parametrize(
    "found",
    [
        [Detection("c", 0)],
        [Detection("a", 3)],
        [Detection("a", -1)],
        [Detection("a", 0, 0, 6)],
        [Detection("a", 0, 3, 2)],
        [Detection("a", 0, -1)],
        [Detection("a", 0, score=math.nan)],
        [Detection("a", 0, score=2)],
        [("a", 0)],
        "a",
        None,
        [Detection("a", 0)] * (DETECTIONS_MAX + 1),
    ],
)
def test_a_guard_that_answers_anything_else_has_failed(found: object) -> None:
    with pytest.raises((DetectorError, TypeError)):
        asked(found)


def test_a_guard_may_find_as_much_as_is_heard() -> None:
    assert len(asked([Detection("a", 0)] * DETECTIONS_MAX)) == DETECTIONS_MAX


def test_what_is_said_has_no_rendering() -> None:
    talk = Conversation(Side.REQUEST, (Statement("planted-marker"),))
    assert "planted" not in repr(talk) + repr(talk.statements[0])
