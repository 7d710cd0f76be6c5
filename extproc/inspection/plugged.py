"""Detectors of plug-ins and of guards from elsewhere, made for the processors of a policy."""

from collections.abc import Mapping
from typing import Final

from extproc.detectors import registry
from extproc.detectors.contract import Detector, DetectorError, RemoteDetector, RuleDetector, ScoredDetector
from extproc.detectors.guards import made_guard
from extproc.policy import PlacedStep, Unusable, UnusableError
from extproc.policy.guards import Guard
from extproc.policy.processors import USES, Maskable

_MEND: Final = "see what the plug-in says of its options"


def detector_of(placed: PlacedStep, read: Mapping[str, bytes]) -> Detector | None:
    """Return the detector of a guard or of a plug-in's processor; None for rules and limits. Raises UnusableError."""
    step = placed.step
    if isinstance(step, Guard):
        return made_guard(placed, step, read)
    if step.use in USES:
        return None
    kind = registry.current().named(step.use)
    if kind is None:
        raise _unusable(placed, "use", f"no detector {step.use} is installed here", "install the plug-in that has it")
    try:
        made: object = kind.make(step)
    except DetectorError as error:
        raise _unusable(placed, "use", str(error), _MEND) from None
    except Exception as error:  # it is a plug-in's, and must not end the program
        raise _unusable(placed, "use", f"{type(error).__name__} while {step.use} was made", _MEND) from error
    if not isinstance(made, RuleDetector | ScoredDetector | RemoteDetector):
        raise _unusable(placed, "use", f"{step.use} made no detector", "this is the plug-in's mistake; tell its author")
    if not isinstance(made, RuleDetector) and isinstance(step, Maskable) and (step.allow.values or step.allow.patterns):
        raise _unusable(placed, "allow", "only findings of rules can be allowed", "delete `allow`")
    return made


def _unusable(placed: PlacedStep, field: str, message: str, mend: str) -> UnusableError:
    return UnusableError([Unusable((*placed.where, field), message, mend)])
