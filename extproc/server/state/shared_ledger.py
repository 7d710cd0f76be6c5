"""State of budgets that the workers of a host share, in a file that each has mapped into its memory."""

from collections.abc import Container, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from extproc.server.state.layout import LEASE, NO_LIMIT, SLIDING, STREAMS, StoredRow, rows_in
from extproc.server.state.owners import Owner
from extproc.server.state.table import BudgetTable
from extproc.usage.budgets.counting import AccountTally
from extproc.usage.budgets.ledger import Ask, AskOf, LedgerError, Reserved, ReservedPart, Settled, Standing, StandingRow
from extproc.usage.budgets.process import row_of, standing_of, used_more
from extproc.usage.budgets.window import LASTING

Numbers: TypeAlias = tuple[bytes, int, int, int, int, int, int, int, int]
"""The fields of a row, as `layout.ROW` has them."""

PLACES_CACHED: Final = 65_536
"""Places of accounts that are remembered: looking one up takes several microseconds."""

LOOK_EVERY: Final = 1.0
"""Seconds between two looks for processes that have died with requests open, where a limit of those refuses one."""


class SharedLedger:
    """A `Ledger` and a `LedgerDesk` in a file. Raises LedgerError."""

    def __init__(self, path: Path, subjects: int) -> None:
        self._table = BudgetTable(path, subjects)
        self._owner = Owner(self._table.file)
        self._places: dict[bytes, int] = {}
        self._looked = 0.0
        self.timeout = 0.0
        with self._table:
            self._bury_dead(self._owner.number)  # whoever had this number before is gone

    def reserve(self, asks: tuple[Ask, ...], now: float) -> Reserved:
        """See `Ledger.reserve`."""
        with self._table:
            found = self._reserve(asks, now)
            if not found.taken and self._full_of_streams(asks, found) and now - self._looked >= LOOK_EVERY:
                self._looked = now
                if self._bury_dead():
                    found = self._reserve(asks, now)
            return found

    def settle(self, settled: tuple[Settled, ...]) -> None:
        """See `Ledger.settle`."""
        try:
            with self._table:
                for each in settled:
                    if each.taken.unit == "streams":
                        self._close(each.taken)
                    elif each.amount != each.taken.amount:
                        self._correct(each)
        except LedgerError:
            return  # it stays charged as it was reserved

    def standing(self, ask: Ask, now: float) -> Standing | None:
        """See `Ledger.standing`."""
        try:
            with self._table:
                place = self._place(ask.account.key)
                row = None if place is None else self._table.row(place)
        except LedgerError:
            return None
        return _standing(row, ask, now)

    async def rows(self, asks: AskOf, now: float, budget: str | None) -> list[StandingRow]:
        """See `LedgerDesk.rows`."""
        found = []
        with self._table:
            raw = self._table.copied()
        for place, row in rows_in(raw):  # without the lock: a name that changes meanwhile does not fit its key
            if row.flags & LEASE:
                continue
            name, subject = self._table.names(place)
            ask = asks(name, subject) if budget in {None, name} else None
            if ask is not None and ask.account.key == row.key:
                found.append(row_of(ask, _standing(row, ask, now), _override(row)))
        return found

    async def row(self, ask: Ask, now: float) -> StandingRow:
        """See `LedgerDesk.row`."""
        with self._table:
            place = self._place(ask.account.key)
            row = None if place is None else self._table.row(place)
        return row_of(ask, _standing(row, ask, now), None if row is None else _override(row))

    async def set_limit(self, ask: Ask, limit: int | None, now: float) -> None:
        """See `LedgerDesk.set_limit`."""
        with self._table:
            place, row = self._rolled(ask, now)
            row.override = NO_LIMIT if limit is None else limit
            self._table.change({place: row})

    async def reset(self, ask: Ask, now: float) -> None:
        """See `LedgerDesk.reset`."""
        if ask.unit == "streams":
            return
        with self._table:
            place, row = self._rolled(ask, now)
            tally = AccountTally(row.start, row.current, row.previous)
            tally.reset(now)
            row.start, row.current, row.previous = tally.start, 0, 0
            self._table.change({place: row})

    def close(self) -> None:
        """Let go of the file."""
        self._table.close()

    # -- with the lock

    def _reserve(self, asks: tuple[Ask, ...], now: float) -> Reserved:
        places: list[int] = []
        standings = []
        refused = False
        for ask in asks:
            place, row = self._found(ask, now, places)
            places.append(place)
            standing = _asked(row, ask, now)
            standings.append(standing)
            if not standing.room and ask.enforced:
                refused = True
        if refused:
            return Reserved(tuple(standings), ())
        table, parts, after = self._table, [], []
        for ask, place, standing in zip(asks, places, standings, strict=True):
            _, start, _, _, _, _, _, current, _ = table.numbers(place)
            if ask.unit == "streams":
                self._open(place, ask.account.key, places, now)
            table.spend(place, current + ask.amount)
            parts.append(ReservedPart(ask.account, ask.unit, ask.amount, start, ask.period.end))
            after.append(used_more(standing, ask.amount))
        return Reserved(tuple(after), tuple(parts))

    def _found(self, ask: Ask, now: float, kept: Container[int]) -> tuple[int, Numbers]:
        """Return an account's place, and its row in the window of now. `kept`: see `_rolled`."""
        key = ask.account.key
        place = self._places.get(key)
        if place is not None:
            row = self._table.numbers(place)
            if row[0] == key and row[1] >= ask.period.start:
                return place, row
        place, rolled = self._rolled(ask, now, kept)
        self._table.change({place: rolled})
        return place, self._table.numbers(place)

    def _rolled(self, ask: Ask, now: float, kept: Container[int] = ()) -> tuple[int, StoredRow]:
        """Return an account's row in the window of now, with its place; a new one if there is none.

        `kept`: places that are to be changed, and not to be given away.
        """
        key, period = ask.account.key, ask.period
        place = self._places.get(key)
        row = None if place is None else self._table.row(place)
        if place is None or row is None or row.key != key:
            place, there = self._table.find(key, now, kept)
            row = self._table.row(place) if there else None
            if row is None:
                row = StoredRow(key, period.start)
                self._table.change({place: row})
                self._table.name(place, ask.account.budget, ask.account.subject)
            self._remember(key, place)
        if period is LASTING:
            row.flags = STREAMS
            return place, row
        if period.start > row.start:
            tally = AccountTally(row.start, row.current, row.previous)
            tally.roll(period)
            row.start, row.current, row.previous = tally.start, tally.current, tally.previous
        row.length = period.end - period.start
        row.flags = SLIDING if ask.sliding else 0
        return place, row

    def _correct(self, settled: Settled) -> None:
        part = settled.taken
        place = self._place(part.account.key)
        if place is None:
            return
        _, start, _, _, _, _, _, current, previous = self._table.numbers(place)
        by = settled.amount - part.amount
        if part.start == start:
            self._table.spend(place, max(0, current + by))
        elif part.end == start:
            self._table.spend_before(place, max(0, previous + by))

    def _open(self, place: int, key: bytes, kept: Container[int], now: float) -> None:
        """Count an open request for this process, too, so that it is found if the process dies."""
        at, lease = self._lease(key, now, kept)
        if lease.owner != self._owner.number or lease.length != place:
            lease.length, lease.flags, lease.owner = place, LEASE, self._owner.number
            self._table.change({at: lease})
        self._table.spend(at, lease.current + 1)

    def _close(self, part: ReservedPart) -> None:
        place = self._place(part.account.key)
        at = self._place(self._lease_key(part.account.key))
        if place is None or at is None:
            return
        open_, mine = self._table.numbers(place)[7], self._table.numbers(at)[7]
        if mine:
            self._table.spend(place, max(0, open_ - 1))
            self._table.spend(at, mine - 1)

    def _lease_key(self, key: bytes) -> bytes:
        return (int.from_bytes(key, "little") ^ (self._owner.number << 96) ^ 1).to_bytes(16, "little")

    def _lease(self, key: bytes, now: float, kept: Container[int]) -> tuple[int, StoredRow]:
        mine = self._lease_key(key)
        place = self._places.get(mine)
        if place is None or self._table.key_at(place) != mine:
            place, _ = self._table.find(mine, now, kept)
            self._remember(mine, place)
        found = self._table.row(place)
        return place, found if found is not None and found.key == mine else StoredRow(mine)

    def _place(self, key: bytes) -> int | None:
        place = self._places.get(key)
        if place is not None and self._table.key_at(place) == key:
            return place
        try:
            place, there = self._table.find(key, 0.0)
        except LedgerError:
            return None
        if not there:
            return None
        self._remember(key, place)
        return place

    def _remember(self, key: bytes, place: int) -> None:
        if len(self._places) >= PLACES_CACHED:
            self._places.clear()
        self._places[key] = place

    # -- processes that have died

    def _full_of_streams(self, asks: Sequence[Ask], found: Reserved) -> bool:
        return any(ask.unit == "streams" and not each.room for ask, each in zip(asks, found.standings, strict=True))

    def _bury_dead(self, number: int = 0) -> bool:
        """Close the requests of processes that have died, and of whoever had `number`. True if there were any."""
        leases = [(at, row) for at, row in self._table.leases() if row.current]
        owners = {row.owner for _, row in leases}
        dead = {owner for owner in owners if owner == number or self._owner.dead(owner)} if owners else set()
        for at, lease in leases:
            if lease.owner in dead:
                self._table.spend(at, 0)
        # Counted anew, as whoever was killed may have counted for one of the two rows alone.
        for place in {lease.length for _, lease in leases if lease.owner in dead}:
            living = sum(each.current for _, each in leases if each.length == place and each.owner not in dead)
            row = self._table.row(place) if place < self._table.rows else None
            if row is not None and row.flags & STREAMS:
                self._table.spend(place, living)
        return bool(dead)


def _override(row: StoredRow) -> int | None:
    return None if row.override == NO_LIMIT else row.override


def _standing(row: StoredRow | None, ask: Ask, now: float) -> Standing:
    """Return how an account stands for an ask, whatever window its row was last changed in."""
    if row is None:
        return Standing(ask.limit, 0)
    tally = AccountTally(row.start, row.current, row.previous)
    tally.roll(ask.period)
    return standing_of(tally, ask, _override(row), now)


def _asked(row: Numbers, ask: Ask, now: float) -> Standing:
    """Return how a row in the window of now stands for an ask, whose amount is not in it."""
    _, start, override, _, _, _, _, current, previous = row
    limit = ask.limit if override == NO_LIMIT else override
    if not (ask.sliding and previous) and current + ask.amount <= limit:
        return Standing(limit, current)
    return standing_of(AccountTally(start, current, previous), ask, None if override == NO_LIMIT else override, now)
