"""Ridge regression over sets of grams, without a library: what fits in seconds needs none."""

import math
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from operator import mul
from typing import Final, TypeAlias

from msgspec import Struct

ITERATIONS: Final = 40
"""Steps of conjugate gradients at most; with rows of length one and a penalty of 10, 20 are enough."""

CLOSE: Final = 1e-3
"""The share of the first residual at which the solution is close enough: no score changes by a hundredth."""

CONSTANT: Final = 3.0
"""The value of the feature that stands for the intercept: large, so that it is hardly penalised."""


Linear: TypeAlias = Callable[[Sequence[float]], list[float]]
"""A linear function of a vector."""


class Rows(Struct, frozen=True):
    """Texts as rows of numbers of grams. A gram counts by its rarity, and a row has the length one.

    `extra`: further features of each row, as they are.
    """

    grams: Sequence[str]
    rarities: Sequence[float]
    rows: Sequence[Sequence[int]]
    scales: Sequence[float]
    extra: Sequence[Sequence[float]]

    @property
    def columns(self) -> list[list[int]]:
        """The numbers of the rows that have each gram."""
        found: list[list[int]] = [[] for _ in self.grams]
        for number, row in enumerate(self.rows):
            for gram in row:
                found[gram].append(number)
        return found


class RidgeFit(Struct, frozen=True):
    """The weights of the grams and of the extra features, and the intercept."""

    grams: Sequence[float]
    extra: Sequence[float]
    intercept: float


def rarities(found: Sequence[Collection[str]], least: int) -> dict[str, float]:
    """Return how rare each gram is that stands in `least` texts or more."""
    counts = Counter(gram for grams in found for gram in grams)
    return {gram: math.log(len(found) / count) + 1 for gram, count in sorted(counts.items()) if count >= least}


def rows_of(found: Sequence[Collection[str]], known: dict[str, float], extra: Sequence[Sequence[float]]) -> Rows:
    """Return texts as rows of the grams that are known."""
    numbers = {gram: number for number, gram in enumerate(known)}
    values = list(known.values())
    rows = [sorted(numbers[gram] for gram in grams if gram in numbers) for grams in found]
    lengths = [math.sqrt(sum(values[gram] ** 2 for gram in row)) for row in rows]
    return Rows(list(known), values, rows, [1 / each if each else 0.0 for each in lengths], extra)


def fit(rows: Rows, wanted: Sequence[float], weights: Sequence[float], penalty: float) -> RidgeFit:
    """Return the weights that come nearest to what is wanted, by conjugate gradients on the normal equations."""
    columns, grams = rows.columns, len(rows.grams)
    wide = [[*each, CONSTANT] for each in rows.extra]
    flat = [list(each) for each in zip(*wide, strict=True)]

    def forth(vector: Sequence[float]) -> list[float]:
        scaled = list(map(mul, vector, rows.rarities))  # as long as there are grams
        last = vector[grams:]
        return [
            scale * sum(map(scaled.__getitem__, row)) + sum(map(mul, more, last))
            for row, scale, more in zip(rows.rows, rows.scales, wide, strict=True)
        ]

    def back(vector: Sequence[float]) -> list[float]:
        weighed = list(map(mul, vector, weights))
        scaled = list(map(mul, weighed, rows.scales))
        found = [rare * sum(map(scaled.__getitem__, of)) for of, rare in zip(columns, rows.rarities, strict=True)]
        return found + [sum(map(mul, weighed, each)) for each in flat]

    solution = _solved(forth, back, back(wanted), penalty)
    return RidgeFit(solution[:grams], solution[grams:-1], solution[-1] * CONSTANT)


def _solved(forth: Linear, back: Linear, target: list[float], penalty: float) -> list[float]:
    solution = [0.0] * len(target)
    residual, direction = target, target
    first = before = sum(map(mul, residual, residual))
    for _ in range(ITERATIONS):
        image = [one + penalty * each for one, each in zip(back(forth(direction)), direction, strict=True)]
        step = before / sum(map(mul, direction, image))
        solution = [one + step * each for one, each in zip(solution, direction, strict=True)]
        residual = [one - step * each for one, each in zip(residual, image, strict=True)]
        now = sum(map(mul, residual, residual))
        if now <= CLOSE**2 * first:
            break
        direction = [one + now / before * each for one, each in zip(residual, direction, strict=True)]
        before = now
    return solution


def predicted(model: RidgeFit, rows: Rows) -> list[float]:
    """Return what a model says of each row."""
    scaled = list(map(mul, model.grams, rows.rarities))
    return [
        scale * sum(map(scaled.__getitem__, row)) + sum(map(mul, more, model.extra)) + model.intercept
        for row, scale, more in zip(rows.rows, rows.scales, rows.extra, strict=True)
    ]
