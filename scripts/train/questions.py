"""Questions that a weak and a strong model were asked, and how well a ranking of them spends calls of the strong one.

The figures are those of the RouteLLM paper: PGR is the share of the gap between the accuracies of both models that a
mixture recovers, APGR its mean over all shares of calls to the strong model, and CPT(x) the share of such calls, in
percent, that recovers x percent of the gap.
"""

import random
from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct

from extproc.classify.folding import fold
from extproc.classify.words import Words, grams
from scripts.train import corpus

FOLDS: Final = 5

EASY_EVERY: Final = 50
"""One of so many requests to assistants (clinc150, banking77) is taken as one for which the weak model will do."""


class Question(Struct, frozen=True):
    """A question, its grams, and how much more the strong model is right, from -1 to 1."""

    text: str
    grams: frozenset[str]
    gain: float
    source: str
    subject: str


def grams_of(text: str) -> frozenset[str]:
    """Return the grams by which the shipped model knows a text."""
    return frozenset(grams(Words(fold(text).text).words))


def questions() -> list[Question]:
    """Return the labelled questions, in the order of the file."""
    return [
        Question(
            row["prompt"],
            grams_of(row["prompt"]),
            float(row["strong"]) - float(row["weak"]),
            row["source"],
            row["subject"],
        )
        for row in corpus.lines("routing")
    ]


def easy() -> list[Question]:
    """Return short requests to assistants, which gain nothing: an assumption, as nobody asked both models."""
    texts = [row["text"] for name in ("clinc150", "banking77") for row in corpus.lines(name)][::EASY_EVERY]
    return [Question(text, grams_of(text), 0.0, "easy", "easy") for text in texts]


Fitter = Callable[[Sequence[Question]], Callable[[Sequence[Question]], Sequence[float]]]
"""A function that learns from questions, and returns one that ranks others."""


def folded(every: Sequence[Question], fitter: Fitter, seed: int) -> list[float]:
    """Return a score for each question by a model that has not seen it."""
    draw = random.Random(seed)  # noqa: S311  - the same each time
    fold_of = [draw.randrange(FOLDS) for _ in every]
    return _held_out(every, fitter, fold_of)


def left_out(every: Sequence[Question], fitter: Fitter, group: Callable[[Question], str]) -> list[float]:
    """Return a score for each question by a model that has seen none of its group."""
    return _held_out(every, fitter, [group(each) for each in every])


def _held_out(every: Sequence[Question], fitter: Fitter, groups: Sequence[object]) -> list[float]:
    found = [0.0] * len(every)
    for group in dict.fromkeys(groups):
        held = [number for number, each in enumerate(groups) if each == group]
        ranks = fitter([each for each, of in zip(every, groups, strict=True) if of != group])
        for number, score in zip(held, ranks([every[number] for number in held]), strict=True):
            found[number] = score
    return found


def recovered(gains: Sequence[float], scores: Sequence[float]) -> list[float]:
    """Return PGR for each number of calls to the strong model, from none to all, those of the highest scores first."""
    total, sum_, found = sum(gains), 0.0, [0.0]
    for _, gain in sorted(zip(scores, gains, strict=True), key=lambda each: -each[0]):
        sum_ += gain
        found.append(sum_ / total)
    return found


def apgr(curve: Sequence[float]) -> float:
    """Return the mean of PGR over all shares of calls."""
    return sum(curve) / len(curve)


def cpt(curve: Sequence[float], share: float) -> float:
    """Return the percentage of calls to the strong model from which on a share of the gap is recovered."""
    return 100 * next(number for number, each in enumerate(curve) if each >= share) / (len(curve) - 1)
