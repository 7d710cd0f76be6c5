"""The worth of a strong model for what a user asks: a learned model, and the number that it gives."""

from functools import cache
from typing import Final

from extproc.classify.folding import fold
from extproc.classify.regression import RegressionModel
from extproc.classify.words import Words, grams
from extproc.detectors.shipped import shipped

FILE: Final = "weights.bin"
SHA256: Final = "2db91bd6d1da589be9ab3052c737c4a145c5ce851597f636c05c4a2cff57dd11"
"""The digest of the file."""


@cache
def model() -> RegressionModel:
    """Return the model. Raises DetectorError if it is missing or is another one."""
    return shipped("extproc.signals.difficulty", FILE, SHA256, RegressionModel.load)


def difficulty(text: str) -> float:
    """Return from 0 to 1 how much a strong model is worth for a text: the share of known questions that gain less.

    A text without words is worth none.
    """
    words = Words(fold(text).text).words
    return model().place(grams(words), len(text)) if words else 0.0
