"""Residency: the regions that one request may go to."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from extproc.policy import Condition, ConditionError, ResidencyRule
from extproc.policy.residency import named_limits
from extproc.protocol.errors import ClientError


class RegionLimit(Struct, frozen=True):
    """A rule of residency, compiled: while `when` is true, requests go to backends of `regions` alone."""

    name: str
    when: Condition
    regions: frozenset[str]


class Confinement(Struct, frozen=True):
    """The regions that a request may go to, and the names of the rules that say so, in their order.

    `undetermined`: those whose conditions could not be evaluated, which count as true.
    """

    regions: frozenset[str]
    rules: tuple[str, ...]
    undetermined: tuple[str, ...] = ()

    def admits(self, region: str | None) -> bool:
        """True if a backend of this region may get the request; one without a region never may."""
        return region in self.regions


class ResidencyError(ClientError):
    """Raised where no backend may get a request. `limits`: the names of the rules of residency that leave none.

    `rule`: the model's rule whose candidates they were, if one applied.
    """

    def __init__(self, confinement: Confinement, rule: str | None = None) -> None:
        super().__init__(503, "residency", "No backend in a region that this request may go to can serve it.")
        self.limits = confinement.rules
        self.rule = rule


def limits_of(rules: Iterable[ResidencyRule]) -> tuple[RegionLimit, ...]:
    """Return the rules, compiled."""
    return tuple(RegionLimit(name, each.when, frozenset(each.regions)) for name, each in named_limits(tuple(rules)))


def confined(limits: Sequence[RegionLimit], signals: Mapping[str, Any]) -> Confinement | None:
    """Return where a request with these signals may go; None if it may go anywhere.

    A condition that cannot be evaluated counts as true: all these rules do is restrict, so that this is the safe side.
    """
    regions: frozenset[str] | None = None
    rules: tuple[str, ...] = ()
    undetermined: tuple[str, ...] = ()
    for each in limits:
        try:
            if not each.when.holds(signals):
                continue
        except ConditionError:
            undetermined = (*undetermined, each.name)
        rules = (*rules, each.name)
        regions = each.regions if regions is None else regions & each.regions
    return None if regions is None else Confinement(regions, rules, undetermined)
