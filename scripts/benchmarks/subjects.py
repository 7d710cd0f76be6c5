"""The quality of topics: texts of clinc150 told right with ten examples a class, and those of no class.

The scorer `minilm` is measured where the extra `models` is installed.
"""

import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from extproc.classify.examples import ExampleClassifier, Meant, split
from extproc.detectors import minilm
from extproc.detectors.contract import DetectorError
from extproc.detectors.topics import MEANT
from scripts.benchmarks.quality import Share, lines, share

SOURCE: Final = "clinc150"

EXAMPLES: Final = 10
TRIED: Final = 20
"""Texts of each class that are examples, and others that are tried."""

SEEDS: Final = (1, 2, 3)

ACCURACY_LEAST: Final = {"words": 0.84, "minilm": 0.9}
NONE_LEAST: Final = 0.94
"""Accuracy by scorer, and the area under the curve by which texts of no class are told from others."""

_NONE: Final = "oos"


def topics(folder: Path) -> Iterator[Share]:
    """Accuracy, and how well texts of no class are told, each the mean of several draws of examples."""
    texts: dict[str, list[str]] = {}
    for line in lines(SOURCE, folder):
        texts.setdefault(line["intent"], []).append(line["text"])
    of_none = texts.pop(_NONE)
    yield from _told(texts, of_none, "words", None)
    try:
        minilm.loaded(minilm.MEANING)
    except DetectorError as error:
        print(error, file=sys.stderr)
        return
    yield from _told(texts, of_none, "minilm", MEANT)


def _told(
    texts: Mapping[str, Sequence[str]], of_none: Sequence[str], scorer: str, meant: Meant | None
) -> Iterator[Share]:
    rights, areas, count = list[float](), list[float](), 0
    for seed in SEEDS:
        draw = random.Random(seed)  # noqa: S311  - the same each time
        drawn = {name: draw.sample(every, EXAMPLES + TRIED) for name, every in sorted(texts.items())}
        classifier = ExampleClassifier({name: every[:EXAMPLES] for name, every in drawn.items()}, meant)
        best = [
            (name, classifier.scores(split(text), text)[0])
            for name, every in drawn.items()
            for text in every[EXAMPLES:]
        ]
        none = [classifier.scores(split(text), text)[0].score for text in of_none]
        rights.append(sum(found.name == name for name, found in best) / len(best))
        areas.append(area([found.score for _, found in best], none))
        count += len(best)
    least = ACCURACY_LEAST[scorer]
    yield share("right", f"topics/{SOURCE}/{scorer}", round(count * sum(rights) / len(SEEDS)), count, least=least)
    hits = round(1000 * sum(areas) / len(SEEDS))
    yield share("AUC", f"topics/none of {SOURCE}/{scorer}", hits, 1000, least=NONE_LEAST)


def area(high: Sequence[float], low: Sequence[float]) -> float:
    """The share of pairs in which the first of `high` is above that of `low`."""
    return sum(one > other for one in high for other in low) / (len(high) * len(low))
