"""Strategies: the order in which the targets of a route are tried, by what is known of a request and of them."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Final

from msgspec import Struct

from extproc.policy import Balance, VirtualModel
from extproc.policy.strategy import StickyBy
from extproc.routing.candidates import Candidate
from extproc.routing.costs import estimated_cost, output_estimate
from extproc.routing.health import HealthKey
from extproc.routing.placing import placed, seed_of, unhurried
from extproc.routing.weighing import Weighing

EXPLORED: Final = 0.05
"""Share of the requests that try a target of which no time is known, while others are known: enough to learn within
tens of requests that one is fast, and few enough to lose little on one that is slow."""

OTHERS_MAX: Final = 16
"""Attempts on further targets of a route: nobody waits for more, and a model may have hundreds of targets."""

UNKNOWN_SPEED: Final = 0.5
"""Score for the speed of a target of which no time is known: it is taken to be half as fast as the fastest."""

EVEN: Final = Balance(cost=1.0, speed=1.0, quality=1.0)


class TargetOrder(Struct, frozen=True):
    """A strategy: puts targets, each of a weight above 0, into the order in which they are tried.

    It reads what a request needs, the times of responses, or open exchanges, if it says so; `reads_input`: its input
    tokens as well; `sticky_by`: what requests are placed by.
    """

    reads_demand: bool = False
    reads_input: bool = False
    reads_speed: bool = False
    reads_load: bool = False
    sticky_by: StickyBy | None = None

    def __call__(self, targets: Sequence[Candidate], weighing: Weighing) -> Sequence[Candidate]:
        """Return the targets in their order."""
        raise NotImplementedError


class ByCost(TargetOrder, frozen=True):
    """By the estimated cost of the request; targets without a price come after all others."""

    reads_demand: bool = True
    reads_input: bool = True

    def __call__(self, targets: Sequence[Candidate], weighing: Weighing) -> Sequence[Candidate]:
        """Return the targets in their order."""
        costs = [estimated_cost(each.traits, weighing.demand) for each in targets]
        order = sorted(range(len(targets)), key=lambda at: (costs[at] is None, costs[at]))
        return [targets[at] for at in order]


class BySpeed(TargetOrder, frozen=True):
    """By the time that the response is expected to take; a share of the requests tries what is not known."""

    reads_demand: bool = True
    reads_speed: bool = True

    def __call__(self, targets: Sequence[Candidate], weighing: Weighing) -> Sequence[Candidate]:
        """Return the targets in their order."""
        times = expected_times(targets, weighing)
        order = sorted(range(len(targets)), key=lambda at: (times[at] is None, times[at]))
        return explored([targets[at] for at in order], [targets[at] for at in order if times[at] is None], weighing)


class ByLoad(TargetOrder, frozen=True):
    """By the open exchanges for each target's weight; among those that are alike the draw decides."""

    reads_load: bool = True

    def __call__(self, targets: Sequence[Candidate], weighing: Weighing) -> Sequence[Candidate]:
        """Return the targets in their order."""
        return sorted(turned(targets, weighing.draw), key=lambda each: (weighing.busy.of(each.key) + 1) / each.weight)


class ByBalance(TargetOrder, frozen=True):
    """By the weighted sum of scores for cost, speed and quality."""

    balance: Balance = EVEN

    def __call__(self, targets: Sequence[Candidate], weighing: Weighing) -> Sequence[Candidate]:
        """Return the targets in their order."""
        balance, scores = self.balance, [0.0] * len(targets)
        times = expected_times(targets, weighing) if balance.speed else []
        for part, found in (
            (balance.cost, [_score(each) for each in _relative(_costs(targets, weighing))] if balance.cost else ()),
            (balance.speed, [UNKNOWN_SPEED if each is None else each for each in _relative(times)]),
            (balance.quality, [each.traits.quality or 0.0 for each in targets] if balance.quality else ()),
        ):
            for at, score in enumerate(found):
                scores[at] += part * score
        order = sorted(range(len(targets)), key=lambda at: -scores[at])
        unknown = [targets[at] for at in order if times and times[at] is None]
        return explored([targets[at] for at in order], unknown, weighing)


class ByKey(TargetOrder, frozen=True):
    """By what requests are placed by; those without it are drawn by weight."""

    reads_load: bool = True
    sticky_by: StickyBy | None = "conversation"
    seeds: Mapping[HealthKey, int] = {}

    def __call__(self, targets: Sequence[Candidate], weighing: Weighing) -> Sequence[Candidate]:
        """Return the targets in their order."""
        if weighing.key is None:
            return by_weight(targets, weighing.draw)
        return unhurried(placed(targets, self.seeds, weighing.key), weighing.busy)


def order_of(model: VirtualModel, candidates: Iterable[Candidate]) -> TargetOrder | None:
    """Return the strategy of a model; None for draws by weight."""
    match model.strategy:
        case "weighted":
            return None
        case "cheapest":
            return ByCost()
        case "fastest":
            return BySpeed()
        case "least_busy":
            return ByLoad()
        case "balanced":
            balance = model.balance or EVEN
            reads = bool(balance.cost or balance.speed)
            speed = bool(balance.speed)
            return ByBalance(reads_demand=reads, reads_input=bool(balance.cost), reads_speed=speed, balance=balance)
        case "sticky":
            seeds = {each.key: seed_of(each.key) for each in candidates}
            return ByKey(sticky_by=model.sticky_by or "conversation", seeds=seeds)


def by_weight(targets: Sequence[Candidate], draw: float) -> Sequence[Candidate]:
    """Return the target that was drawn, then the others by their weights; where these are alike, those behind it first.

    So the load of a target that fails is not that of one other alone.
    """
    if len(targets) < 2:
        return targets
    edges = list(accumulate([each.weight for each in targets]))
    at = drawn(edges, draw)
    return tried(targets[at], [*targets[at + 1 :], *targets[:at]])


def drawn(edges: Sequence[float], draw: float) -> int:
    """Return the place of the target that a draw hits. `edges`: the sums of the weights up to each."""
    return min(bisect_right(edges, draw * edges[-1]), len(edges) - 1)  # rounding may leave it beyond the last edge


def tried(first: Candidate, others: Sequence[Candidate], spare: Sequence[Candidate] = ()) -> tuple[Candidate, ...]:
    """Return the attempts: the first target, the others by their weights, then the spare ones."""
    return (first, *sorted(others, key=_heaviest)[:OTHERS_MAX], *spare)


def turned(targets: Sequence[Candidate], draw: float) -> Sequence[Candidate]:
    """Return targets beginning with the one that was drawn, all alike."""
    at = int(draw * len(targets))
    return [*targets[at:], *targets[:at]]


def expected_times(targets: Sequence[Candidate], weighing: Weighing) -> Sequence[float | None]:
    """Return the seconds that the response of each target is expected to take; None where too little is known."""
    tokens, stream = output_estimate(weighing.demand), weighing.stream
    return [weighing.speeds.expected(each.key, tokens, weighing.now, stream=stream) for each in targets]


def explored(order: Sequence[Candidate], unknown: Sequence[Candidate], weighing: Weighing) -> Sequence[Candidate]:
    """Return the order, with one of which nothing is known in front if the draw says so."""
    if not unknown:
        return order
    if len(unknown) == len(order):
        return by_weight(order, weighing.draw)
    if weighing.draw >= EXPLORED:
        return order
    tried = unknown[int(weighing.draw / EXPLORED * len(unknown))]
    return [tried, *(each for each in order if each is not tried)]


def _costs(targets: Sequence[Candidate], weighing: Weighing) -> Sequence[float | None]:
    return [estimated_cost(each.traits, weighing.demand) for each in targets]


def _relative(figures: Sequence[float | None]) -> Sequence[float | None]:
    """Return the least figure divided by each; 1 for the least one, also if that is 0."""
    known = [each for each in figures if each is not None]
    least = min(known, default=0.0)
    return [None if each is None else 1.0 if each <= least else least / each for each in figures]


def _score(found: float | None) -> float:
    return 0.0 if found is None else found


def _heaviest(target: Candidate) -> float:
    return -target.weight
