"""State within one process: for a worker alone, for rehearsals and tests."""

from typing import Final

from msgspec import Struct

from extproc.usage.budgets.counting import AccountTally
from extproc.usage.budgets.ledger import Ask, AskOf, LedgerError, Reserved, ReservedPart, Settled, Standing, StandingRow

SUBJECTS: Final = 20_000
"""Accounts that are kept; see `MemoryState.subjects`."""


class KeptAccount(Struct, gc=False):
    """An account as it is kept. `until`: when nothing of it counts any more."""

    budget: str
    subject: str
    tally: AccountTally
    override: int | None = None
    until: float = 0.0


class ProcessLedger:
    """A `Ledger` and a `LedgerDesk` in the memory of one process."""

    def __init__(self, subjects: int = SUBJECTS) -> None:
        self._accounts: dict[bytes, KeptAccount] = {}
        self._subjects = subjects
        self.timeout = 0.0

    def reserve(self, asks: tuple[Ask, ...], now: float) -> Reserved:
        """See `Ledger.reserve`."""
        kept = [self._kept(ask, now) for ask in asks]
        standings = tuple(
            [standing_of(each.tally, ask, each.override, now) for each, ask in zip(kept, asks, strict=True)]
        )
        if any(not each.room and ask.enforced for each, ask in zip(standings, asks, strict=True)):
            return Reserved(standings, ())
        taken = []
        for each, ask in zip(kept, asks, strict=True):
            each.tally.current += ask.amount
            taken.append(ReservedPart(ask.account, ask.unit, ask.amount, each.tally.start, ask.period.end))
        after = tuple([used_more(each, ask.amount) for each, ask in zip(standings, asks, strict=True)])
        return Reserved(after, tuple(taken))

    def settle(self, settled: tuple[Settled, ...]) -> None:
        """See `Ledger.settle`."""
        for each in settled:
            kept = self._accounts.get(each.taken.account.key)
            if kept is not None:
                kept.tally.correct(each.taken, each.amount)

    def standing(self, ask: Ask, now: float) -> Standing | None:
        """See `Ledger.standing`."""
        kept = self._accounts.get(ask.account.key)
        if kept is None:
            return Standing(ask.limit, 0)
        kept.tally.roll(ask.period)
        return standing_of(kept.tally, ask, kept.override, now)

    async def rows(self, asks: AskOf, now: float, budget: str | None) -> list[StandingRow]:
        """See `LedgerDesk.rows`."""
        found = []
        for key, kept in self._accounts.items():
            ask = asks(kept.budget, kept.subject) if budget in {None, kept.budget} else None
            if ask is not None and ask.account.key == key:
                found.append(await self.row(ask, now))
        return found

    async def row(self, ask: Ask, now: float) -> StandingRow:
        """See `LedgerDesk.row`."""
        kept = self._accounts.get(ask.account.key)
        standing = self.standing(ask, now) or Standing(ask.limit, 0)
        return row_of(ask, standing, None if kept is None else kept.override)

    async def set_limit(self, ask: Ask, limit: int | None, now: float) -> None:
        """See `LedgerDesk.set_limit`."""
        self._kept(ask, now).override = limit

    async def reset(self, ask: Ask, now: float) -> None:
        """See `LedgerDesk.reset`."""
        kept = self._accounts.get(ask.account.key)
        if kept is not None and ask.unit != "streams":
            kept.tally.roll(ask.period)
            kept.tally.reset(now)

    def _kept(self, ask: Ask, now: float) -> KeptAccount:
        kept = self._accounts.get(ask.account.key)
        if kept is None:
            if len(self._accounts) >= self._subjects:
                self._evict(now)
            kept = self._accounts[ask.account.key] = KeptAccount(
                ask.account.budget, ask.account.subject, AccountTally()
            )
        kept.tally.roll(ask.period)
        kept.until = lasts_until(ask)
        return kept

    def _evict(self, now: float) -> None:
        """Forget the accounts of which nothing counts any more. Raises LedgerError if there are none."""
        over = [key for key, each in self._accounts.items() if each.until <= now and each.override is None]
        idle = [key for key, each in self._accounts.items() if not (each.tally.current or each.tally.previous)]
        for key in {*over, *(key for key in idle if self._accounts[key].override is None)}:
            del self._accounts[key]
        if len(self._accounts) >= self._subjects:
            raise LedgerError("full")


def standing_of(tally: AccountTally, ask: Ask, override: int | None, now: float) -> Standing:
    """Return how an account stands for an ask, whose amount is not in it."""
    limit = ask.limit if override is None else override
    used = tally.used(ask.period, now, sliding=ask.sliding)
    if used + ask.amount <= limit:
        return Standing(limit, used)
    wait = None if ask.unit == "streams" else tally.wait(ask.period, now, ask.amount, limit, sliding=ask.sliding)
    return Standing(limit, used, room=False, wait=wait)


def used_more(standing: Standing, amount: int) -> Standing:
    """Return the standing once an amount is reserved."""
    return Standing(standing.limit, standing.used + amount, standing.room, standing.wait)


def lasts_until(ask: Ask) -> int:
    """Return when nothing of an account counts any more: a sliding window counts a part of the one before."""
    return ask.period.end + (ask.period.end - ask.period.start if ask.sliding else 0)


def row_of(ask: Ask, standing: Standing, override: int | None) -> StandingRow:
    """Return an account as operators see it."""
    resets = None if ask.unit == "streams" else ask.period.end
    return StandingRow(
        ask.account.budget, ask.account.subject, ask.unit, standing.used, standing.limit, override, resets
    )
