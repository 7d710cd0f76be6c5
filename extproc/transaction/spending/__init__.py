"""Spending: what an exchange reserves of budgets before it goes on, and what it is charged at its end."""

from importlib import import_module
from typing import TYPE_CHECKING

from extproc.policy import Policy
from extproc.usage.prices import PriceBook

if TYPE_CHECKING:
    from extproc.transaction.spending.plan import SpendingPlan


def spending_of(policy: Policy, prices: PriceBook) -> "SpendingPlan | None":
    """Return the budgets of a policy; None if it has none, which then imports nothing of them."""
    if not policy.budgets:
        return None
    found: SpendingPlan = import_module("extproc.transaction.spending.plan").SpendingPlan(policy, prices)
    return found
