"""The budgets of the policy in force, as operators see and change them: in units of the policy, by name and subject."""

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from extproc.policy import Policy
from extproc.policy.redis_state import RedisAccess
from extproc.policy.state import State
from extproc.policy.tenants import is_tenant
from extproc.server.state.opening import opened_desk
from extproc.usage.budgets.ledger import Ask, AskOf, LedgerDesk, StandingRow
from extproc.usage.budgets.rules import BudgetRule, rules_of, whole, written

LIMIT_MOST: Final = 10**15
"""The largest limit that can be set, as in the policy for tokens; of dollars it is a billion."""

DOLLARS_MOST: Final = 10**9


class BudgetLine(Struct, frozen=True, omit_defaults=False):
    """One subject of one budget. `override`: the limit that was set at run time. `resets`: seconds since 1970."""

    budget: str
    subject: str
    unit: str
    used: float
    limit: float
    remaining: float
    override: float | None
    resets: int | None
    mode: str


class UnknownBudgetError(LookupError):
    """Raised for a budget that the policy does not have, or a subject that there cannot be."""


class BudgetDesk:
    """Reads and changes the state of budgets. Raises LedgerError where that cannot be used."""

    def __init__(
        self, policy: Policy, place: str, wall: Callable[[], float], access: RedisAccess | None = None
    ) -> None:
        self._place = place
        self._wall = wall
        self._state: State | None = None
        self._access: RedisAccess | None = None
        self._ledger: LedgerDesk | None = None
        self._rules: dict[str, BudgetRule] = {}
        self.renew(policy, access)

    def renew(self, policy: Policy, access: RedisAccess | None = None) -> None:
        """Take another policy's budgets. `access`: the Redis that they are in."""
        self._rules = {each.name: each for each in rules_of(policy)}
        if (policy.state, access) != (self._state, self._access):
            self._state, self._access, self._ledger = policy.state, access, None

    async def lines(self, budget: str | None = None) -> list[BudgetLine]:
        """Return the subjects that have spent anything, or have a limit of their own, in the order of the policy."""
        if budget is not None:
            self._rule(budget)
        now = self._wall()
        order = {name: at for at, name in enumerate(self._rules)}
        rows = await self._opened().rows(self._ask_of(now), now, budget)
        return [self._line(each) for each in sorted(rows, key=lambda row: (order[row.budget], row.subject))]

    async def line(self, budget: str, subject: str) -> BudgetLine:
        """Return one subject. Raises UnknownBudgetError."""
        now = self._wall()
        return self._line(await self._opened().row(self._ask(budget, subject, now), now))

    async def set_limit(self, budget: str, subject: str, limit: float | None) -> BudgetLine:
        """Have a subject another limit, in the budget's unit; None for the policy's.

        Raises:
            UnknownBudgetError: there is no such budget.
            ValueError: what is wrong with the limit.
        """
        now, rule = self._wall(), self._rule(budget)
        most = DOLLARS_MOST if rule.unit == "usd" else LIMIT_MOST
        if limit is not None and not 0 <= limit <= most:
            raise ValueError(f"a limit of {rule.unit} lies between 0 and {most}")
        if limit is not None and rule.unit != "usd" and limit != int(limit):
            raise ValueError(f"a limit of {rule.unit} is a whole number")
        number = None if limit is None else whole(rule.unit, limit)
        await self._opened().set_limit(self._ask(budget, subject, now), number, now)
        return await self.line(budget, subject)

    async def reset(self, budget: str, subject: str) -> BudgetLine:
        """Forget what a subject has spent in the window. Raises UnknownBudgetError."""
        now = self._wall()
        await self._opened().reset(self._ask(budget, subject, now), now)
        return await self.line(budget, subject)

    def _opened(self) -> LedgerDesk:
        if self._ledger is None:
            assert self._state is not None, "it was taken with the policy"
            self._ledger = opened_desk(self._state, self._place, self._access)
        return self._ledger

    def _rule(self, budget: str) -> BudgetRule:
        if budget not in self._rules:
            raise UnknownBudgetError(f"there is no budget {budget[:64]}; known: {', '.join(self._rules) or 'none'}")
        return self._rules[budget]

    def _ask(self, budget: str, subject: str, now: float) -> Ask:
        if subject and not is_tenant(subject):
            raise UnknownBudgetError("this cannot be a subject")
        return self._rule(budget).ask(subject, 0, now)

    def _ask_of(self, now: float) -> AskOf:
        def found(budget: str, subject: str) -> Ask | None:
            rule = self._rules.get(budget)
            return None if rule is None else rule.ask(subject, 0, now)

        return found

    def _line(self, row: StandingRow) -> BudgetLine:
        def shown(amount: int) -> float:
            return written(row.unit, amount)

        return BudgetLine(
            row.budget,
            row.subject,
            row.unit,
            shown(row.used),
            shown(row.limit),
            shown(max(0, row.limit - row.used)),
            None if row.override is None else shown(row.override),
            row.resets,
            "enforce" if self._rules[row.budget].enforced else "shadow",
        )

    def __repr__(self) -> str:
        return "BudgetDesk()"
