"""The built-in domains: fields of knowledge, told by a learned model that ships with the package."""

from collections.abc import Callable
from functools import cache
from typing import Final

from extproc.classify.domains import DomainModel
from extproc.classify.examples import ClassScore
from extproc.classify.words import grams
from extproc.detectors.shipped import shipped

FILE: Final = "domains.bin"
SHA256: Final = "76a55f26374bc88fffdd41323a77d9c108b7d89e5767889a63a78404f6733af2"
"""The digest of the file."""


@cache
def domains() -> DomainModel:
    """Return the model. Raises DetectorError if it is missing or is another one."""
    return shipped("extproc.signals.intent", FILE, SHA256, DomainModel.load)


def judge() -> Callable[[list[str], str], ClassScore]:
    """Return what tells the domain of a text by its words. Raises DetectorError."""
    model = domains()
    return lambda words, _: model.best(grams(words))
