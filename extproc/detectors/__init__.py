"""The detectors: what they look for, as data for the rule engine; and the contract of those that plug-ins bring."""

from extproc.detectors.contract import (
    Conversation,
    Detection,
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
    WindowedOptions,
    current,
    register,
    registered,
)
from extproc.detectors.replies import (
    Detector,
    Follower,
    Noticed,
    PatientFollower,
    ReplyDetector,
    ReplyFinding,
    Undecided,
)

__all__ = [
    "Conversation",
    "Detection",
    "Detector",
    "DetectorError",
    "DetectorKind",
    "DetectorOptions",
    "DetectorRegistrationError",
    "Follower",
    "JudgingDetector",
    "MaskableOptions",
    "Noticed",
    "PatientFollower",
    "RemoteDetector",
    "ReplyDetector",
    "ReplyFinding",
    "RuleDetector",
    "ScoredDetector",
    "Statement",
    "Undecided",
    "WindowScore",
    "WindowedOptions",
    "current",
    "register",
    "registered",
]
