"""The spending of one exchange: what it reserved, and what of that it took."""

from typing import Final

from msgspec import Struct

from extproc.protocol.record import BudgetCharge, Usage
from extproc.transaction.outcome import FROM_UPSTREAM, Outcome, outcome_of, unheard
from extproc.usage.budgets.ledger import Ask, Ledger, Reserved, ReservedPart, Settled, Standing
from extproc.usage.budgets.rules import nano_usd, written

ERROR_STATUS = 400
"""The first status of a response that is an error, for which providers charge nothing."""

AMOUNT_MOST: Final = 2**53
"""What an exchange can be charged, in the budget's whole numbers: a backend may report any number of tokens, and Redis
counts exactly up to there. In money, 9 million dollars."""


class Spending(Struct, eq=False):
    """Mutable, one per exchange. `reserved`: None until the state of budgets has spoken.

    `refused`: a budget had no room. `uncounted`: the state failed, and the policy lets such requests go on. `sent`: the
    request went on. `returned`: a response showed that no provider took it. `unheard`: Envoy did not wait for the
    provider, which had the request and may go on with it. `later`: what the provider makes comes in another exchange.
    `status`: of the provider's response. `ledger`: the state that was asked, which a reload may replace meanwhile.
    """

    asks: tuple[Ask, ...]
    ledger: Ledger
    reserved: Reserved | None = None
    refused: bool = False
    uncounted: bool = False
    sent: bool = False
    returned: bool = False
    unheard: bool = False
    later: bool = False
    status: int | None = None

    def __repr__(self) -> str:
        return f"Spending({len(self.asks)})"

    @property
    def standings(self) -> tuple[Standing, ...]:
        """How the accounts stood once the request was reserved, in the order of the asks."""
        return () if self.reserved is None else self.reserved.standings

    def responded(self, status: int | None, details: str) -> None:
        """Take the headers of a response: they show whether a provider took the request."""
        self.status = status
        outcome = outcome_of(status, details)
        self.returned = details != FROM_UPSTREAM and outcome is not Outcome.FAILED
        self.unheard = unheard(details)

    def settled(self, usage: Usage, cost: float | None, *, whole: bool) -> tuple[Settled, ...]:
        """Return what each reserved part came to. `whole`: the response came to its end."""
        if self.reserved is None:
            return ()
        amounts = [self._amount(part, usage, cost, whole=whole) for part in self.reserved.taken]
        return tuple(
            [Settled(part, min(each, AMOUNT_MOST)) for part, each in zip(self.reserved.taken, amounts, strict=True)]
        )

    def _amount(self, part: ReservedPart, usage: Usage, cost: float | None, *, whole: bool) -> int:
        if part.unit == "streams" or not self.sent or self.returned:
            return 0
        if part.unit == "requests":
            return part.amount
        known = _known(part, usage, cost)
        if known is None:
            failed = self.status is not None and self.status >= ERROR_STATUS and not self.unheard
            return 0 if failed else part.amount
        return known if self._certain(usage, whole=whole) else max(known, part.amount)

    def _certain(self, usage: Usage, *, whole: bool) -> bool:
        """True if the counts are of all that the request came to."""
        if self.later:
            return whole and usage.source != "estimated"
        # Of a response that was cut, a provider had told what it had counted until then, and goes on counting. Of one
        # that never began, the output is not known, and the provider may write all of it.
        return whole or (usage.source == "estimated" and usage.output is not None)

    def charges(self, settled: tuple[Settled, ...]) -> tuple[BudgetCharge, ...]:
        """Return what the record has of each budget."""
        if not settled:
            return tuple(
                [
                    BudgetCharge(ask.account.budget, ask.unit, 0.0, refused=not each.room, shadow=not ask.enforced)
                    for ask, each in zip(self.asks, self.standings, strict=False)
                ]
            )
        return tuple(
            [
                BudgetCharge(
                    ask.account.budget,
                    ask.unit,
                    float(written(ask.unit, 1 if ask.unit == "streams" else each.amount)),
                    refused=not standing.room,
                    shadow=not ask.enforced,
                )
                for ask, each, standing in zip(self.asks, settled, self.standings, strict=True)
            ]
        )


def _known(part: ReservedPart, usage: Usage, cost: float | None) -> int | None:
    """Return what is known of a part: tokens that were counted, or their price."""
    if part.unit == "usd":
        return None if cost is None else nano_usd(cost)
    if usage.input is None and usage.output is None:
        return None
    return (usage.input or 0) + (usage.output or 0)
