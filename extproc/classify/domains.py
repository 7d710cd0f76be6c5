"""Fields of knowledge told by the words of a text: linear models over shared grams, as plain data."""

import math
import zlib
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from extproc.classify.examples import ClassScore
from extproc.classify.linear import GRAMS_MAX, ModelError, inflated, logistic, verified

RARITY_STEPS: Final = 16.0
"""Steps of a rarity for each unit."""

STEPS: Final = 127
"""Steps from 0 to the largest weight, in a byte with a sign."""

STEEPNESS, EVEN = 10.0, 0.3
"""The scale that makes a score of the sum for a domain, which is about 1 for texts of it and 0 for others."""

NAME: Final = "extproc domains 1"


class WrittenDomains(Struct, frozen=True):
    """A model as it is written: gram after gram, a line each, a byte of rarity and one of weight for each domain."""

    name: str
    domains: tuple[str, ...]
    grams: str
    rarities: bytes
    weights: bytes
    unit: float
    intercepts: tuple[float, ...]


class DomainModel:
    """Tells the domain of a text. Immutable; used by several threads at once."""

    __slots__ = ("_get", "_intercepts", "grams", "names")

    def __init__(self, written: WrittenDomains) -> None:
        grams, width = written.grams.split("\n"), len(written.domains)
        sized = len(grams) == len(written.rarities) <= GRAMS_MAX and len(written.weights) == len(grams) * width
        if written.name != NAME or not sized or not 0 < width == len(written.intercepts):
            raise ModelError("the file of the domains is not what its format says")
        self.names: Sequence[str] = written.domains
        steps = memoryview(written.weights).cast("b").tolist()
        self.grams: Mapping[str, tuple[float, list[float]]] = {
            gram: _scaled(rarity / RARITY_STEPS, steps[number * width : (number + 1) * width], written.unit)
            for number, (gram, rarity) in enumerate(zip(grams, written.rarities, strict=True))
        }
        self._get = self.grams.get
        self._intercepts = written.intercepts

    @classmethod
    def load(cls, data: bytes, sha256: str) -> "DomainModel":
        """Return the model in the bytes of a file. Raises ModelError."""
        try:
            return cls(msgspec.json.decode(inflated(verified(data, sha256)), type=WrittenDomains))
        except msgspec.DecodeError:
            raise ModelError("the file of the domains cannot be read") from None

    def best(self, found: Collection[str]) -> ClassScore:
        """Return the domain that a text of these grams is nearest to, and how sure that is."""
        rows = [row for row in map(self._get, found) if row is not None]
        if not rows:
            return ClassScore(self.names[0], 0.0)
        length = math.sqrt(sum(square for square, _ in rows))
        sums = [sum(each) / length for each in zip(*(weights for _, weights in rows), strict=True)]
        odds = [one + other for one, other in zip(sums, self._intercepts, strict=True)]
        nearest = max(range(len(odds)), key=odds.__getitem__)
        return ClassScore(self.names[nearest], logistic(STEEPNESS * (odds[nearest] - EVEN)))

    def __repr__(self) -> str:
        return f"DomainModel({', '.join(self.names)})"


def _scaled(rarity: float, steps: Sequence[int], unit: float) -> tuple[float, list[float]]:
    """The square of a gram's share of a text's length, and its share of the sum for each domain."""
    return rarity * rarity, [rarity * unit * each for each in steps]


def dump(
    domains: Sequence[str], weights: Mapping[str, tuple[float, Sequence[float]]], intercepts: Sequence[float]
) -> bytes:
    """Return a model as bytes. `weights`: for each gram its rarity, and its weight for each domain."""
    unit = max((abs(each) for _, of in weights.values() for each in of), default=1.0) / STEPS
    steps = [round(each / unit) for _, of in weights.values() for each in of]
    written = WrittenDomains(
        NAME,
        tuple(domains),
        "\n".join(weights),
        bytes(min(255, round(rarity * RARITY_STEPS)) for rarity, _ in weights.values()),
        bytes(each % 256 for each in steps),
        unit,
        tuple(intercepts),
    )
    return zlib.compress(msgspec.json.encode(written), 9)
