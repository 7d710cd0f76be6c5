"""Detectors as a plug-in brings them: written against `extproc.detectors` alone, each added by one registration."""

import asyncio
import re
import time
from collections.abc import Iterable
from typing import Annotated, Final, Literal

from pydantic import Field

from extproc.detectors import (
    Conversation,
    Detection,
    DetectorError,
    DetectorKind,
    DetectorOptions,
    MaskableOptions,
    RemoteDetector,
    RuleDetector,
    ScoredDetector,
    Statement,
    register,
)
from extproc.matching.rule import Rule

TAKES: Final = 0.02
"""Seconds that the scorer takes for a text, as a small model does."""


class Badge(MaskableOptions):
    """Numbers of a company's badges."""

    use: Literal["badge"]
    prefix: Annotated[str, Field(min_length=1, max_length=8)] = "B"
    """The letters in front of the digits."""


def badge(options: Badge) -> RuleDetector:
    """A rule."""
    return RuleDetector((Rule(kind="badge", pattern=f"{re.escape(options.prefix)}-[0-9]{{6}}"),))


class Shouting(DetectorOptions):
    """Texts in capitals."""

    use: Literal["shouting"]
    threshold: Annotated[float, Field(gt=0, le=1)] = 0.8
    """The share of capitals from which on a text is one."""


def loudness(statement: Statement) -> float:
    """The share of capitals among the letters of what a user or a model says."""
    time.sleep(TAKES)
    letters = [each for each in statement.text if each.isalpha()]
    if statement.role not in {"user", "assistant"} or len(letters) < 5:
        return 0.0
    return sum(each.isupper() for each in letters) / len(letters)


def shouting(options: Shouting) -> ScoredDetector:
    """A score."""
    if options.threshold < 0.1:
        raise DetectorError("every text has a capital or two: write a threshold of at least 0.1")
    return ScoredDetector("shouting", loudness, options.threshold)


class Guard(DetectorOptions):
    """A guard that runs elsewhere."""

    use: Literal["toy-guard"]
    words: tuple[str, ...] = ("jailbreak",)
    """What it objects to."""


class RemoteGuard:
    """The client of the guard."""

    def __init__(self, words: Iterable[str]) -> None:
        self._words = tuple(words)

    async def judge(self, conversation: Conversation) -> list[Detection]:
        """Return every place of a word; stands for a request to another machine."""
        await asyncio.sleep(0)
        return [
            Detection("objection", number, match.start(), match.end(), 0.9)
            for number, statement in enumerate(conversation.statements)
            for word in self._words
            for match in re.finditer(re.escape(word), statement.text)
        ]


def guard(options: Guard) -> RemoteDetector:
    """A judgement of somebody else's."""
    return RemoteDetector(("objection",), RemoteGuard(options.words).judge)


BADGE: Final = DetectorKind("badge", Badge, badge)
SHOUTING: Final = DetectorKind("shouting", Shouting, shouting)
GUARD: Final = DetectorKind("toy-guard", Guard, guard)
TOYS: Final = (BADGE, SHOUTING, GUARD)


def install() -> None:
    """Register the toys, as a plug-in does when it is loaded."""
    for each in TOYS:
        register(each)
