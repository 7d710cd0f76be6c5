"""Meanings of sentences, of the extra `models`."""

from extproc.classify.examples import Meant
from extproc.detectors import minilm
from extproc.detectors.meanings import meanings


def loaded() -> minilm.MiniLM:
    """Return the model. Raises DetectorError: the extra is missing."""
    return minilm.loaded(minilm.MEANING)


def meant() -> Meant:
    """Return what tells meanings. Raises DetectorError: the extra is missing."""
    loaded()
    return Meant(meanings, weight=2.0, steepness=8.0, even=1.85)
