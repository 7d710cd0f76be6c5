"""`python -m scripts.train.sentences`: makes the map from layers of the extra's MiniLM to vectors of sentences.

The teacher (`scripts/train/teacher.py`) says what the vector of a text is; labels are not looked at. Needs
requirements/train.txt and the teacher's wheel, and some minutes. The same machine gives the same file; on another, the
libraries may round otherwise.
"""

import hashlib
import io
import random
import re
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np

from extproc.detectors import minilm
from extproc.signals.intent.sentences import LAYERS
from scripts.train import corpus
from scripts.train.teacher import teacher

HOME: Final = Path(__file__).resolve().parents[2] / "extproc" / "signals" / "intent"

SEEDS: Final = (1, 2, 3)
DRAWN: Final = 35
"""Draws of texts of each class of banking77 and clinc150, and the texts of a draw; of clinc150, the first `TAKEN`."""
TAKEN: Final = 20

FURTHER: Final = 3_000
LONGEST: Final = 300
"""Other texts, and the characters of them that are read."""

PENALTY: Final = 350.0
"""The strength of regularisation, beside features of a deviation of 1."""


def texts() -> list[str]:
    """Return the texts that the map is fitted to."""
    found: set[str] = set()
    for source, taken in (("clinc150", TAKEN), ("banking77", DRAWN)):
        classes: dict[str, list[str]] = {}
        for row in corpus.lines(source):
            classes.setdefault(row["intent"], []).append(row["text"])
        found |= set(classes.pop("oos", []))
        for seed in SEEDS:
            draw = random.Random(seed)  # noqa: S311  - the same each time
            for _, every in sorted(classes.items()):
                found |= set(draw.sample(every, min(len(every), DRAWN))[:taken])
    return [*sorted(found), *sorted(_others() - found)[:FURTHER]]


def _others() -> set[str]:
    other = [row["text"][:LONGEST] for row in corpus.lines("injection") if row["channel"] == "user"]
    other += [row["prompt"][:250] for row in corpus.lines("routing")][::5]
    sentences = ("presidio_research_generated_large", "presidio_research_synth_v2")
    other += [row["text"][:LONGEST] for name in sentences for row in corpus.lines(name)][::3]
    other += [each.text[:250] for each in corpus.documentation(3, 1500)]
    return set(other)


def fitted(layers: Any, vectors: Any) -> dict[str, Any]:
    """Return the map from layers to vectors, by ridge regression, in steps of a byte for each direction."""
    middle, deviation = layers.mean(axis=0), layers.std(axis=0)
    features, shift = (layers - middle) / deviation, vectors.mean(axis=0)
    square = features.T @ features + PENALTY * np.eye(features.shape[1])
    weights = np.linalg.solve(square, features.T @ (vectors - shift)) / deviation[:, None]
    units = np.abs(weights).max(axis=0) / 127
    steps = np.round(weights / units).astype(np.int8)
    single = {"middle": middle, "units": units, "shift": shift}
    return {"weights": steps, **{name: each.astype(np.float32) for name, each in single.items()}}


def written(arrays: dict[str, Any]) -> bytes:
    """Return the arrays as the bytes of a file, the same for the same arrays."""
    file = io.BytesIO()
    np.savez(file, **dict(sorted(arrays.items())))  # entries of it have no time of their own
    return file.getvalue()


def main() -> int:
    """Fit, and write what ships with its hash."""
    every = texts()
    network = minilm.loaded(*LAYERS)
    layers = np.array([network.means(text) for text in every])
    data = written(fitted(layers, teacher().vectors(every)))
    (HOME / "sentences.npz").write_bytes(data)
    module = HOME / "sentences.py"
    digest = hashlib.sha256(data).hexdigest()
    module.write_text(re.sub(r'SHA256: Final = "\w*"', f'SHA256: Final = "{digest}"', module.read_text()))
    print(f"{len(data)} bytes, {len(every)} texts", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
