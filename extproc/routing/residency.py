"""Residency: the regions that one request may go to."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec import Struct

from extproc.policy import Condition, ResidencyRule
from extproc.policy.condition_group import ConditionGroup
from extproc.policy.residency import named_limits
from extproc.protocol.errors import ClientError

NO_CONDITIONS: Final = ConditionGroup(())


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


class Residency(Struct, frozen=True):
    """All rules of residency, compiled: false if there are none."""

    limits: tuple[RegionLimit, ...] = ()
    whens: ConditionGroup = NO_CONDITIONS

    def confine(self, signals: Mapping[str, Any]) -> Confinement | None:
        """Return where a request with these signals may go; None if it may go anywhere.

        A condition that cannot be evaluated counts as true: all these rules do is restrict, so that this is the safe
        side.
        """
        holding = [
            (each, true)
            for each, true in zip(self.limits, self.whens.every(signals), strict=True)
            if true is None or true
        ]
        if not holding:
            return None
        return Confinement(
            frozenset.intersection(*(each.regions for each, _ in holding)),
            tuple(each.name for each, _ in holding),
            tuple(each.name for each, true in holding if true is None),
        )

    @property
    def everywhere(self) -> frozenset[str]:
        """The regions that every rule allows, so that none need be asked; none if there are no rules."""
        return frozenset.intersection(*(each.regions for each in self.limits)) if self.limits else frozenset()

    def __bool__(self) -> bool:
        return bool(self.limits)


NO_RESIDENCY: Final = Residency()


def residency_of(rules: Iterable[ResidencyRule]) -> Residency:
    """Return the rules, compiled."""
    named = named_limits(tuple(rules))
    limits = tuple(RegionLimit(name, each.when, frozenset(each.regions)) for name, each in named)
    return Residency(limits, ConditionGroup([each.when for each in limits]))
