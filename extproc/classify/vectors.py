"""Vectors of words: words that mean alike have vectors alike. Plain data, in steps of four bits, and no library."""

import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from operator import mul
from typing import Final

import msgspec
from msgspec import Struct

from extproc.classify.examples import split
from extproc.classify.linear import ModelError, inflated, verified

MIDDLE: Final = 8
"""The step that stands for 0: steps are 1 to 15."""

NAME: Final = "extproc word vectors 1"

_HEX: Final = bytes.maketrans(b"0123456789abcdef", bytes(range(16)))


class WrittenVectors(Struct, frozen=True):
    """A table as it is written: word after word, a line each, and `dimensions` half bytes for each."""

    name: str
    words: str
    dimensions: int
    steps: bytes


class WordVectors:
    """Compares texts by the vectors of their words. Immutable; used by several threads at once."""

    __slots__ = ("_dimensions", "_get", "known")

    def __init__(self, written: WrittenVectors) -> None:
        words, size = written.words.split("\n"), written.dimensions
        if written.name != NAME or size < 2 or size % 2 or len(written.steps) * 2 != len(words) * size:
            raise ModelError("the file of the vectors is not what its format says")
        steps = written.steps.hex().encode().translate(_HEX)
        self.known: Mapping[str, bytes] = {
            word: steps[number * size : (number + 1) * size] for number, word in enumerate(words)
        }
        self._get = self.known.get
        self._dimensions = size

    @classmethod
    def load(cls, data: bytes, sha256: str) -> "WordVectors":
        """Return the table in the bytes of a file. Raises ModelError."""
        try:
            return cls(msgspec.json.decode(inflated(verified(data, sha256)), type=WrittenVectors))
        except msgspec.DecodeError:
            raise ModelError("the file of the vectors cannot be read") from None

    def vector(self, words: Sequence[str]) -> list[float]:
        """Return the sum of the vectors of words, of length one; all 0 if none is known."""
        rows = [row for row in map(self._get, words) if row is not None]
        if not rows:
            return [0.0] * self._dimensions
        return of_length_one([each - MIDDLE * len(rows) for each in map(sum, zip(*rows, strict=True))])

    def meanings(self, classes: Sequence[Sequence[str]]) -> Callable[[str], Sequence[float]]:
        """Return what says how like the mean of the examples of each class a text is; see `examples.Meanings`."""
        means = []
        for texts in classes:
            vectors = [self.vector(split(text)) for text in texts]
            means.append(of_length_one([sum(each) for each in zip(*vectors, strict=True)]))

        def likeness(text: str) -> list[float]:
            vector = self.vector(split(text))
            return [sum(map(mul, mean, vector)) for mean in means]

        return likeness

    def __repr__(self) -> str:
        return f"WordVectors({len(self.known)} words)"


def of_length_one(vector: Sequence[float]) -> list[float]:
    """Return a vector in its direction, of length one; itself if it has none."""
    length = math.sqrt(sum(map(mul, vector, vector)))
    return [each / length for each in vector] if length else list(vector)


def dump(vectors: Mapping[str, Sequence[int]]) -> bytes:
    """Return a table as bytes. `vectors`: for each word its steps, from -7 to 7."""
    sizes = {len(steps) for steps in vectors.values()}
    if len(sizes) != 1:
        raise ModelError("all vectors of a table have the same dimensions")
    digits = "".join(f"{step + MIDDLE:x}" for steps in vectors.values() for step in steps)
    written = WrittenVectors(NAME, "\n".join(vectors), sizes.pop(), bytes.fromhex(digits))
    return zlib.compress(msgspec.json.encode(written), 9)
