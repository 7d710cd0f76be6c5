"""Meanings of sentences, of the extra `models`: their vectors, and what tells classes by them.

The MiniLM of the extra was tuned for prompt injection. A learned map (`sentences.npz`, plain numbers) makes of three of
its layers what all-MiniLM-L6-v2, which was tuned to compare sentences, makes of a text.
"""

import hashlib
import math
import pkgutil
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from io import BytesIO
from typing import Any, Final

from extproc.classify.examples import Meant
from extproc.detectors import minilm
from extproc.detectors.contract import DetectorError

LAYERS: Final = minilm.LAYERS[2:5]
"""The layers that the map is made for: the third to the fifth."""

FILE: Final = "sentences.npz"
SHA256: Final = "d7ec34692279ffb1fdcbc90aafdede8efd0b921a362c9d0726fb08f58ccede4d"
"""The digest of the file."""

SHRINKAGE: Final = 0.3
"""The share in which the spread of examples around the mean of their class counts as the same in all directions."""

LOOSENESS: Final = 50.0
ROUNDS: Final = 80
"""The inverse of the strength of regularisation of the logistic part, and the steps of its descent."""

WEIGHT: Final = 3.0
"""The weight beside the likeness of words."""

STEEPNESS, EVEN, EVEN_EACH = 3.5, 0.85, 0.345
"""The scale of likenesses: the nearest of many classes is nearer than that of few. Of clinc150, with two
classes of four examples and with 150 of ten, nine of ten texts of a class reach 0.5, and one in thirty of others."""

LOGISTIC, LIKENESS, NEAREST, NEAREST_PLAIN = 0.1, 0.4, 0.4, 0.1
"""The weights of the logistic part, whose odds have a deviation of 1 among the examples; of the likeness to the mean of
a class; and of that to its nearest example, in the same directions, and without regard to them."""


class SentenceVectors:
    """Makes vectors of texts, of length one. Immutable; used by several threads at once."""

    __slots__ = ("_middle", "_network", "_numpy", "_shift", "_weights")

    def __init__(self, network: minilm.MiniLM, numpy: Any, arrays: Any) -> None:
        self._network = network
        self._numpy = numpy
        self._middle = arrays["middle"]
        self._weights = arrays["weights"].astype(numpy.float32) * arrays["units"]
        self._shift = arrays["shift"]

    def vector(self, text: str) -> Any:
        """Return the vector of a text."""
        found = (self._network.means(text) - self._middle) @ self._weights + self._shift
        return found / self._numpy.sqrt(found @ found)

    def meanings(self, classes: Sequence[Sequence[str]]) -> Callable[[str], Sequence[float]]:
        """Return what says how like the examples of each class a text is; see `examples.Meanings`.

        Several things tell it, which err in different texts: the likeness to the mean of a class, in which directions
        count less in which the examples of one class differ; that to its nearest example; a logistic model over all.
        """
        numpy = self._numpy
        vectors = numpy.array([self.vector(text) for texts in classes for text in texts])
        owners = numpy.repeat(numpy.arange(len(classes)), [len(texts) for texts in classes])
        means = numpy.array([vectors[owners == number].mean(axis=0) for number in range(len(classes))])
        axes = _axes(numpy, vectors - means[owners])
        own = _of_length_one(numpy, means @ axes)
        # Of a single example there is nothing to stand apart from.
        middle = vectors.mean(axis=0) * (len(vectors) > 1)
        first = numpy.flatnonzero(numpy.diff(owners, prepend=-1))
        scaled = _of_length_one(numpy, (vectors - middle) @ axes)
        centred = _of_length_one(numpy, vectors - middle)
        weights = _logistic(numpy, centred, owners, len(classes))
        deviation = (centred @ weights).std() or 1.0
        # Half the bytes: with 1,500 examples, it is memory that a product waits for.
        single = numpy.float32
        own, axes, scaled, centred, weights, middle = (
            each.astype(single) for each in (own, axes, scaled, centred, weights / deviation, middle)
        )

        def likeness(text: str) -> Sequence[float]:
            vector = self.vector(text).astype(single)
            like = own @ _of_length_one(numpy, vector @ axes)
            plain = _of_length_one(numpy, vector - middle)
            odds = plain @ weights
            nearest = numpy.maximum.reduceat(scaled @ _of_length_one(numpy, (vector - middle) @ axes), first)
            near = numpy.maximum.reduceat(centred @ plain, first)
            parts = LIKENESS * like + LOGISTIC * odds + NEAREST * nearest + NEAREST_PLAIN * near
            found: list[float] = parts.tolist()
            return found

        return likeness

    def __repr__(self) -> str:
        return "SentenceVectors()"


@cache
def loaded() -> SentenceVectors:
    """Return the vectors, which a process loads once. Raises DetectorError: what is missing."""
    network = minilm.loaded(*LAYERS)
    numpy: Any = import_module("numpy")
    data = pkgutil.get_data("extproc.signals.intent", FILE)
    if data is None or hashlib.sha256(data).hexdigest() != SHA256:
        raise DetectorError(f"the map {FILE} is not that of this version; install this package anew")
    return SentenceVectors(network, numpy, numpy.load(BytesIO(data), allow_pickle=False))


def by_sentences(classes: int) -> Meant:
    """Return what tells the meaning of so many classes. Raises DetectorError: the extra is missing."""
    return Meant(loaded().meanings, WEIGHT, STEEPNESS, EVEN + EVEN_EACH * math.log(classes))


def _axes(numpy: Any, apart: Any) -> Any:
    """Return the directions of vectors, scaled: the less, the more the examples of one class differ there."""
    spread = apart.T @ apart / len(apart)
    even = numpy.trace(spread) / len(spread) or 1.0  # of single examples: no spread at all
    values, axes = numpy.linalg.eigh((1 - SHRINKAGE) * spread + SHRINKAGE * even * numpy.eye(len(spread)))
    return axes * values**-0.5


def _logistic(numpy: Any, vectors: Any, owners: Any, classes: int) -> Any:
    """Return the weights of a logistic model over all classes, by accelerated descent."""
    wanted = numpy.eye(classes, dtype=vectors.dtype)[owners]
    weights = ahead = numpy.zeros((vectors.shape[1], classes), vectors.dtype)
    steepest = numpy.linalg.norm(vectors, 2) ** 2 / 2 + 1 / LOOSENESS
    pace = 1.0
    for _ in range(ROUNDS):
        odds = vectors @ ahead
        shares = numpy.exp(odds - odds.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        before, weights = weights, ahead - (vectors.T @ (shares - wanted) + ahead / LOOSENESS) / steepest
        faster = (1 + (1 + 4 * pace * pace) ** 0.5) / 2
        ahead = weights + (pace - 1) / faster * (weights - before)
        pace = faster
    return weights


def _of_length_one(numpy: Any, vectors: Any) -> Any:
    return vectors / numpy.linalg.norm(vectors, axis=-1, keepdims=True)
