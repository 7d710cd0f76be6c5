"""Routes: the ways to serve a virtual model, or what one of its rules is for, and what is left of them."""

from collections.abc import Collection
from itertools import accumulate
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from extproc.policy.condition_group import ConditionGroup
from extproc.routing.candidates import Candidate, Choice
from extproc.routing.health import HealthKey
from extproc.routing.strategies import TargetOrder, tried

NARROWED_MAX: Final = 64
"""Narrowed forms of a route that are remembered: for each set of regions, and for each set of backends that are out.
Nothing that a client sends makes more of them than rules of residency allow."""

RouteMemo = dict[tuple[frozenset[str] | None, frozenset[HealthKey], bool], "Route"]


class Route(Struct, frozen=True):
    """Weighted targets, then fallbacks.

    A fallback that is a target as well is left out of `fallback`: where the target cannot serve, neither can it.
    `choices` has the choice of each target that can be drawn, and `edges` the sums of their weights up to each: both
    are empty where more than the weights decides. `rules` choose another route by what a request says: `whens` are
    their conditions; `rule` is the name of the one whose route this is. `order` is the strategy, None for weights, and
    `strategy` its name; `several`: it chooses among targets. `measured`: some candidate has a limit that requests may
    not fit. `canary`: the target that a share of the requests tries, of weight 0 among the targets. `spare`: the word
    for the choice of a fallback. `skipped`: backends that were taken out because they are down.
    """

    targets: tuple[Candidate, ...]
    fallback: tuple[Candidate, ...]
    rule: str | None = None
    order: TargetOrder | None = None
    strategy: str = "weighted"
    several: bool = False
    measured: bool = False
    canary: Candidate | None = None
    canary_share: float = 0.0
    rules: "tuple[Route, ...]" = ()
    whens: ConditionGroup | None = None
    choices: tuple[Choice, ...] = ()
    edges: tuple[float, ...] = ()
    spare: str = "fallback"
    skipped: tuple[str, ...] = ()
    memo: RouteMemo = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """True if nothing serves it."""
        return not self.targets and not self.fallback

    @property
    def every(self) -> tuple[Candidate, ...]:
        """All candidates."""
        return (*self.targets, *self.fallback)

    def within(self, regions: frozenset[str]) -> "Route":
        """Return what is left of the route within regions."""
        key = regions, frozenset[HealthKey](), False
        found = self.memo.get(key)
        if found is None:
            kept = {each.key for each in self.every if each.traits.region in regions}
            found = self._remembered(key, finished(self.keeping(kept)))
        return found

    def without(self, away: frozenset[HealthKey], *, rerouting: bool = True) -> "Route":
        """Return what is left of the route without backends and models that are out.

        `rerouting`: the targets that are taken out are `skipped`.
        """
        key = None, away, rerouting
        found = self.memo.get(key)
        if found is None:
            kept = {each.key for each in self.every if each.key not in away and each.whole not in away}
            found = self.keeping(kept)
            if rerouting:
                found = replace(found, skipped=_skipped(self, found))
            found = self._remembered(key, finished(found))
        return found

    def keeping(self, kept: Collection[HealthKey]) -> "Route":
        """Return the route with some of its candidates alone, unfinished."""
        return replace(
            self,
            targets=tuple([each for each in self.targets if each.key in kept]),
            fallback=tuple([each for each in self.fallback if each.key in kept]),
            choices=(),
            edges=(),
            memo={},
        )

    def _remembered(self, key: tuple[frozenset[str] | None, frozenset[HealthKey], bool], found: "Route") -> "Route":
        if len(self.memo) >= NARROWED_MAX:
            self.memo.clear()
        self.memo[key] = found
        return found

    def __repr__(self) -> str:
        return f"Route({len(self.targets)} targets, {len(self.fallback)} fallbacks)"


def finished(route: Route) -> Route:
    """Return the route with its choices made, if the weights alone decide."""
    drawn = [each for each in route.targets if each.weight > 0]
    if route.measured or route.canary is not None or (route.order is not None and len(drawn) > 1) or route.empty:
        return route
    why = "weighted" if route.several else "only"
    plans = [tried(each, drawn[at + 1 :] + drawn[:at], route.fallback) for at, each in enumerate(drawn)]
    if not drawn and route.fallback:
        why, plans = route.spare, [route.fallback]
    elif route.order is not None:
        why = route.strategy if route.several else "only"
    return replace(
        route,
        choices=tuple(Choice(plan[0], why, route.skipped, route.rule, plan) for plan in plans),
        edges=tuple(accumulate(each.weight for each in drawn)) or (1.0,) * len(plans),
    )


def _skipped(whole: Route, up: Route) -> tuple[str, ...]:
    """The names of the backends that would have been in the running and are not `up`, sorted."""
    running = [each for each in whole.targets if each.weight > 0] or whole.fallback[:1]
    names = {each.destination.name for each in running}
    left = up.targets or up.fallback[: len(running)]
    return tuple(sorted(names - {each.destination.name for each in left}))
