"""Notes on comparisons with values that a signal never has, so that a condition is always true or never."""

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from extproc.policy.base import Loc, listed, meant
from extproc.policy.intents import NONE
from extproc.policy.model import Policy
from extproc.policy.parts import conditions_of
from extproc.policy.residency import named_limits
from extproc.policy.signals import BACKEND_STATE, DIFFICULTY, INTENT, TENANT, TENANT_ATTRIBUTES, TIME

_RANGES: Final = {
    DIFFICULTY.name: (0, 1),
    f"{TIME.name}.hour": (0, 23),
    f"{TIME.name}.minute": (0, 59),
    f"{TIME.name}.weekday": (1, 7),
}
"""The least and the largest value of signals that are numbers between two."""

_STATES: Final = ("up", "avoided", "down")
"""The values of `backend_state[...]`."""

_OF_TENANTS: Final = frozenset({TENANT.name, TENANT_ATTRIBUTES.name})

_LISTED_MOST: Final = 8
"""Values that a note names; of more the nearest is named."""


def comparison_notes(policy: Policy) -> Iterator[tuple[Loc, str, str]]:
    """Yield each note: its place, what looks wrong, and the fix."""
    closed = _closed(policy)
    for loc, when in conditions_of(policy):
        for signal, values in sorted(when.compared.items()):
            for value in sorted(values, key=str):
                if isinstance(value, str):
                    known = closed.get(signal)
                    if known is not None and value not in known:
                        yield loc, f'{signal} is never "{value}" here', _meant(value, known)
                elif signal in _RANGES and not _RANGES[signal][0] <= value <= _RANGES[signal][1]:
                    least, most = _RANGES[signal]
                    yield loc, f"{signal} is never {value:g}", f"write a number from {least} to {most}"
    yield from _optional_tenants(policy)


def _closed(policy: Policy) -> Mapping[str, Collection[str]]:
    """Return the values that signals can have, for those of which the policy knows all."""
    found: dict[str, Collection[str]] = {BACKEND_STATE.name: _STATES}
    if policy.intents is not None and policy.intents.use is None:
        found[INTENT.name] = (*policy.intents.classes, NONE)
    if policy.tenants is not None and policy.tenants.rejects_unknown:
        found[TENANT.name] = (*policy.tenants.known, "")
    return found


def _meant(value: str, known: Collection[str]) -> str:
    if len(known) <= _LISTED_MOST:
        return f"it is one of {listed(each or 'the empty text' for each in known)}"
    return meant(value, known)


def _optional_tenants(policy: Policy) -> Iterator[tuple[Loc, str, str]]:
    """Note rules of residency about tenants that a request without a tenant may go past."""
    tenants = policy.tenants
    if tenants is None or tenants.required:
        return
    for index, (name, rule) in enumerate(named_limits(policy.residency)):
        if _OF_TENANTS & rule.when.signals and "" not in rule.when.compared.get(TENANT.name, ()):
            message = f"rule {name} is about the tenant, which is empty for a request that comes without one"
            yield ("residency", index, "when"), message, "write required: true in `tenants`, or mean it"
