"""Classes told by the meaning of their examples: vectors of MiniLM, of the extra `models`."""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Final

from extproc.detectors import minilm

SHRINKAGE: Final = 0.8
"""The share in which the spread of examples around the mean of their class counts as the same in all directions. A few
examples do not tell it for each; of 0.1 to 0.8, this told texts of no class best, with three classes and with 150."""


def meanings(classes: Sequence[Sequence[str]]) -> Callable[[str], Sequence[float]]:
    """Return what says how like the examples of each class a text is, from -1 to 1, in the order of the classes.

    Raises DetectorError: the extra is missing.
    """
    network = minilm.loaded(minilm.MEANING)
    numpy: Any = import_module("numpy")
    vectors = [numpy.array([network.vector(text) for text in texts]) for texts in classes]
    means = [each.mean(axis=0) for each in vectors]
    # Directions in which texts of one class differ count less: these say nothing of the class.
    apart = numpy.concatenate([each - mean for each, mean in zip(vectors, means, strict=True)])
    spread = apart.T @ apart / len(apart)
    even = numpy.trace(spread) / len(spread) or 1.0  # of single examples: no spread at all
    values, axes = numpy.linalg.eigh((1 - SHRINKAGE) * spread + SHRINKAGE * even * numpy.eye(len(spread)))
    scaled = axes * values**-0.5
    own = _of_length_one(numpy, numpy.array(means) @ scaled)

    def likeness(text: str) -> Sequence[float]:
        found: list[float] = (own @ _of_length_one(numpy, network.vector(text) @ scaled)).tolist()
        return found

    return likeness


def _of_length_one(numpy: Any, vectors: Any) -> Any:
    return vectors / numpy.linalg.norm(vectors, axis=-1, keepdims=True)
