"""The quality of the learned signals: what `difficulty` recovers of the gap between two models, and intents told right.

`difficulty` is measured by models that have not seen the questions: fitted anew in five folds, as
`scripts.train.difficulty` fits the one that ships. Intents are learnt from ten examples of each class, several times
over.
"""

import random
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Final

from extproc.classify.examples import ExampleClassifier, Meant, split
from extproc.detectors.contract import DetectorError
from extproc.signals import difficulty
from extproc.signals.intent import by_words, sentences
from scripts.benchmarks.quality import DATA, lines
from scripts.benchmarks.report import BenchError, Row
from scripts.benchmarks.subjects import area
from scripts.train.difficulty import SEED, fitter, measured
from scripts.train.questions import folded, questions

DIFFICULTY, INTENTS = "difficulty", "intents"
"""The subjects, as `--only` names them."""

APGR_LEAST, CPT50_MOST, CPT80_MOST = 0.64, 31.0, 66.0
QUERY_MOST, PROMPT_MOST = 1_000.0, 2_000.0
"""Microseconds for the difficulty of a question, and for the intent of a prompt among all classes of a source."""

EXAMPLES, TRIED, SEEDS = 10, 20, (1, 2, 3)
"""Texts of each class that are examples, others that are tried, and the seeds of the draws."""

RIGHT_LEAST: Final[Mapping[str, Mapping[str, float]]] = {
    "words": {"clinc150": 0.84, "banking77": 0.73},
    "minilm": {"clinc150": 0.90, "banking77": 0.85},
}
NONE_LEAST: Final[Mapping[str, float]] = {"words": 0.90, "minilm": 0.94}
"""The shares that are told right by scorer and source, and the area under the curve for texts of no class."""

_NONE: Final = "oos"
_TIMED: Final = 300
"""Questions of a round that are timed."""


def measure(rounds: int, say: Callable[[str], None], only: Collection[str]) -> list[Row]:
    """Return the rows of what is asked for, all of it if nothing is. Raises BenchError: the data is missing."""
    if not (DATA / "routing.jsonl.gz").exists():
        raise BenchError("the labelled data beside the repository is missing")
    rows: list[Row] = []
    if not only or DIFFICULTY in only:
        say(DIFFICULTY)
        rows += [*recovered(), _speed(rounds)]
    if not only or INTENTS in only:
        say(INTENTS)
        rows += told(say)
    return rows


def recovered() -> Iterator[Row]:
    """Yield what the ranking of questions recovers, by source; the bounds are those of MMLU."""
    every = questions()
    scores = folded(every, fitter, SEED)
    for source in dict.fromkeys(each.source for each in every):
        figures = measured(every, scores, source)
        bounded = source == "mmlu"
        subject = f"{DIFFICULTY}/cross-validated/{source}"
        yield Row("apgr", subject, "share", (figures[0],), least=APGR_LEAST if bounded else None)
        yield Row("cpt50", subject, "percent of calls", (figures[1],), most=CPT50_MOST if bounded else None)
        yield Row("cpt80", subject, "percent of calls", (figures[2],), most=CPT80_MOST if bounded else None)


def _speed(rounds: int) -> Row:
    texts = [line["prompt"] for line in lines("routing")]
    texts = texts[:: len(texts) // _TIMED]
    difficulty.difficulty(texts[0])
    values = []
    for _ in range(rounds):
        started = time.process_time()
        for text in texts:
            difficulty.difficulty(text)
        values.append((time.process_time() - started) / len(texts) * 1e6)
    return Row("cpu_us_per_query", DIFFICULTY, "us", tuple(values), most=QUERY_MOST)


def told(say: Callable[[str], None]) -> Iterator[Row]:
    """Yield the shares of texts whose class is told right, and how well those of none are."""
    scorers: dict[str, Callable[[int], Meant]] = {"words": by_words}
    try:
        sentences.loaded()
        scorers["minilm"] = sentences.by_sentences
    except DetectorError as error:
        say(str(error))
    for source in ("clinc150", "banking77"):
        texts: dict[str, list[str]] = {}
        for line in lines(source):
            texts.setdefault(line["intent"], []).append(line["text"])
        of_none = texts.pop(_NONE, [])
        for scorer, meant in scorers.items():
            say(f"{source}, {scorer}")
            drawn = [_drawn(texts, of_none, meant(len(texts)), seed) for seed in SEEDS]
            rights, areas, times = zip(*drawn, strict=True)
            subject, least = f"intent/{scorer}/{source}", RIGHT_LEAST[scorer][source]
            yield Row("right", subject, "share", rights, least=least)
            yield Row("cpu_us_per_query", subject, "us", times, most=PROMPT_MOST if scorer == "words" else None)
            if of_none:
                yield Row("auc", f"intent/{scorer}/none of {source}", "share", areas, least=NONE_LEAST[scorer])


def _drawn(
    texts: Mapping[str, Sequence[str]], of_none: Sequence[str], meant: Meant, seed: int
) -> tuple[float, float, float]:
    """The share that is told right, the area, and the CPU time of a text in microseconds, of one draw of examples."""
    draw = random.Random(seed)  # noqa: S311  - the same each time
    drawn = {name: draw.sample(every, min(len(every), EXAMPLES + TRIED)) for name, every in sorted(texts.items())}
    classifier = ExampleClassifier({name: every[:EXAMPLES] for name, every in drawn.items()}, meant)
    started = time.process_time()
    best = [
        (name, classifier.scores(split(text), text)[0]) for name, every in drawn.items() for text in every[EXAMPLES:]
    ]
    taken = (time.process_time() - started) / len(best) * 1e6
    none = [classifier.scores(split(text), text)[0].score for text in of_none]
    right = sum(found.name == name for name, found in best) / len(best)
    return right, area([found.score for _, found in best], none) if none else 0.0, taken
