"""Residency: the regions that a request may go to, by what it says."""

from collections.abc import Iterator
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from extproc.policy.base import Value, Written, refusal
from extproc.policy.conditions import RequestWhen
from extproc.policy.expressions import FINDINGS_COUNTED, MACROS, STEPS_MAX
from extproc.policy.names import Label, RuleName

RESIDENCY_MAX: Final = 32
"""Rules of residency. All of them are asked for each request, between two messages; 32 short conditions take 50 µs."""

RESIDENCY_STEPS_MAX: Final = STEPS_MAX
"""Steps of all conditions of residency together: as many as one condition may take, since each request pays for all."""


def _some(regions: tuple[str, ...]) -> tuple[str, ...]:
    if not regions:
        raise refusal("a rule of residency needs a region", "name those that are allowed, such as [eu]")
    return regions


class ResidencyRule(Value):
    """A hard limit on where requests may go: while `when` is true, only to backends of these regions.

    It holds before any choice: for a model's targets and fallbacks, for every retry, for names that no model of the
    policy has, and for paths that no API claims. If several conditions are true, a backend has to be in a region of
    each. A condition that cannot be evaluated counts as true. A backend without a `region` is in none, and so is what
    Envoy's own routes lead to. If no backend is left, the client gets 503 `residency`.
    """

    name: RuleName | None = None
    """The rule's name in the log and in `explain`, unique in the list; if absent `residency-1` and so on, by its
    place."""
    when: RequestWhen
    """[Condition](#conditions) on the request. `findings` are those of the request's pipeline, also those that are only
    reported; none if no pipeline matches. A body that a condition asks about is read, on every path."""
    regions: Annotated[tuple[Label, ...], AfterValidator(_some), Written("labels", "[eu]")]
    """Regions of backends that the request may go to."""


def affordable(rules: tuple[ResidencyRule, ...]) -> tuple[ResidencyRule, ...]:
    """Refuse rules that take too long together."""
    if sum(rule.when.steps for rule in rules) > RESIDENCY_STEPS_MAX:
        raise refusal(
            f"the conditions of residency take too long together, with {FINDINGS_COUNTED} findings",
            f"write fewer rules, or less within {', '.join(MACROS)} and matches",
        )
    return rules


Residency = Annotated[tuple[ResidencyRule, ...], Field(max_length=RESIDENCY_MAX), AfterValidator(affordable)]
"""All rules of residency."""


def named_limits(rules: tuple[ResidencyRule, ...]) -> Iterator[tuple[str, ResidencyRule]]:
    """Return the rules with their names, in order."""
    return ((each.name or unnamed_limit(index), each) for index, each in enumerate(rules))


def unnamed_limit(index: int) -> str:
    """Return the name of a rule that the operator gave none; `index` is its place in the list, from 0."""
    return f"residency-{index + 1}"
