"""Prompt injection: rules for phrases, and a linear model for all else, over what a text says and what it hides."""

from typing import Final

from extproc.detectors.contract import JudgingDetector
from extproc.detectors.injection import minilm, weights
from extproc.detectors.injection.detector import InjectionThresholds, injection
from extproc.detectors.registry import DetectorKind
from extproc.policy.judges import Injection

__all__ = ["INJECTION", "injection_of"]


def injection_of(options: Injection) -> JudgingDetector:
    """Return the detector with the options of a processor. Raises DetectorError if its model cannot be used."""
    thresholds = InjectionThresholds(options.threshold, options.documents.threshold)
    second = minilm.loaded() if options.scorer == "minilm" else None
    return injection(weights.model(), thresholds, frozenset(options.kinds), second)


INJECTION: Final = DetectorKind("injection", Injection, injection_of)
