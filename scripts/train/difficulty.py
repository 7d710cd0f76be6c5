"""`python -m scripts.train.difficulty`: makes the model of the signal `difficulty`, its figures and their picture.

It writes `weights.bin` and its hash into `extproc/signals/difficulty`, and docs/models/difficulty.svg. The same data
and seed give the same file; no library is needed. With `--table` it only prints the figures of the model card.
"""

import argparse
import hashlib
import math
import re
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from extproc.classify.regression import LengthTerm, RegressionModel, dump
from scripts.train import curve, ridge
from scripts.train.questions import FOLDS, Question, apgr, cpt, easy, folded, left_out, questions, recovered

SEED: Final = 21

ROOT: Final = Path(__file__).resolve().parents[2]
HOME: Final = ROOT / "extproc" / "signals" / "difficulty"
PICTURE: Final = ROOT / "docs" / "models" / "difficulty.svg"

LEAST: Final = 3
"""Questions in which a gram stands for it to be one of the model's."""

KEPT: Final = 16_000
"""Grams of the model. All 45,000 rank as well, to the second digit of APGR."""

PENALTY: Final = 20.0
"""The strength of regularisation. From 10 to 30 make no difference on questions of known subjects."""

LENGTH_MEAN, LENGTH_SCALE = 5.6, 0.1 / 0.8
"""The mean of the logarithm of characters, and the scale of the feature. It ranks questions of sources that the model
does not know: without it, APGR is .015 lower on them. Three times the scale adds .005, and makes short questions easy
whatever they ask."""

EASY_WEIGHT: Final = 0.3
"""The weight of a short request to an assistant beside a question."""

PLACES: Final = 101
"""Sums that are kept of known questions: each percent."""


class Learned(Struct, frozen=True):
    """A fitted model: its grams with their rarities, and their weights."""

    rarities: dict[str, float]
    model: ridge.RidgeFit

    def scores(self, every: Sequence[Question]) -> list[float]:
        """Return the sums for questions."""
        return ridge.predicted(self.model, _rows(every, self.rarities))

    def dumped(self, places: Sequence[float]) -> bytes:
        """Return it as the file that ships."""
        weights = {
            gram: (weight, rarity)
            for (gram, rarity), weight in zip(self.rarities.items(), self.model.grams, strict=True)
        }
        length = LengthTerm(self.model.extra[0] * LENGTH_SCALE, LENGTH_MEAN)
        return dump(weights, length, self.model.intercept, places)


def _rows(every: Sequence[Question], known: dict[str, float]) -> ridge.Rows:
    lengths = [[LENGTH_SCALE * (math.log1p(len(each.text)) - LENGTH_MEAN)] for each in every]
    return ridge.rows_of([each.grams for each in every], known, lengths)


def learn(every: Sequence[Question]) -> Learned:
    """Fit to questions, and to short requests to assistants; again to the grams that say most."""
    known = [*every, *easy()]
    wanted = [each.gain for each in known]
    weights = [EASY_WEIGHT if each.source == "easy" else 1.0 for each in known]
    rarities = ridge.rarities([each.grams for each in known], LEAST)
    rows = _rows(known, rarities)
    first = ridge.fit(rows, wanted, weights, PENALTY)
    counts = [len(each) for each in rows.columns]
    strength = [
        abs(weight) * rarity * math.sqrt(count)
        for weight, rarity, count in zip(first.grams, rows.rarities, counts, strict=True)
    ]
    strongest = sorted(sorted(range(len(strength)), key=lambda number: -strength[number])[:KEPT])
    kept = {rows.grams[number]: rows.rarities[number] for number in strongest}
    return Learned(kept, ridge.fit(_rows(known, kept), wanted, weights, PENALTY))


def fitter(every: Sequence[Question]) -> Callable[[Sequence[Question]], Sequence[float]]:
    """Learn from questions; see `questions.Fitter`."""
    return learn(every).scores


def measured(every: Sequence[Question], scores: Sequence[float], source: str) -> tuple[float, float, float]:
    """Return APGR, CPT(50 %) and CPT(80 %) of the questions of a source."""
    own = [(each.gain, score) for each, score in zip(every, scores, strict=True) if each.source == source]
    found = recovered([gain for gain, _ in own], [score for _, score in own])
    return apgr(found), cpt(found, 0.5), cpt(found, 0.8)


def table(every: Sequence[Question]) -> Iterator[str]:
    """Yield the figures of the model card."""
    ways = {
        "other questions of both sources were seen": folded(every, fitter, SEED),
        "none of the subject was": left_out(every, fitter, _fifth),
        "none of the source was": left_out(every, fitter, lambda each: each.source),
        "by length alone": [float(len(each.text)) for each in every],
    }
    yield "| source | questions | what the model has seen | APGR | CPT(50 %) | CPT(80 %) |"
    yield "|---|---|---|---|---|---|"
    for source in dict.fromkeys(each.source for each in every):
        count = sum(each.source == source for each in every)
        for way, scores in ways.items():
            figures = measured(every, scores, source)
            yield f"| {source} | {count} | {way} | {figures[0]:.3f} | {figures[1]:.1f} | {figures[2]:.1f} |"


def _fifth(each: Question) -> str:
    """One of five sets of subjects: to leave each of the 58 out by itself would take ten times as long."""
    return str(zlib.crc32(each.subject.encode()) % FOLDS)


def main() -> int:
    """Train, and write what ships."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", action="store_true", help="only measure, and print the table of the model card")
    every = questions()
    if parser.parse_args().table:
        print("\n".join(table(every)))
        return 0
    scores = folded(every, fitter, SEED)
    ordered = sorted(scores)
    places = [ordered[round(number * (len(ordered) - 1) / (PLACES - 1))] for number in range(PLACES)]
    data = learn(every).dumped(places)
    _write(data)
    PICTURE.write_text(curve.drawn(every, scores), encoding="utf-8")
    assert RegressionModel.load(data, hashlib.sha256(data).hexdigest()).grams
    print(f"{len(data)} bytes, {len(every)} questions", file=sys.stderr)
    return 0


def _write(data: bytes) -> None:
    (HOME / "weights.bin").write_bytes(data)
    module = HOME / "__init__.py"
    digest = hashlib.sha256(data).hexdigest()
    module.write_text(re.sub(r'SHA256: Final = "\w*"', f'SHA256: Final = "{digest}"', module.read_text()))


if __name__ == "__main__":
    sys.exit(main())
