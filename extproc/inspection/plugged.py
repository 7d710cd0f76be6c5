"""Detectors that are no rules of this program, made for the processors of a policy: built in, or a plug-in's."""

from collections.abc import Mapping
from typing import Final

from extproc.detectors.built_in import BUILT_IN, kind_of
from extproc.detectors.contract import DetectorError, JudgingDetector, RemoteDetector, RuleDetector, ScoredDetector
from extproc.detectors.guards import made_guard
from extproc.detectors.replies import Detector, ReplyDetector
from extproc.policy import PlacedStep, Unusable, UnusableError
from extproc.policy.guards import Guard
from extproc.policy.processors import USES, Maskable, SizeLimit
from extproc.protocol.messages import Side

_MEND_BUILT_IN: Final = "or delete this processor"
_MEND: Final = "see what the plug-in says of its options"


def detector_of(placed: PlacedStep, read: Mapping[str, bytes]) -> Detector | None:
    """Return the detector of a processor; None for rules of this program and for limits. Raises UnusableError."""
    step = placed.step
    if isinstance(step, Guard):
        return made_guard(placed, step, read)
    if isinstance(step, Maskable | SizeLimit) and step.use in USES:
        return None
    kind = kind_of(step.use)
    if kind is None:
        raise _unusable(placed, "use", f"no detector {step.use} is installed here", "install the plug-in that has it")
    try:
        made: object = kind.make(step)
    except DetectorError as error:
        mend = _MEND_BUILT_IN if step.use in BUILT_IN else _MEND
        raise _unusable(placed, "use", str(error), mend) from None
    except Exception as error:  # it is a plug-in's, and must not end the program
        raise _unusable(placed, "use", f"{type(error).__name__} while {step.use} was made", _MEND) from error
    if not isinstance(made, RuleDetector | ScoredDetector | JudgingDetector | RemoteDetector | ReplyDetector):
        raise _unusable(placed, "use", f"{step.use} made no detector", "this is the plug-in's mistake; tell its author")
    if not isinstance(made, RuleDetector) and isinstance(step, Maskable) and (step.allow.values or step.allow.patterns):
        raise _unusable(placed, "allow", "only findings of rules can be allowed", "delete `allow`")
    if isinstance(made, ReplyDetector) and placed.side != Side.RESPONSE.value:
        raise _unusable(placed, "use", f"{step.use} judges replies", "move it to `response`")
    return made


def _unusable(placed: PlacedStep, field: str, message: str, mend: str) -> UnusableError:
    return UnusableError([Unusable((*placed.where, field), message, mend)])
