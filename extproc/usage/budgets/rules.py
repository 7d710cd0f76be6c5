"""The budgets of a policy, made ready: which are for a request, whose account it is, and how much is asked for."""

from collections.abc import Mapping
from math import ceil
from typing import Final

from msgspec import Struct

from extproc.policy import Policy
from extproc.policy.budgets import Budget, BudgetUnit
from extproc.usage.budgets.ledger import Account, Ask, account_key
from extproc.usage.budgets.window import LASTING, MONTH, BudgetWindow, Period

NANO: Final = 1_000_000_000
"""Parts of a dollar in which money is counted, in whole numbers, so that nothing drifts. A token of the cheapest models
costs 10 of them."""

ACCOUNTS_CACHED: Final = 4096
"""Accounts of a budget whose keys are remembered: computing one takes a microsecond."""


class Facts(Struct, frozen=True):
    """The facts of a request by which budgets find its accounts. Empty texts are unknown.

    `model`: the name that the client asked for, if the policy has it. `headers`: the values of those headers that name
    subjects.
    """

    tenant: str = ""
    key: str = ""
    model: str = ""
    backend: str = ""
    headers: Mapping[str, str] = {}

    def __repr__(self) -> str:
        return "Facts()"


class Amounts(Struct, frozen=True, gc=False):
    """What a request takes, or is expected to: tokens, and billionths of a dollar; None if there is no price."""

    tokens: int
    nano_usd: int | None = None


class BudgetRule:
    """One budget of a policy."""

    __slots__ = (
        "_accounts", "_definition", "_header", "_limits", "_match", "_per", "_window", "counts_tokens", "enforced",
        "limit", "name", "needs_price", "of_keys", "output_tokens", "unit",
    )  # fmt: skip

    def __init__(self, budget: Budget, zone: str) -> None:
        self._per = budget.per
        self._header = budget.header
        match = budget.match
        self._match = None if match.tenant is match.model is match.backend is None else match
        self.name = budget.name
        self.unit: BudgetUnit = budget.unit
        self.needs_price = budget.unit == "usd"
        """True if it counts money."""
        self.counts_tokens = budget.unit in {"tokens", "usd"}
        """True if it depends on the tokens of requests."""
        self.of_keys = budget.per == "key"
        """True if virtual keys are its subjects, which may have limits of their own."""
        self.enforced = budget.mode == "enforce"
        self.output_tokens = budget.output_tokens
        self.limit = whole(self.unit, budget.limit)
        self._limits = {subject: whole(self.unit, limit) for subject, limit in budget.limits.items()}
        self._window = _window(budget, zone)
        per = budget.per if isinstance(budget.per, str) else f"header {budget.per.header}"
        # Whatever changes what is counted makes accounts new; a limit, a mode or a filter does not.
        self._definition = f"{budget.name}\0{per}\0{self.unit}\0{'' if self._window is None else self._window.key}"
        self._accounts: dict[str, Account] = {}

    @property
    def window(self) -> BudgetWindow | None:
        """Return its windows; None for streams."""
        return self._window

    def matches(self, facts: Facts) -> bool:
        """True if it is for a request."""
        match = self._match
        return match is None or (
            (match.tenant is None or match.tenant == facts.tenant)
            and (match.model is None or match.model == facts.model)
            and (match.backend is None or match.backend == facts.backend)
        )

    def subject(self, facts: Facts) -> str:
        """Return whose account a request takes from; empty for the one that those without a subject share."""
        if self._header is not None:
            return facts.headers.get(self._header, "")
        match self._per:
            case "tenant":
                return facts.tenant
            case "key":
                return facts.key
            case "model":
                return facts.model
            case "backend":
                return facts.backend
        return ""

    def account(self, subject: str) -> Account:
        """Return the account of a subject."""
        found = self._accounts.get(subject)
        if found is None:
            if len(self._accounts) >= ACCOUNTS_CACHED:
                self._accounts.clear()
            key = account_key(self._definition, subject)
            found = self._accounts[subject] = Account(key, self.name, subject)
        return found

    def period(self, now: float) -> Period:
        """Return the window of now, in seconds since 1970."""
        return LASTING if self._window is None else self._window.period(now)

    def ask(self, subject: str, amount: int, now: float, own: float | None = None) -> Ask:
        """Return the ask for an amount. `own`: the limit that a virtual key has of its own, in the budget's unit."""
        if own is not None:
            limit = whole(self.unit, own)
        else:
            limit = self._limits.get(subject, self.limit) if self._limits else self.limit
        account, window = self.account(subject), self._window
        if window is None:
            return Ask(account, self.unit, amount, limit, LASTING, enforced=self.enforced)
        return Ask(account, self.unit, amount, limit, window.period(now), window.sliding, self.enforced)

    def amount(self, amounts: Amounts) -> int | None:
        """Return how much of the budget a request takes; None if that needs a price that is not known."""
        match self.unit:
            case "tokens":
                return amounts.tokens
            case "usd":
                return amounts.nano_usd
        return 1

    def __repr__(self) -> str:
        return f"BudgetRule({self.name})"


def whole(unit: BudgetUnit, amount: float) -> int:
    """Return an amount of the policy in whole numbers."""
    return round(amount * NANO) if unit == "usd" else int(amount)


def written(unit: BudgetUnit, amount: int) -> float:
    """Return an amount the way people have it: dollars, or a whole number."""
    return amount / NANO if unit == "usd" else amount


def nano_usd(dollars: float) -> int:
    """Return a price in billionths of a dollar, rounded up. Errors of floating point do not count as a billionth."""
    return ceil(round(dollars * NANO, 3))


def rules_of(policy: Policy) -> tuple[BudgetRule, ...]:
    """Return the budgets of a policy, in its order."""
    return tuple(BudgetRule(each, policy.time_zone) for each in policy.budgets)


def _window(budget: Budget, zone: str) -> BudgetWindow | None:
    if budget.window is None:
        return None
    if budget.window == "month":
        return BudgetWindow(MONTH, zone=zone)
    return BudgetWindow(int(budget.window), sliding=budget.windows == "sliding", zone=zone)
