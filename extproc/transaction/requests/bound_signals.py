"""The signals that a policy reads, made ready for it where it is compiled."""

from collections.abc import Iterator

from extproc.detectors.contract import DetectorError
from extproc.policy import Policy, Unusable
from extproc.policy.base import Loc
from extproc.policy.parts import conditions_of
from extproc.signals.registry import SignalRegistry
from extproc.signals.signal import Signal


def bound(policy: Policy, signals: SignalRegistry) -> tuple[SignalRegistry, list[Unusable]]:
    """Return the signals as a policy has them, and those that cannot be used here: missing ones, or without their data.

    Only those that it reads load what they need.
    """
    ready: dict[str, Signal] = {}
    wrong: list[Unusable] = []
    for where, name in _read(policy):
        if name not in signals:
            wrong.append(Unusable(where, f"no signal {name} is installed here", "install the plug-in that has it"))
        elif name not in ready:
            try:
                ready[name] = signals[name].bound(policy)
            except DetectorError as error:
                message, _, mend = str(error).partition("; ")
                wrong.append(Unusable(where, f"the signal {name} cannot be computed: {message}", mend))
    return signals.with_bound(ready.values()), wrong


def _read(policy: Policy) -> Iterator[tuple[Loc, str]]:
    """Yield the signals that a policy reads, each with its place."""
    yield from ((("recorded_signals",), name) for name in policy.recorded_signals)
    for where, when in conditions_of(policy):
        yield from ((where, name) for name in sorted(when.signals))
