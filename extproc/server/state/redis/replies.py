"""Questions about accounts as words of the scripts, and their replies as standings."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from extproc.server.state.redis.connection import Word
from extproc.usage.budgets.counting import AccountTally
from extproc.usage.budgets.ledger import Ask, LedgerError, Reserved, ReservedPart, Standing
from extproc.usage.budgets.process import standing_of, used_more
from extproc.usage.budgets.window import LASTING, Period

ROW: Final = 6
"""Values of an account in a reply to RESERVE."""

HEAD: Final = 3
"""Values before the accounts."""


class KnownAccount(Struct, frozen=True, gc=False):
    """An account as a reply had it."""

    start: int
    current: int
    previous: int
    override: int | None

    @property
    def tally(self) -> AccountTally:
        """Return its numbers, to reckon with."""
        return AccountTally(self.start, self.current, self.previous)


class ReserveReply(Struct, frozen=True):
    """A reply to RESERVE: what was reserved, and each account as it is now."""

    reserved: Reserved
    accounts: tuple[KnownAccount, ...]


def words_of(asks: Sequence[Ask], streams: Sequence[int], instance: str) -> Iterator[Word]:
    """Yield the words for RESERVE. `streams`: the number of each ask, by which a stream is known."""
    for ask, number in zip(asks, streams, strict=True):
        period = ask.period
        yield from (ask.amount, ask.limit, period.start, period.end, period.before)
        yield from (int(ask.sliding), int(ask.enforced))
        yield stream_id(instance, number) if ask.unit == "streams" else b""
        yield from names_of(ask)


def names_of(ask: Ask) -> tuple[bytes, bytes]:
    """Return the names of budget and subject, which lists show."""
    return ask.account.budget.encode(), ask.account.subject.encode("utf-8", "replace")


def stream_id(instance: str, number: int) -> str:
    """Return the name of an open stream of one worker."""
    return f"{instance}:{number}"


def heard(asks: Sequence[Ask], streams: Sequence[int], reply: Any) -> ReserveReply:
    """Return what a reply to RESERVE says. Raises LedgerError if it is none."""
    try:
        return _heard(asks, streams, reply)
    except (TypeError, ValueError, IndexError):
        raise LedgerError("broken") from None


def _heard(asks: Sequence[Ask], streams: Sequence[int], reply: Any) -> ReserveReply:
    now = int(reply[1]) + int(reply[2]) / 1_000_000
    standings, parts, accounts = [], [], []
    taken = reply[0] == 1
    for at, (ask, number) in enumerate(zip(asks, streams, strict=True)):
        start, current, previous, override, begin, end = reply[HEAD + at * ROW : HEAD + (at + 1) * ROW]
        account = KnownAccount(int(start), int(current), int(previous), int(override) if override else None)
        asked = ask
        if ask.unit != "streams":
            period = Period(int(begin), int(end), ask.period.before)
            asked = ask if period == ask.period else replace(ask, period=period)
        standing = standing_of(account.tally, asked, account.override, now)
        if taken:
            standing = used_more(standing, ask.amount)
            first = number if ask.unit == "streams" else account.start
            parts.append(ReservedPart(ask.account, ask.unit, ask.amount, first, asked.period.end))
            account = replace(account, current=account.current + ask.amount)
        standings.append(standing)
        accounts.append(account)
    return ReserveReply(Reserved(tuple(standings), tuple(parts)), tuple(accounts))


def settling(parts: Iterable[tuple[ReservedPart, int]], instance: str) -> Iterator[Word]:
    """Yield the words for SETTLE, of parts with the difference to what was reserved."""
    for part, by in parts:
        if part.unit == "streams":
            yield from (0, 0, 0, stream_id(instance, part.start))
        else:
            yield from (part.start, part.end, by, b"")


def period_of(ask: Ask) -> tuple[int, int, int]:
    """Return start and end of an ask's window, and the start of the one before; zeros without one."""
    return (0, 0, 0) if ask.period == LASTING else (ask.period.start, ask.period.end, ask.period.before)


def looked(reply: Any, *, streams: bool) -> tuple[KnownAccount, float, str, str]:
    """Return what a reply to LOOK says: the account, Redis's time, and the names. Raises LedgerError."""
    try:
        seconds, micros, start, current, previous, override, budget, subject, opened = reply
        now = int(seconds) + int(micros) / 1_000_000
        kept = int(override) if override else None
        account = (
            KnownAccount(0, int(opened), 0, kept)
            if streams
            else KnownAccount(int(start), int(current), int(previous), kept)
        )
        return account, now, budget.decode("utf-8", "replace"), subject.decode("utf-8", "replace")
    except (TypeError, ValueError, AttributeError):
        raise LedgerError("broken") from None


def standing_now(ask: Ask, account: KnownAccount, now: float) -> Standing:
    """Return how an account stands in the window of an ask."""
    tally = account.tally
    if ask.unit != "streams":
        tally.roll(ask.period)
    return standing_of(tally, ask, account.override, now)
