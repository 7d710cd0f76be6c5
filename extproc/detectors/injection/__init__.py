"""Prompt injection: rules for phrases, and a linear model for all else, over what a text says and what it hides."""

from functools import cache
from typing import Final

from extproc.classify.linear import LinearModel
from extproc.detectors.contract import JudgingDetector
from extproc.detectors.injection.detector import InjectionThresholds, injection
from extproc.detectors.injection.joined import joined
from extproc.detectors.registry import built_in
from extproc.detectors.shipped import shipped
from extproc.policy.judges import Injection

__all__ = ["INJECTION", "injection_of", "model"]

FILE: Final = "weights.bin"
"""The learned scorer that ships with the package. `python -m scripts.train.injection` writes it."""

SHA256: Final = "297cc698b8ebd941001384f260ac571e7d03f1dc47259d36d1f922129ba5cfee"
"""The digest of the file: another one is somebody else's."""


@cache
def model() -> LinearModel:
    """Return the model. Raises DetectorError if it is missing or is another one."""
    return shipped("extproc.detectors.injection", FILE, SHA256, LinearModel.load)


def injection_of(options: Injection) -> JudgingDetector:
    """Return the detector with the options of a processor. Raises DetectorError if its model cannot be used."""
    thresholds = InjectionThresholds(options.threshold, options.documents.threshold)
    second = joined() if options.scorer == "minilm" else None
    return injection(model(), thresholds, frozenset(options.kinds), second)


INJECTION: Final = built_in(Injection, injection_of)
