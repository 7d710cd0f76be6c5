"""The stronger scorer: MiniLM, of the extra `models`, joined with the words.

A small logistic model joins what MiniLM says with what the words say: each knows attacks that the other does not.
"""

import math
from typing import Final

from extproc.classify.linear import logistic
from extproc.detectors import minilm

MAIN, AUXILIARY, WORDS, OFFSET = 0.2776, -0.0505, 0.5800, 0.2376
"""The logistic model: weights of the two outputs and of the words' log-odds. `scripts/train/joined.py` fits it."""

LEAST: Final = 1e-6
"""The score of words that is taken for less: log-odds have no bound."""


class JoinedScorer:
    """Scores windows, in several threads at once."""

    def __init__(self, network: minilm.MiniLM) -> None:
        self._network = network

    def score(self, text: str, words: float) -> float:
        """Return the score of a window whose words have a score."""
        main, auxiliary = map(float, self._network.outputs(text))
        bounded = min(max(words, LEAST), 1 - LEAST)
        odds = math.log(bounded / (1 - bounded))
        return logistic(MAIN * main + AUXILIARY * auxiliary + WORDS * odds + OFFSET)

    def __repr__(self) -> str:
        return f"JoinedScorer({self._network})"


def joined() -> JoinedScorer:
    """Return the scorer. Raises DetectorError: what is missing."""
    return JoinedScorer(minilm.loaded())
