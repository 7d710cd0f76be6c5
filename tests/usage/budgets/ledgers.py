"""Asks of a budget, as tests of ledgers make them."""

from typing import Any

from extproc.policy import loads
from extproc.usage.budgets.rules import BudgetRule, rules_of

NOW = 1_800_000_000.0
"""A Friday, 2027-01-15 08:00 UTC."""


def rule(line: str, zone: str = "UTC") -> BudgetRule:
    """The budget in a line of a policy."""
    return rules_of(
        loads(f"""
version: 1
backends: [{{name: here, url: "http://127.0.0.1:9", api: openai}}]
models: [{{name: chat, targets: [{{backend: here}}]}}]
default_backend: none
time_zone: {zone}
budgets:
- {line}
""")
    )[0]


def asks(budget: BudgetRule, amount: int, subject: str = "acme", now: float = NOW) -> tuple[Any, ...]:
    """What a request asks for that is held against one budget."""
    return (budget.ask(subject, amount, now),)
