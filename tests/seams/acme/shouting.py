"""A detector by scores: texts in capitals. It takes as long as a small model."""

import time
from typing import Annotated, Final, Literal

from pydantic import Field

from extproc.ext import DetectorError, DetectorKind, DetectorOptions, ScoredDetector, Statement

TAKES: Final = 0.02
"""Seconds for a text."""


class Shouting(DetectorOptions):
    """The fields of `use: shouting`, beside those that all processors have."""

    use: Literal["shouting"]
    threshold: Annotated[float, Field(gt=0, le=1)] = 0.8
    """The share of capitals from which on a text is a finding."""


def loudness(statement: Statement) -> float:
    """Return the share of capitals among the letters of what a user or a model says. Called in a thread."""
    time.sleep(TAKES)
    letters = [each for each in statement.text if each.isalpha()]
    if statement.role not in {"user", "assistant"} or len(letters) < 5:
        return 0.0
    return sum(each.isupper() for each in letters) / len(letters)


def shouting(options: Shouting) -> ScoredDetector:
    """Return the detector. Called when a policy is compiled: this is the place to load a model."""
    if options.threshold < 0.1:
        raise DetectorError("every text has a capital or two: write a threshold of at least 0.1")
    return ScoredDetector("shouting", loudness, options.threshold)


SHOUTING: Final = DetectorKind("shouting", Shouting, shouting)
