"""Virtual models: the names that clients ask for, and what serves them."""

from collections.abc import Iterator
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, model_validator

from extproc.policy.base import Value, Written, refusal, refusals
from extproc.policy.conditions import RoutingWhen
from extproc.policy.expressions import FINDINGS_COUNTED, MACROS, STEPS_MAX
from extproc.policy.names import BackendName, ModelName, RuleName
from extproc.policy.retries import Retry
from extproc.policy.strategy import Balance, Canary, Mirror, StickyBy, StrategyName
from extproc.policy.units import Count

WEIGHT_MAX: Final = 1_000_000
"""Fine enough for any share; keeps sums of weights exact in floating point."""

RULES_MAX: Final = 64
"""Rules of a model: nobody overlooks more. They are asked one after the other for each request, between two messages;
64 short conditions take 0.1 ms."""

RULES_STEPS_MAX: Final = 2 * STEPS_MAX
"""Steps of all conditions of a model's rules: at most 10 ms with a hundred findings, and twice what one condition may
take. Other exchanges wait meanwhile."""


class Target(Value):
    """A backend that can serve a model, and the name the model has there."""

    backend: BackendName
    """Name of a backend."""
    model: ModelName | None = None
    """The model's name at the backend; the name asked for if absent."""
    weight: Annotated[Count, Field(ge=0, le=WEIGHT_MAX), Written("whole number", "80")] = 1
    """Share of the requests, relative to the other targets' weights; 0 sends none. Not for `fallback`, which is
    ordered."""


def _affordable(rules: "tuple[RoutingRule, ...]") -> "tuple[RoutingRule, ...]":
    if sum(rule.when.steps for rule in rules) > RULES_STEPS_MAX:
        raise refusal(
            f"the rules of this model take too long together, with {FINDINGS_COUNTED} findings",
            f"write fewer rules, or less within {', '.join(MACROS)} and matches",
        )
    return rules


class RoutingRule(Value):
    """Targets for the requests of a model for which a condition is true.

    The first rule of a model whose condition is true serves the request, from `to` and then `fallback`; if none of
    these is up the client gets 503, and no other rule is tried. If a condition cannot be evaluated, because a signal
    cannot be determined, the client gets 503 `routing_failed`: the request might have been for this rule. Targets whose
    backends speak another API than the request's are left out; if none is left the client gets 404.
    """

    name: RuleName | None = None
    """The rule's name in the log and in `explain`, unique in its model; if absent `rule-1` and so on, by its
    place in the list."""
    when: RoutingWhen
    """[Condition](#conditions) on the request. `findings` are those of the request's pipeline, none if no pipeline
    matches. They cannot be determined if the pipeline let the body pass uninspected, or if a processor failed and had
    no stand-in."""
    to: tuple[Target, ...]
    """Targets, each by its weight. At least one."""
    fallback: tuple[Target, ...] = ()
    """Targets that serve the request, in this order, when none of `to` can."""


class VirtualModel(Value):
    """A name that clients may put in `model`."""

    name: ModelName
    """The name that clients ask for."""
    rules: Annotated[tuple[RoutingRule, ...], Field(max_length=RULES_MAX), AfterValidator(_affordable)] = ()
    """Rules that choose other targets by what a request says; the first whose condition is true applies. If none
    applies, the request goes to `targets`."""
    targets: tuple[Target, ...]
    """Targets that serve the model, each by its weight. At least one."""
    fallback: tuple[Target, ...] = ()
    """Targets that serve the model, in this order, when none of `targets` can."""
    strategy: StrategyName = "weighted"
    """The choice of one target, and the order in which the others are tried, of the model and of its rules:
    `weighted` by the weights; `cheapest` by the estimated cost of the request, targets without a price last; `fastest`
    by the times of responses that passed; `least_busy` by the exchanges that are open, for its weight; `balanced` by
    several of these; `sticky` by what `sticky_by` names. A target of weight 0 gets nothing, whatever the strategy."""
    sticky_by: StickyBy | None = None
    """Only for `sticky`: requests that share it go to the same target, so that the provider's prompt cache has it, as
    long as that is not busier than the others. `conversation` (the default): an id that the client names, else the
    system prompt and the first turn; `prefix`: tools and system prompt; `tenant`. Requests without it are drawn by the
    weights."""
    balance: Balance | None = None
    """Only for `balanced`: what counts how much; all three alike if absent."""
    canary: Canary | None = None
    """A share of the requests that tries another target."""
    mirror: Mirror | None = None
    """A share of the requests of which a copy goes to another backend."""
    retry: Retry | None = None
    """Failures after which Envoy sends a request to the next target; those of [Retry](#retry)'s defaults if absent."""

    @model_validator(mode="after")
    def _of_the_strategy(self) -> Self:
        stray = [
            ((name,), refusal(f"{name} is for `strategy: {owner}` alone", f"write `strategy: {owner}`, or delete it"))
            for name, owner in (("sticky_by", "sticky"), ("balance", "balanced"))
            if getattr(self, name) is not None and self.strategy != owner
        ]
        if stray:
            raise refusals("VirtualModel", stray)
        return self

    def named_rules(self) -> Iterator[tuple[str, RoutingRule]]:
        """Return the rules with their names, in order."""
        return ((each.name or unnamed(index), each) for index, each in enumerate(self.rules))


def unnamed(index: int) -> str:
    """Return the name of a rule that the operator gave none; `index` is its place in the list, from 0."""
    return f"rule-{index + 1}"
