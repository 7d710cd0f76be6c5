"""`python -m scripts.train.joined`: fits the logistic model that joins the scorers `words` and `minilm`.

It prints the constants of `extproc/detectors/injection/joined.py`, and the figures of the model card.
"""

import sys
from typing import Any, Final

import numpy as np
from sklearn.linear_model import LogisticRegression

from extproc.classify.folding import fold
from extproc.classify.words import Words
from extproc.detectors import minilm
from scripts.train.fitting import Windows
from scripts.train.injection import DEFAULT_ODDS, DEFAULT_RATE, EVEN_RATE, Measured, labelled, texts

FOLDS: Final = 5
SECOND_MAX: Final = 8


def main() -> int:
    """Fit, and print."""
    every = labelled()
    windows = Windows(texts())
    measured = Measured(windows, every)
    slope, even = measured.calibration
    left_out = measured.left_out()
    outputs = np.array([_outputs(each.text) for each in every])
    labels = np.array([each.label for each in every])
    users = np.array([each.user for each in every])
    known = np.column_stack([outputs, [slope * (measured.folded[n] - even) for n in range(len(every))]])
    unseen = np.column_stack([outputs, [slope * (left_out[n] - even) for n in range(len(every))]])
    fold_of = np.random.default_rng(FOLDS).integers(0, FOLDS, len(every))
    odds = np.zeros(len(every))
    for number in range(FOLDS):
        held = fold_of == number
        odds[held] = _fitted(known[~held], labels[~held]).decision_function(known[held])
    model = _fitted(known, labels)
    harmless = odds[(labels == 0) & users]
    high, middle = np.quantile(harmless, 1 - DEFAULT_RATE), np.quantile(harmless, 1 - EVEN_RATE)
    scale = DEFAULT_ODDS / (high - middle)
    weights = [*(scale * model.coef_[0]), scale * (model.intercept_[0] - middle)]
    print("MAIN, AUXILIARY, WORDS, OFFSET =", ", ".join(f"{each:.4f}" for each in weights))
    _print("seen", odds, labels, users, every)
    _print("unseen", model.decision_function(unseen), labels, users, every)
    return 0


def _fitted(known: Any, labels: Any) -> Any:
    return LogisticRegression(class_weight="balanced").fit(known, labels)


def _outputs(text: str) -> tuple[float, float]:
    """The outputs for the window of a text that the model is surest of."""
    folded = fold(text)
    words = Words(folded.text)
    found = []
    for first, last in list(words.windows())[:SECOND_MAX]:
        start, end = words.place(first, last)
        main, auxiliary = minilm.loaded().outputs(text[folded.place(start) : folded.place(end)])
        found.append((float(main), float(auxiliary)))
    return max(found)


def _print(name: str, odds: Any, labels: Any, users: Any, every: Any) -> None:
    level = np.quantile(odds[(labels == 0) & users], 0.99)
    for source in sorted({each.source for each in every if each.label}):
        own = [odds[n] > level for n, each in enumerate(every) if each.source == source and each.label]
        print(f"{name} {source} {np.mean(own):.2f}")
    attacks = (labels == 1) & users
    print(f"{name} all {np.mean(odds[attacks] > level):.3f}")


if __name__ == "__main__":
    sys.exit(main())
