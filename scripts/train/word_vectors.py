"""`python -m scripts.train.word_vectors`: makes the table of vectors of words of the signal `intent`.

A vector is what the teacher (`scripts/train/teacher.py`) makes of the word alone, in the directions in which usual
words differ most, times the logarithm of the word's rank: rare words say more of what a text is about.
"""

import hashlib
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Final

import numpy as np

from extproc.classify.examples import split
from extproc.classify.vectors import dump
from scripts.train import corpus
from scripts.train.teacher import teacher

HOME: Final = Path(__file__).resolve().parents[2] / "extproc" / "signals" / "intent"

USUAL: Final = 6_000
"""Words of the teacher's vocabulary that the table has in any case: the usual ones."""

FURTHER_LEAST: Final = 2
"""Texts of users in which a rarer word stands for it to be in the table."""

DIMENSIONS: Final = 64
BASIS: Final = 8_000
"""Dimensions of a vector, and the usual words that tell the directions. 128 dimensions tell as many intents right."""

SPREAD: Final = 4.5
"""Standard deviations that the steps cover: of more, few numbers are, and they are cut."""


def words_of_users() -> Counter[str]:
    """Count the texts of users in which words stand."""
    texts = [row["text"] for name in ("clinc150", "banking77") for row in corpus.lines(name)]
    texts += [row["prompt"] for row in corpus.lines("routing")]
    texts += [row["text"] for row in corpus.lines("injection") if row["channel"] == "user"]
    texts += [each.text for each in corpus.documentation(1)]
    return Counter(word for text in texts for word in set(split(text)))


def table(known: list[str], vectors: Any, wanted: list[str]) -> dict[str, list[int]]:
    """Return the steps of the wanted words."""
    mean = vectors[:BASIS].mean(axis=0)
    _, _, directions = np.linalg.svd(vectors[:BASIS] - mean, full_matrices=False)
    # The sign of a direction is an accident of the library: the largest number of each is positive.
    directions *= np.sign(directions[np.arange(len(directions)), np.abs(directions).argmax(axis=1)])[:, None]
    found = (vectors - mean) @ directions[:DIMENSIONS].T * np.log(2 + np.arange(len(known)))[:, None]
    unit = SPREAD * found[:BASIS].std() / 7
    steps = np.clip(np.round(found / unit), -7, 7).astype(int)
    place = {word: number for number, word in enumerate(known)}
    return {word: steps[place[word]].tolist() for word in wanted}


def main() -> int:
    """Make the table, and write it with its hash."""
    known = teacher().words
    counts = words_of_users()
    wanted = [word for rank, word in enumerate(known) if rank < USUAL or counts[word] >= FURTHER_LEAST]
    data = dump(table(known, teacher().vectors(known), wanted))
    (HOME / "words.bin").write_bytes(data)
    module = HOME / "tables.py"
    digest = hashlib.sha256(data).hexdigest()
    module.write_text(re.sub(r'WORDS_SHA256: Final = "\w*"', f'WORDS_SHA256: Final = "{digest}"', module.read_text()))
    print(f"{len(data)} bytes, {len(wanted)} words", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
