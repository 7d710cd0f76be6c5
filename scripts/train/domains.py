"""`python -m scripts.train.domains`: makes the built-in set of domains of the signal `intent`, and measures it.

The questions are RouteLLM's (MMLU by its subjects, and GSM8K), and for programming and what belongs to no domain, texts
of this repository (`texts/domains.txt`) and requests to assistants (clinc150). Nothing but Python is needed.
"""

import hashlib
import random
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from extproc.classify.domains import DomainModel, dump
from scripts.train import corpus, ridge
from scripts.train.questions import FOLDS, grams_of

HOME: Final = Path(__file__).resolve().parents[2] / "extproc" / "signals" / "intent"
SEED: Final = 22

OTHER: Final = "other"
"""Texts of no domain."""

SUBJECTS: Final[Mapping[str, str]] = {
    subject: domain
    for domain, subjects in {
        "biology": "anatomy college_biology high_school_biology virology medical_genetics",
        "business": "business_ethics management marketing public_relations professional_accounting",
        "chemistry": "college_chemistry high_school_chemistry",
        "computer_science": "college_computer_science high_school_computer_science computer_security machine_learning",
        "economics": "econometrics high_school_macroeconomics high_school_microeconomics",
        "engineering": "electrical_engineering",
        "health": "clinical_knowledge college_medicine human_aging nutrition professional_medicine human_sexuality",
        "history": "high_school_european_history high_school_us_history high_school_world_history prehistory",
        "law": "international_law jurisprudence professional_law",
        "math": "abstract_algebra college_mathematics elementary_mathematics high_school_mathematics"
        " high_school_statistics gsm8k",
        "philosophy": "formal_logic logical_fallacies moral_disputes moral_scenarios philosophy world_religions",
        "physics": "astronomy college_physics conceptual_physics high_school_physics",
        "politics": "high_school_government_and_politics security_studies us_foreign_policy sociology"
        " high_school_geography",
        "psychology": "high_school_psychology professional_psychology",
        OTHER: "global_facts miscellaneous",
    }.items()
    for subject in subjects.split()
}
"""The domain of each subject."""

LEAST: Final = 3
KEPT: Final = 6_000
PENALTY: Final = 3.0

EVERYDAY: Final = 20
"""One of so many requests to assistants is taken."""


def texts() -> list[tuple[str, str]]:
    """Return texts with their domains."""
    found = [(row["prompt"], SUBJECTS[row["subject"]]) for row in corpus.lines("routing")]
    found += [(row["text"], OTHER) for row in list(corpus.lines("clinc150"))[::EVERYDAY]]
    own = Path(__file__).with_name("texts") / "domains.txt"
    found += [(line, "computer_science") for line in own.read_text("utf-8").splitlines() if line]
    return found


def fitted(every: Sequence[tuple[str, str]]) -> bytes:
    """Return the model of texts with their domains, as it ships."""
    names = sorted({domain for _, domain in every} - {OTHER})
    found = [grams_of(text) for text, _ in every]
    rarities = ridge.rarities(found, LEAST)
    rows = ridge.rows_of(found, rarities, [[] for _ in every])
    even = [1.0] * len(every)
    fits = [ridge.fit(rows, [float(domain == name) for _, domain in every], even, PENALTY) for name in names]
    strength = [
        max(abs(fit.grams[number]) for fit in fits) * rows.rarities[number] * len(column) ** 0.5
        for number, column in enumerate(rows.columns)
    ]
    strongest = sorted(sorted(range(len(strength)), key=lambda number: -strength[number])[:KEPT])
    kept = {rows.grams[number]: rows.rarities[number] for number in strongest}
    rows = ridge.rows_of(found, kept, [[] for _ in every])
    fits = [ridge.fit(rows, [float(domain == name) for _, domain in every], even, PENALTY) for name in names]
    weights = {
        gram: (rarity, [fit.grams[number] for fit in fits]) for number, (gram, rarity) in enumerate(kept.items())
    }
    return dump(names, weights, [fit.intercept for fit in fits])


def measured(every: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield figures of models that have not seen the texts."""
    draw = random.Random(SEED)  # noqa: S311  - the same each time
    fold_of = [draw.randrange(FOLDS) for _ in every]
    rights, none_right, none, told = 0, 0, 0, 0
    for fold in range(FOLDS):
        data = fitted([each for each, of in zip(every, fold_of, strict=True) if of != fold])
        model = DomainModel.load(data, hashlib.sha256(data).hexdigest())
        for (text, domain), of in zip(every, fold_of, strict=True):
            if of == fold:
                best = model.best(grams_of(text))
                none += domain == OTHER
                none_right += domain == OTHER and best.score < 0.5
                rights += domain == best.name
                told += domain == best.name and best.score >= 0.5
    known = len(every) - none
    yield f"nearest domain right: {rights / known:.3f} of {known}; and surer than 0.5: {told / known:.3f}"
    yield f"none right: {none_right / none:.3f} of {none}"


def main() -> int:
    """Measure, and write what ships."""
    every = texts()
    print("\n".join(measured(every)), file=sys.stderr)
    data = fitted(every)
    (HOME / "domains.bin").write_bytes(data)
    module = HOME / "tables.py"
    digest = hashlib.sha256(data).hexdigest()
    module.write_text(
        re.sub(r'DOMAINS_SHA256: Final = "\w*"', f'DOMAINS_SHA256: Final = "{digest}"', module.read_text())
    )
    print(f"{len(data)} bytes, {len(every)} texts", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
