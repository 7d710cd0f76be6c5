"""A signal: what the policy's checker knows of it, and the function that computes it."""

from collections.abc import Callable
from typing import Any

from extproc.policy import Policy
from extproc.policy.signals import SCALARS, SignalDeclaration
from extproc.signals.view import RequestView


class Signal(SignalDeclaration, frozen=True, kw_only=True):
    """A declared signal with its `compute`, which gives the value, or None where it cannot be determined.

    `compute` is called at most once per exchange, only if the policy reads the signal. One of the cost `headers` runs
    between two messages and has to take microseconds; one of another cost may run in any thread, one of the cost `slow`
    never between two messages. If it raises, or
    gives a value of another type, the signal cannot be determined. `bind` is called when a policy is compiled that
    reads the signal: it loads what the signal needs, and returns the function that computes it for that policy. What it
    raises as a DetectorError is told to the operator.
    """

    compute: Callable[[RequestView], Any]
    bind: Callable[[Policy], Callable[[RequestView], Any]] | None = None

    @classmethod
    def of(
        cls,
        declared: SignalDeclaration,
        compute: Callable[[RequestView], Any],
        bind: Callable[[Policy], Callable[[RequestView], Any]] | None = None,
    ) -> "Signal":
        """Return the signal that a declaration is of."""
        return cls(
            declared.name,
            declared.type,
            declared.trial,
            declared.description,
            declared.cost,
            declared.headers,
            declared.least,
            declared.fields,
            compute=compute,
            bind=bind,
        )

    def bound(self, policy: Policy) -> "Signal":
        """Return the signal as a policy has it. Raises DetectorError."""
        return self if self.bind is None else self.of(self, self.bind(policy))

    def value(self, view: RequestView) -> Any:
        """Return the value for a request, or None. Raises nothing."""
        try:
            value = self.compute(view)
        except Exception:  # noqa: BLE001  - it may be a plug-in's, and what it raises may quote the client
            return None
        expected = SCALARS.get(self.type)
        return value if expected is None or type(value) is expected else None
