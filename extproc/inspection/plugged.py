"""Detectors that are no rules of this program: built in, guards from elsewhere, and those of plug-ins."""

from collections.abc import Mapping
from typing import Final

from extproc.detectors import registry
from extproc.detectors.contract import (
    Detector,
    DetectorError,
    JudgingDetector,
    RemoteDetector,
    RuleDetector,
    ScoredDetector,
)
from extproc.detectors.guards import made_guard
from extproc.detectors.injection import INJECTION
from extproc.detectors.language import LANGUAGE
from extproc.detectors.leaked_prompt import LEAKED_PROMPT
from extproc.detectors.registry import DetectorKind
from extproc.detectors.topics import TOPICS
from extproc.policy import PlacedStep, Unusable, UnusableError
from extproc.policy.guards import Guard
from extproc.policy.processors import USES, Maskable

BUILT_IN: Final[Mapping[str, DetectorKind]] = {each.use: each for each in (INJECTION, LANGUAGE, LEAKED_PROMPT, TOPICS)}
"""The detectors of this program that are no rules, by their words of `use`."""

_MEND_BUILT_IN: Final = "or delete this processor"
_MEND: Final = "see what the plug-in says of its options"


def detector_of(placed: PlacedStep, read: Mapping[str, bytes]) -> Detector | None:
    """Return the detector of a processor; None for rules of this program and for limits. Raises UnusableError."""
    step = placed.step
    if isinstance(step, Guard):
        return made_guard(placed, step, read)
    built_in = BUILT_IN.get(step.use)
    if built_in is None and step.use in USES:
        return None
    kind = built_in or registry.current().named(step.use)
    if kind is None:
        raise _unusable(placed, "use", f"no detector {step.use} is installed here", "install the plug-in that has it")
    try:
        made: object = kind.make(step)
    except DetectorError as error:
        mend = _MEND if built_in is None else _MEND_BUILT_IN
        raise _unusable(placed, "use", str(error), mend) from None
    except Exception as error:  # it is a plug-in's, and must not end the program
        raise _unusable(placed, "use", f"{type(error).__name__} while {step.use} was made", _MEND) from error
    if not isinstance(made, RuleDetector | ScoredDetector | JudgingDetector | RemoteDetector):
        raise _unusable(placed, "use", f"{step.use} made no detector", "this is the plug-in's mistake; tell its author")
    if not isinstance(made, RuleDetector) and isinstance(step, Maskable) and (step.allow.values or step.allow.patterns):
        raise _unusable(placed, "allow", "only findings of rules can be allowed", "delete `allow`")
    return made


def _unusable(placed: PlacedStep, field: str, message: str, mend: str) -> UnusableError:
    return UnusableError([Unusable((*placed.where, field), message, mend)])
