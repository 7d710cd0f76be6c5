"""The detectors: what they look for, as data for the rule engine; and the contract of those that plug-ins bring."""

from extproc.detectors.contract import (
    Conversation,
    Detection,
    Detector,
    DetectorError,
    JudgingDetector,
    RemoteDetector,
    RuleDetector,
    ScoredDetector,
    Statement,
    WindowScore,
)
from extproc.detectors.registry import (
    DetectorKind,
    DetectorOptions,
    DetectorRegistrationError,
    MaskableOptions,
    current,
    register,
    registered,
)

__all__ = [
    "Conversation",
    "Detection",
    "Detector",
    "DetectorError",
    "DetectorKind",
    "DetectorOptions",
    "DetectorRegistrationError",
    "JudgingDetector",
    "MaskableOptions",
    "RemoteDetector",
    "RuleDetector",
    "ScoredDetector",
    "Statement",
    "WindowScore",
    "current",
    "register",
    "registered",
]
