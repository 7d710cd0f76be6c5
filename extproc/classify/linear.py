"""A linear model over the words and pairs of words of a text: plain data, checked when it is loaded."""

import hashlib
import math
import sys
import zlib
from array import array
from collections.abc import Collection, Mapping
from itertools import repeat
from typing import Final

import msgspec
from msgspec import Struct

SIZE_MAX: Final = 8 * 1024 * 1024
"""Bytes of a model once it is inflated: ten times what one of 60,000 grams has."""

GRAMS_MAX: Final = 200_000
"""Grams of a model. Each takes about 150 bytes of memory."""

STEPS: Final = 2_000
"""Steps from 0 to the largest weight: finer ones change no score by a hundredth."""

NAME: Final = "extproc linear model 1"
"""The first bytes of a model."""


class ModelError(ValueError):
    """Raised for a model that cannot be used. The message is for the operator."""


class LinearWeights(Struct, frozen=True):
    """A model as it is written: gram after gram, a line each, and their weights in steps of `unit`.

    `slope` and `offset` turn the sum into log-odds.
    """

    name: str
    grams: str
    weights: bytes
    unit: float
    slope: float
    offset: float


class LinearModel:
    """Scores texts by their words. Immutable; used by several threads at once."""

    __slots__ = ("_get", "_offset", "_slope", "weights")

    def __init__(self, weights: Mapping[str, float], slope: float = 1.0, offset: float = 0.0) -> None:
        self.weights = weights
        self._get = weights.get
        self._slope = slope
        self._offset = offset

    @classmethod
    def load(cls, data: bytes, sha256: str) -> "LinearModel":
        """Return the model in the bytes of a file. Raises ModelError."""
        written = _decoded(verified(data, sha256))
        names = written.grams.split("\n")
        steps = array("h")
        if len(written.weights) % steps.itemsize == 0:
            steps.frombytes(written.weights)
        if sys.byteorder == "big":
            steps.byteswap()
        if len(names) != len(steps) or len(names) > GRAMS_MAX or written.name != NAME:
            raise ModelError("the file of the model is not what its format says")
        unit = written.unit
        return cls({name: step * unit for name, step in zip(names, steps, strict=True)}, written.slope, written.offset)

    def score(self, found: Collection[str]) -> float:
        """Return how sure the model is that a text of these grams is of its class, from 0 to 1.

        The text's length says nothing.
        """
        if not found:
            return 0.0
        total = sum(map(self._get, found, repeat(0.0))) / math.sqrt(len(found))
        return logistic(self._slope * total + self._offset)

    def __repr__(self) -> str:
        return f"LinearModel({len(self.weights)} grams)"


def logistic(odds: float) -> float:
    """Return the probability of log-odds."""
    return 1 / (1 + math.exp(-odds)) if odds > -700 else 0.0  # below, `exp` overflows


def dump(weights: Mapping[str, float], slope: float, offset: float) -> bytes:
    """Return a model as bytes: weights in steps of a fraction of the largest, those of no step left out."""
    unit = max(map(abs, weights.values()), default=1.0) / STEPS
    steps = {gram: step for gram, weight in sorted(weights.items()) if (step := round(weight / unit))}
    if len(steps) > GRAMS_MAX:
        raise ModelError(f"a model has at most {GRAMS_MAX} grams")
    packed = array("h", steps.values())
    if sys.byteorder == "big":
        packed.byteswap()
    written = LinearWeights(NAME, "\n".join(steps), packed.tobytes(), unit, slope, offset)
    return zlib.compress(msgspec.json.encode(written), 9)


def verified(data: bytes, sha256: str) -> bytes:
    """Return the bytes of a file if they are those that are expected. Raises ModelError."""
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ModelError("the file of the model is not the one that this version was built with")
    return data


def inflated(data: bytes) -> bytes:
    """Return the bytes of a compressed model. Raises ModelError."""
    try:
        inflating = zlib.decompressobj()
        plain = inflating.decompress(data, SIZE_MAX)
    except zlib.error:
        raise ModelError("the file of the model cannot be read") from None
    if not inflating.eof and not inflating.unconsumed_tail:
        raise ModelError("the file of the model cannot be read")
    if inflating.unconsumed_tail:
        raise ModelError("the file of the model is too large")
    return plain


def _decoded(data: bytes) -> LinearWeights:
    try:
        return msgspec.json.decode(inflated(data), type=LinearWeights)
    except msgspec.DecodeError:
        raise ModelError("the file of the model cannot be read") from None
