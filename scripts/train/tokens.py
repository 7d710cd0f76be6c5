"""`python -m scripts.train.tokens`: fits what a character of each class counts for, and says how far off estimates are.

The texts are those of ../shared/data, this repository's pages and source, and records of the data as JSON; what they
count for is what the encoding o200k_base makes of them. Half of each group is fitted and the other half measured. It
needs the requirements of training (requirements/train.txt).
"""

import json
import random
import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import quicktok
from scipy.optimize import nnls

from extproc.classify import token_estimate
from scripts.train import corpus

ROOT: Final = Path(__file__).resolve().parents[2]
MODULE: Final = ROOT / "extproc" / "classify" / "token_estimate.py"

CHARACTERS: Final = 600
"""Characters of a text that is measured: about what a chat begins with. Shorter rows of the data are joined."""

MOST: Final = 400
"""Texts of a group, so that none counts for all."""

ENCODINGS: Final = ("o200k_base", "cl100k_base", "llama3", "qwen3")

SET: Final = {"space": 0.02, "wide": 0.6, "other": 1.0, "long": 2.0}
"""Tokens for a character of classes of which the data has too little: none may count for nothing. A long run of spaces
has 0.01 each. Few scripts of `other` have tokens of more than a character; the commonest emoji have one or two."""


def groups() -> dict[str, list[str]]:
    """Texts by their kind: thirty languages, questions, exams, secrets, pages, source and JSON."""
    found: dict[str, list[str]] = {}
    for row in corpus.lines("lang"):
        found.setdefault(str(row["lang"]), []).append(str(row["text"]))
    for name, field in (("banking77", "text"), ("clinc150", "text"), ("routing", "prompt"), ("injection", "text")):
        found[name] = [str(row[field]) for row in corpus.lines(name)]
    for name in ("pii_more", "secrets_more"):
        rows = corpus.lines(name)
        found[name] = [str(row["text"]) for row in rows]
        found.setdefault("json", []).extend(json.dumps(row, indent=2 * (at % 2) or None) for at, row in enumerate(rows))
    found["markdown"] = [path.read_text() for path in sorted((ROOT / "docs").rglob("*.md"))]
    found["python"] = [path.read_text() for path in sorted((ROOT / "extproc").rglob("*.py"))]
    return found


def pieces(texts: Sequence[str]) -> Iterator[str]:
    """Yield texts of about `CHARACTERS`."""
    joined = ""
    for text in texts:
        if len(text) > 4 * CHARACTERS:
            yield from (text[at : at + 4 * CHARACTERS] for at in range(0, len(text), 4 * CHARACTERS))
            continue
        joined += f"{text}\n"
        if len(joined) > CHARACTERS:
            yield joined
            joined = ""
    if joined:
        yield joined


def halves(draw: random.Random) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return texts to fit and texts to measure, each with its group."""
    fitted: list[tuple[str, str]] = []
    measured: list[tuple[str, str]] = []
    for name, texts in groups().items():
        found = list(pieces(texts))
        draw.shuffle(found)
        every = [(name, text) for text in found[:MOST]]
        fitted += every[: len(every) // 2]
        measured += every[len(every) // 2 :]
    return fitted, measured


def matrix(texts: Sequence[tuple[str, str]]) -> Any:
    """Return the characters of each class in each text."""
    return np.array([token_estimate.counts(text) for _, text in texts], float)


def exact(texts: Sequence[tuple[str, str]], encoding: str = "o200k_base") -> Any:
    """Return the tokens of each text."""
    tokenizer = quicktok.get_encoding(encoding)
    return np.array([tokenizer.count(text) for _, text in texts], float)


def fit(texts: Sequence[tuple[str, str]]) -> Any:
    """Return the weights with the least relative error, each group counting as much as the square root of its size."""
    sizes = {name: sum(name == other for other, _ in texts) for name, _ in texts}
    tokens, characters = exact(texts), matrix(texts)
    share = np.array([sizes[name] ** -0.5 for name, _ in texts]) / tokens
    given = np.array([SET.get(name, 0.0) for name in token_estimate.CLASSES])
    free = np.array([name not in SET for name in token_estimate.CLASSES])
    weights, _ = nnls((characters * free) * share[:, None], (tokens - characters @ given).clip(min=1) * share)
    return (weights * free + given).round(3)


def report(texts: Sequence[tuple[str, str]], weights: Any) -> None:
    """Print the errors of each group, beside those of a token for four characters."""
    guess, rough = matrix(texts) @ weights, np.array([len(text) / 4 for _, text in texts])
    truth = exact(texts)
    means = []
    for name in dict.fromkeys(name for name, _ in texts):
        own = [at for at, (other, _) in enumerate(texts) if other == name]
        off, fourth = guess[own] / truth[own] - 1, rough[own] / truth[own] - 1
        means.append((abs(off).mean(), abs(fourth).mean()))
        print(
            f"{name:14} {len(own):4} texts: {abs(off).mean():6.1%} off, {np.quantile(abs(off), 0.95):6.1%} at 95 %,"
            f" {guess[own].sum() / truth[own].sum() - 1:+7.1%} in all; a quarter of the characters"
            f" {abs(fourth).mean():6.1%}"
        )
    print("mean of groups: {:.1%}, a quarter of the characters {:.1%}".format(*np.mean(means, axis=0)))
    for encoding in ENCODINGS[1:]:
        ratio = exact(texts, encoding) / truth
        print(f"{encoding}: {ratio.mean():.2f} of the tokens of o200k_base, {np.quantile(ratio, 0.95):.2f} at 95 %")


def main() -> int:
    """Fit on one half, measure on the other, and write what was fitted."""
    fitted, measured = halves(random.Random(5))  # noqa: S311  - a seed, so that it can be repeated
    weights = fit(fitted)
    report(measured, weights)
    rows = ", ".join(f"{weight:g}" for weight in weights)
    lines = "\n    ".join(textwrap.wrap(f"{rows},", 112))
    text = re.sub(r"(?s)WEIGHTS: Final = \(.*?\)", f"WEIGHTS: Final = (\n    {lines}\n)", MODULE.read_text(), count=1)
    MODULE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
