"""`scripts/train`: makes the learned scorer of `use: injection`, and the table of its model card.

It writes `weights.bin` and its hash into `extproc/detectors/injection`. The same data, seed and versions of
requirements/train.txt give the same file.
"""

import argparse
import hashlib
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from msgspec import Struct

from extproc.classify.linear import dump
from scripts.train import corpus
from scripts.train.corpus import Text
from scripts.train.fitting import Windows, fit

SEED: Final = 20
FOLDS: Final = 3

HOME: Final = Path(__file__).resolve().parents[2] / "extproc" / "detectors" / "injection"

DEFAULT_RATE: Final = 0.008
"""Share of harmless texts of users that reach 0.9, the default threshold: below the one percent that is asked for."""

EVEN_RATE: Final = 0.1
"""The share that is to reach 0.5."""

EVEN_ODDS, DEFAULT_ODDS = 0.0, 2.1972
"""Log-odds of 0.5 and of 0.9."""

ORDERS_IN_MAIL: Final = "bipia_email"
"""Its attacks are plain requests ("Answer in French") that stand in mail: from a user they are harmless."""


class Trained(Struct, frozen=True):
    """A source, and the shares of its texts that are found at one percent of false findings, or found falsely."""

    source: str
    label: int
    count: int
    seen: float
    unseen: float


def texts() -> list[Text]:
    """All texts for training; the labelled ones come first."""
    return [*labelled(), *corpus.harmless(SEED), *corpus.made(SEED + 1), *corpus.documentation(SEED + 2)]


class Measured:
    """Scores of labelled texts by models that have not seen them.

    `folded`: by models that know their source, from its other texts. `left_out`: by models that know no text of their
    source with the same label; to be compared with harmless texts that these models have not seen either.
    """

    def __init__(self, windows: Windows, labelled: Sequence[Text]) -> None:
        self.texts = labelled
        self._windows = windows
        draw = np.random.default_rng(SEED)
        self._fold = draw.integers(0, FOLDS, len(windows.texts))
        self._known = windows.owners < len(labelled)
        self.folded = self._folded()

    def _folded(self) -> dict[int, float]:
        found: dict[int, float] = {}
        for number in range(FOLDS):
            found |= self._scored(self._known & (self._fold[self._windows.owners] == number))
        return found

    def _scored(self, held: Any) -> dict[int, float]:
        model = fit(self._windows, ~held)
        scores = np.full(len(held), -np.inf)
        scores[held] = model.decision_function(self._windows.matrix[held])
        numbers = set(self._windows.owners[held].tolist())
        best = self._windows.best(scores, lambda _: True)
        return {number: best[number] for number in numbers}

    def harmless(self, rate: float, scores: dict[int, float]) -> float:
        """Return the score that a share of the harmless texts of users reaches."""
        every = [score for number, score in scores.items() if not self.texts[number].label and self.texts[number].user]
        return float(np.quantile(every, 1 - rate))

    @property
    def calibration(self) -> tuple[float, float]:
        """What makes log-odds of a score: by how much it is multiplied, once that which is even is taken off."""
        high, even = (self.harmless(rate, self.folded) for rate in (DEFAULT_RATE, EVEN_RATE))
        return (DEFAULT_ODDS - EVEN_ODDS) / (high - even), even

    def left_out(self) -> dict[int, float]:
        """Return scores of attacks by models that know no attack of their source; of the rest, those of `folded`."""
        found = dict(self.folded)
        for source in sorted({each.source for each in self.texts if each.label}):
            found |= self._scored(self._known & (self._windows.sources == source) & (self._windows.labels == 1))
        return found

    def rows(self) -> Iterator[Trained]:
        """Yield a row for each source and label."""
        level = self.harmless(0.01, self.folded)
        for label in (1, 0):
            for source in sorted({each.source for each in self.texts if each.label == label}):
                yield self._row(source, label, level)

    def _row(self, source: str, label: int, level: float) -> Trained:
        windows = self._windows
        mine = (windows.sources == source) & (windows.labels == label)
        others = self._known & (windows.labels == 0) & (self._fold[windows.owners] == 0) & (label == 1)
        scores = self._scored((mine & self._known) | others)
        unseen = self.harmless(0.01, scores) if label else level
        own = [n for n, each in enumerate(self.texts) if each.source == source and each.label == label]
        return Trained(
            source,
            label,
            len(own),
            float(np.mean([self.folded[number] > level for number in own])),
            float(np.mean([scores[number] > unseen for number in own])),
        )


def measured_rows() -> Iterator[Trained]:
    """Yield the rows of the table of the model card."""
    windows = Windows(texts())
    yield from Measured(windows, labelled()).rows()


def labelled() -> list[Text]:
    """Return the labelled texts that the scorer is for."""
    return [each for each in corpus.labelled() if not (each.source == ORDERS_IN_MAIL and each.label)]


def main() -> int:
    """Train, and write what ships."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", action="store_true", help="only measure, and print the table of the model card")
    if parser.parse_args().table:
        print("\n".join(_table(measured_rows())))
        return 0
    windows = Windows(texts())
    measured = Measured(windows, labelled())
    model = fit(windows, np.full(len(windows.owners), fill_value=True))
    slope, even = measured.calibration
    weights = dict(zip(windows.grams, model.weights.tolist(), strict=True))
    data = dump(weights, slope, slope * (model.intercept - even))
    _write(data)
    print(f"{len(data)} bytes, {len(windows.texts)} texts, {len(windows.owners)} windows", file=sys.stderr)
    return 0


def _write(data: bytes) -> None:
    (HOME / "weights.bin").write_bytes(data)
    module = HOME / "__init__.py"
    digest = hashlib.sha256(data).hexdigest()
    module.write_text(re.sub(r'SHA256: Final = "\w*"', f'SHA256: Final = "{digest}"', module.read_text()))


def _table(rows: Iterator[Trained]) -> Iterator[str]:
    yield "| source | texts | other texts of it were seen | none was |"
    yield "|---|---|---|---|"
    for row in rows:
        what = "attacks" if row.label else "harmless"
        yield f"| {row.source} | {row.count} {what} | {row.seen:.2f} | {row.unseen:.2f} |"


if __name__ == "__main__":
    sys.exit(main())
