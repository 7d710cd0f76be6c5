"""The user's intent: the class that the words are nearest to, by examples or from a built-in set."""

import math
from collections.abc import Callable, Iterator
from typing import Final

from extproc.classify.examples import ClassScore, ExampleClassifier, Meant
from extproc.classify.folding import fold
from extproc.classify.words import Words, grams
from extproc.detectors.contract import DetectorError
from extproc.policy import Policy, Unusable
from extproc.policy.intents import NONE, Intents
from extproc.signals.intent import sentences
from extproc.signals.intent.tables import domains, word_vectors

WORDS_MAX: Final = 60
"""Words of a text that is judged whole. Of a longer one, the first and the last `ENDS` are judged, each by itself: the
nearer one counts. So a prompt takes 2 ms at most with the scorer `words`."""

ENDS: Final = 40

WEIGHT: Final = 0.5
"""The weight of the likeness of vectors beside that of words; a quarter tells as many classes right, one fewer."""

STEEPNESS, EVEN, EVEN_EACH = 12.0, 0.48, 0.03
"""The scale of likenesses: the nearest of many classes is nearer than that of few. With three classes of five examples
and with 150 of ten, three quarters of the texts of a class reach 0.5, and one in thirty of those that are of none."""

Judge = Callable[[list[str], str], ClassScore]
"""A function that returns the surest class of a text, by its words and as it stands."""


def intent_of(intents: Intents | None) -> Callable[[str], str]:
    """Return what says which class a text is of, or `none`. Raises DetectorError: there are no classes, or no data."""
    if intents is None:
        raise DetectorError("the policy has no classes; write `intents: {code: [fix this function]}`, or use: domains")
    judge = _of_domains() if intents.use == "domains" else _told_by_examples(intents)
    threshold = intents.threshold

    def of(text: str) -> str:
        best = max((judge(*part) for part in _parts(text)), key=lambda each: each.score, default=None)
        return NONE if best is None or best.score < threshold else best.name

    return of


def by_words(classes: int) -> Meant:
    """Return what tells the meaning of so many classes by the vectors of words, without the extra."""
    return Meant(word_vectors().meanings, WEIGHT, STEEPNESS, EVEN + EVEN_EACH * math.log(classes))


def missing(policy: Policy) -> Iterator[Unusable]:
    """Yield what would tell the classes better, and is not installed: for `check` to note."""
    intents = policy.intents
    if intents is not None and intents.use is None and intents.scorer == "best":
        try:
            sentences.loaded()
        except DetectorError as error:
            message, _, mend = str(error).partition("; ")
            yield Unusable(
                ("intents",), f"classes are told by words alone: {message}", f"{mend}, or write scorer: words"
            )


def _of_domains() -> Judge:
    model = domains()
    return lambda words, _: model.best(grams(words))


def _told_by_examples(intents: Intents) -> Judge:
    classifier = ExampleClassifier(intents.classes, _meant(intents))
    return lambda words, text: classifier.scores(words, text)[0]


def _meant(intents: Intents) -> Meant:
    """Return the scorer of meanings that the policy names. Raises DetectorError."""
    if intents.scorer != "words":
        try:
            return sentences.by_sentences(len(intents.classes))
        except DetectorError:
            if intents.scorer == "minilm":
                raise
    return by_words(len(intents.classes))


def _parts(text: str) -> Iterator[tuple[list[str], str]]:
    """Yield the parts of a text that are judged, each with its words; none if it has no words."""
    folded = fold(text)
    words = Words(folded.text)
    count = len(words.words)
    if count <= WORDS_MAX:
        if count:
            yield words.words, text
        return
    for first, last in ((0, ENDS), (count - ENDS, count)):
        start, end = (folded.place(each) for each in words.place(first, last))
        yield words.words[first:last], text[start:end]
