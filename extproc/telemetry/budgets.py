"""Metrics of budgets, counted from the records of exchanges. Labels are words of the policy, never a subject."""

from collections.abc import Iterable

from extproc.protocol.record import BudgetCharge
from extproc.telemetry.families import BUDGET_REFUSED, BUDGET_SPENT
from extproc.telemetry.metrics import Metrics


def count_budgets(metrics: Metrics, charges: Iterable[BudgetCharge]) -> None:
    """Count what an exchange took of each budget, and those that had no room for it."""
    for each in charges:
        shadow = "true" if each.shadow else "false"
        if each.amount:
            metrics.counter(BUDGET_SPENT).add(each.budget, each.unit, shadow, by=each.amount)
        if each.refused:
            metrics.counter(BUDGET_REFUSED).add(each.budget, each.unit, shadow)
