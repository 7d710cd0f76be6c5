"""A number that a text is worth, by its words: a linear model, and the place of its sum among those of known texts."""

import math
import sys
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise, repeat
from typing import Final

import msgspec
from msgspec import Struct

from extproc.classify.linear import GRAMS_MAX, STEPS, ModelError, inflated, verified

RARITY_STEPS: Final = 16.0
"""Steps of a rarity for each unit: rarities are 1 to 10, and a byte holds them."""

NAME: Final = "extproc regression 1"
"""The first bytes of a model."""

_NO_GRAM: Final = (0.0, 0.0)


class LengthTerm(Struct, frozen=True):
    """The share that a text's length has in the sum: `weight` times the logarithm of its characters, less `mean`."""

    weight: float
    mean: float

    def of(self, characters: int) -> float:
        """Return the term for a text of that many characters."""
        return self.weight * (math.log1p(characters) - self.mean)


class RegressionWeights(Struct, frozen=True):
    """A model as it is written: gram after gram, a line each, with weights in steps of `unit` and rarities in bytes.

    `places`: the sums that equal shares of known texts stay below, from the lowest to the highest.
    """

    name: str
    grams: str
    weights: bytes
    unit: float
    rarities: bytes
    length: LengthTerm
    intercept: float
    places: tuple[float, ...]


class RegressionModel:
    """Places texts by their grams. Immutable; used by several threads at once."""

    __slots__ = ("_get", "_intercept", "_length", "_places", "grams")

    def __init__(self, written: RegressionWeights) -> None:
        names = written.grams.split("\n")
        steps = array("h")
        if len(written.weights) % steps.itemsize == 0:
            steps.frombytes(written.weights)
        if sys.byteorder == "big":
            steps.byteswap()
        places = written.places
        if (
            written.name != NAME
            or not len(names) == len(steps) == len(written.rarities) <= GRAMS_MAX
            or len(places) < 2
            or any(one > other for one, other in pairwise(places))
        ):
            raise ModelError("the file of the model is not what its format says")
        rare = [each / RARITY_STEPS for each in written.rarities]
        # For each gram its share of the sum, and of the square of the text's length.
        self.grams: Mapping[str, tuple[float, float]] = {
            name: (step * written.unit * each, each * each) for name, step, each in zip(names, steps, rare, strict=True)
        }
        self._get = self.grams.get
        self._length, self._intercept, self._places = written.length, written.intercept, places

    @classmethod
    def load(cls, data: bytes, sha256: str) -> "RegressionModel":
        """Return the model in the bytes of a file. Raises ModelError."""
        try:
            return cls(msgspec.json.decode(inflated(verified(data, sha256)), type=RegressionWeights))
        except msgspec.DecodeError:
            raise ModelError("the file of the model cannot be read") from None

    def sum(self, found: Collection[str], characters: int) -> float:
        """Return the sum for a text of these grams and that many characters. Grams that are not known say nothing."""
        total = square = 0.0
        for weight, of_length in map(self._get, found, repeat(_NO_GRAM)):
            total += weight
            square += of_length
        words = total / math.sqrt(square) if square else 0.0
        return words + self._length.of(characters) + self._intercept

    def place(self, found: Collection[str], characters: int) -> float:
        """Return the share of known texts, from 0 to 1, whose sum is below that of this one."""
        total, places = self.sum(found, characters), self._places
        last = len(places) - 1
        after = bisect_right(places, total)
        if after == 0 or after > last:
            return 0.0 if after == 0 else 1.0
        low, high = places[after - 1], places[after]
        return (after - 1 + (total - low) / (high - low)) / last

    def __repr__(self) -> str:
        return f"RegressionModel({len(self.grams)} grams)"


def dump(
    weights: Mapping[str, tuple[float, float]], length: LengthTerm, intercept: float, places: Sequence[float]
) -> bytes:
    """Return a model as bytes. `weights`: for each gram its weight and its rarity."""
    unit = max((abs(weight) for weight, _ in weights.values()), default=1.0) / STEPS
    kept = {gram: (step, each) for gram, (weight, each) in sorted(weights.items()) if (step := round(weight / unit))}
    packed = array("h", (step for step, _ in kept.values()))
    if sys.byteorder == "big":
        packed.byteswap()
    rare = bytes(min(255, round(each * RARITY_STEPS)) for _, each in kept.values())
    written = RegressionWeights(
        NAME, "\n".join(kept), packed.tobytes(), unit, rare, length, intercept, tuple(round(each, 5) for each in places)
    )
    return zlib.compress(msgspec.json.encode(written), 9)
