"""Fitting a linear model to windows of words, and its figures on sources that it has not seen."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from msgspec import Struct
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from extproc.classify.folding import fold
from extproc.classify.words import Words
from scripts.train.corpus import TEMPLATES, Text

TEMPLATES_COUNT: Final = 0.6
"""The weight of a text made of a template: a thousand of them say less than a thousand that people wrote."""

LEAST: Final = 3
"""Windows in which a gram stands for it to be one of the model's."""

LOOSENESS: Final = 10.0
"""The inverse of the strength of regularisation."""


class Windows:
    """Texts as windows of grams, in one matrix. `owners`: which text each window is of."""

    def __init__(self, texts: Sequence[Text], least: int = LEAST) -> None:
        self.texts = texts
        found: list[set[str]] = []
        owners: list[int] = []
        for number, each in enumerate(texts):
            words = Words(fold(each.text).text)
            for first, last in words.windows():
                found.append(words.grams(first, last))
                owners.append(number)
        self.owners = np.array(owners)
        counts = Counter(gram for every in found for gram in every)
        self.grams = sorted(gram for gram, count in counts.items() if count >= least)
        self.matrix = self._matrix(found)
        self.labels = np.array([texts[number].label for number in owners])
        self.sources = np.array([texts[number].source for number in owners])
        per_text = Counter(owners)
        self.weights = np.array([per_text[number] ** -0.5 for number in owners])
        self.weights[self.sources == TEMPLATES] *= TEMPLATES_COUNT

    def _matrix(self, found: Sequence[set[str]]) -> Any:
        number = {gram: index for index, gram in enumerate(self.grams)}
        rows, columns, values = list[int](), list[int](), list[float]()
        for row, every in enumerate(found):
            known = sorted(number[gram] for gram in every if gram in number)
            rows += [row] * len(known)
            columns += known
            values += [max(1, len(every)) ** -0.5] * len(known)
        return sparse.csr_matrix((values, (rows, columns)), shape=(len(found), len(self.grams)))

    def best(self, scores: Any, chosen: Callable[[Text], bool]) -> dict[int, float]:
        """Return the highest score among the windows of each text that is chosen."""
        found: dict[int, float] = {}
        for number, score in zip(self.owners.tolist(), scores.tolist(), strict=True):
            if chosen(self.texts[number]):
                found[number] = max(found.get(number, score), score)
        return found


KEPT: Final = 16_000
"""Grams of a model. One of 49,000 finds as many attacks, of known sources and of others, and takes a fifth longer for
a text: what is asked of a small table is answered from the processor's cache."""


class Fitted(Struct, frozen=True):
    """A linear model over all grams of some windows; most weigh nothing."""

    weights: Any
    intercept: float

    def decision_function(self, matrix: Any) -> Any:
        """Return the sum for each row of a matrix."""
        return matrix @ self.weights + self.intercept


def fit(windows: Windows, used: Any, looseness: float = LOOSENESS, kept: int = KEPT) -> Fitted:
    """Fit a model to the windows that are used, and again to the grams that say most.

    These are told by their weights, and by how often they stand.
    """
    model = _without_idle(windows, windows.matrix, used, looseness)
    counts = np.asarray((windows.matrix[used] > 0).sum(axis=0))[0]
    strongest = np.sort(np.argsort(-np.abs(model.coef_[0]) * np.sqrt(counts), kind="stable")[:kept])
    model = _without_idle(windows, windows.matrix[:, strongest], used, looseness)
    weights = np.zeros(len(windows.grams))
    weights[strongest] = model.coef_[0]
    return Fitted(weights, float(model.intercept_[0]))


def _without_idle(windows: Windows, matrix: Any, used: Any, looseness: float) -> Any:
    """Fit twice: an attack's windows that hold none of it say nothing.

    The second time, those of an attack are left out that look harmless, but for the one that does so least.
    """
    model = _fitted(windows, matrix, used, looseness)
    scores = model.decision_function(matrix)
    best = windows.best(scores, lambda _: True)
    highest = np.array([best[number] for number in windows.owners.tolist()])
    idle = (windows.labels == 1) & (scores < 0) & (scores < highest)
    return _fitted(windows, matrix, used & ~idle, looseness)


def _fitted(windows: Windows, matrix: Any, used: Any, looseness: float) -> Any:
    weights, labels = windows.weights[used].copy(), windows.labels[used]
    weights[labels == 1] *= weights[labels == 0].sum() / weights[labels == 1].sum()
    model = LogisticRegression(C=looseness, max_iter=200, tol=1e-3)
    return model.fit(matrix[used], labels, sample_weight=weights)
