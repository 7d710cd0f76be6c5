"""A classifier for an operator's own classes, each told by a few example sentences; a text may be of none.

A class is the mean of its examples, over words, pairs of words and letters that follow each other. Then each example
that another class comes too near to draws its own class towards it and pushes the other away, a few times over. That
takes a second for 150 classes of ten examples, and no library.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from msgspec import Struct

from extproc.classify.folding import fold
from extproc.classify.linear import logistic
from extproc.classify.words import Words, grams

LETTERS: Final = 3
"""Letters of a part of a word. They let `booking` be like `book`."""

ROUNDS: Final = 6
MARGIN: Final = 0.4
RATE: Final = 0.9
"""Rounds over the examples, the margin by which their own class is to be nearer, and the most that it moves."""

STEEPNESS: Final = 16.0
EVEN: Final = 0.28
"""The scale that makes a score of the likeness to a class. On clinc150, with ten examples for each of 150 classes,
three quarters of the texts reach 0.5, and one in forty of those that are of no class."""


class ClassScore(Struct, frozen=True):
    """A class, and how sure it is that a text is of it, from 0 to 1."""

    name: str
    score: float


Meanings: TypeAlias = Callable[[Sequence[Sequence[str]]], Callable[[str], Sequence[float]]]
"""A function that learns classes by the meaning of examples, and returns one that says how like each a text is."""


class Meant(Struct, frozen=True):
    """A scorer of classes by the meaning of texts, its weight beside the likeness of words, and the scale of both."""

    meanings: Meanings
    weight: float
    steepness: float
    even: float


class ExampleClassifier:
    """Tells classes by examples. Immutable once it is made; used by several threads at once.

    `meant`: what tells the classes by the meaning of texts, beside their words.
    """

    __slots__ = ("_even", "_meant", "_rarest", "_rarities", "_steepness", "_weight", "_weights", "names")

    def __init__(self, classes: Mapping[str, Sequence[str]], meant: Meant | None = None) -> None:
        self.names = tuple(classes)
        self._meant = None if meant is None else meant.meanings(tuple(classes.values()))
        self._weight = 0.0 if meant is None else meant.weight
        self._steepness, self._even = (STEEPNESS, EVEN) if meant is None else (meant.steepness, meant.even)
        examples = [(number, parts(split(text))) for number, texts in enumerate(classes.values()) for text in texts]
        known = Counter(part for _, found in examples for part in found)
        count = len(examples)
        self._rarest = math.log(1 + count) + 1
        self._rarities = {part: math.log((1 + count) / (1 + number)) + 1 for part, number in known.items()}
        self._weights: dict[str, dict[int, float]] = {part: {} for part in known}
        self._place(examples)
        vectors = [(number, self._vector(found)) for number, found in examples]
        for _ in range(ROUNDS):
            for number, vector in vectors:
                self._draw(number, vector)

    def scores(self, words: Sequence[str], text: str = "") -> list[ClassScore]:
        """Return all classes, the surest first. Their scores do not sum up to 1: all may be low.

        `text`: the same words as they stand; only its meaning is asked for.
        """
        likeness = self.likeness(words, text)
        found = [
            ClassScore(name, logistic(self._steepness * (alike - self._even)))
            for name, alike in zip(self.names, likeness, strict=True)
        ]
        return sorted(found, key=lambda each: -each.score)

    def likeness(self, words: Sequence[str], text: str = "") -> list[float]:
        """Return how like each class a text is, in the order of `names`."""
        found = self._likeness(self._vector(parts(words)))
        if self._meant is None or not words:
            return found
        return [each + self._weight * meant for each, meant in zip(found, self._meant(text), strict=True)]

    def _place(self, examples: Sequence[tuple[int, set[str]]]) -> None:
        """Make each class the mean of its examples, of length one."""
        sums: list[dict[str, float]] = [{} for _ in self.names]
        for number, found in examples:
            for part in found:
                sums[number][part] = sums[number].get(part, 0.0) + 1
        for number, of in enumerate(sums):
            vector = {part: math.sqrt(value) * self._rarities[part] for part, value in of.items()}
            length = math.sqrt(sum(value * value for value in vector.values())) or 1.0
            for part, value in vector.items():
                self._weights[part][number] = value / length

    def _vector(self, found: set[str]) -> dict[str, float]:
        """The parts of a text, of length one; of those that no example has, only the length."""
        values = {part: self._rarities.get(part, self._rarest) for part in found}
        length = math.sqrt(sum(value * value for value in values.values())) or 1.0
        return {part: value / length for part, value in values.items() if part in self._rarities}

    def _likeness(self, vector: Mapping[str, float]) -> list[float]:
        found = [0.0] * len(self.names)
        weights = self._weights
        for part, value in vector.items():
            for number, weight in weights[part].items():
                found[number] += weight * value
        return found

    def _draw(self, own: int, vector: Mapping[str, float]) -> None:
        found = self._likeness(vector)
        mine, found[own] = found[own], -1.0
        other = max(range(len(found)), key=found.__getitem__)
        lack = MARGIN - (mine - found[other])
        if lack <= 0 or other == own:
            return
        step = min(RATE, lack)
        for part, value in vector.items():
            weights = self._weights[part]
            weights[own] = weights.get(own, 0.0) + step * value / 2
            weights[other] = weights.get(other, 0.0) - step * value / 2

    def __repr__(self) -> str:
        return f"ExampleClassifier({len(self.names)} classes)"


def split(text: str) -> list[str]:
    """Return the words of a text."""
    return Words(fold(text).text).words


def parts(words: Sequence[str]) -> set[str]:
    """Return what a text is told by: words, pairs of words, and letters that follow each other in words."""
    found = grams(words)
    for word in words:
        padded = f"^{word}$"
        found.update(padded[at : at + LETTERS] for at in range(len(padded) - LETTERS + 1))
    return found
