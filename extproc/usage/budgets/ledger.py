"""The interface to the state of budgets: who keeps it counts what is reserved, and corrects it by what it was.

A reservation is a charge in advance: its amounts are counted as spent at once. Settling adds the difference to what was
taken in the end. So whatever is lost on the way, a settlement or the whole worker, stays charged as it was reserved:
nothing is ever spent uncounted.
"""

from hashlib import blake2b
from typing import Final, Literal, Protocol, TypeAlias

from msgspec import Struct

from extproc.policy.budgets import BudgetUnit
from extproc.protocol.work import RemoteAsk, WorkResult
from extproc.usage.budgets.window import Period

KEY_BYTES: Final = 16
"""Bytes of an account's key. Two of a billion accounts share one with a chance of 1 to 10^21."""


class Account(Struct, frozen=True, gc=False):
    """The account of one subject in one budget. `key`: what the state knows it by.

    The subject may be a client's word: a tenant, a key's id, or the value of a trusted header.
    """

    key: bytes
    budget: str
    subject: str

    def __repr__(self) -> str:
        return f"Account({self.budget})"


def account_key(definition: str, subject: str) -> bytes:
    """Return the key of a subject's account. `definition`: what makes the budget count as it does."""
    return blake2b(f"{definition}\0{subject}".encode("utf-8", "surrogatepass"), digest_size=KEY_BYTES).digest()


class Ask(Struct, frozen=True, gc=False):
    """A wish for a part of an account.

    `amount` is in the unit's whole numbers (dollars in billionths). `limit`: the policy's; the state may hold another
    for the account, which goes before it. `period`: the window of now. `enforced`: without room, nothing is reserved
    at all; else the amount is counted in any case.
    """

    account: Account
    unit: BudgetUnit
    amount: int
    limit: int
    period: Period
    sliding: bool = False
    enforced: bool = True


class Standing(Struct, frozen=True, gc=False):
    """The state of an account: the limit that holds, what is used of it, reservations included.

    `room`: False if the amount that was asked for found no room, and then `wait` is in how many seconds it will have
    some if nothing else is asked for; None if it is more than the whole limit, or nobody knows (streams).
    """

    limit: int
    used: int
    room: bool = True
    wait: float | None = None

    @property
    def remaining(self) -> int:
        """What is left."""
        return self.limit - self.used if self.used < self.limit else 0


class ReservedPart(Struct, frozen=True, gc=False):
    """A part of an account that is reserved until it is settled. `start`, `end`: the window that it is charged to."""

    account: Account
    unit: BudgetUnit
    amount: int
    start: int
    end: int


class Reserved(WorkResult, frozen=True):
    """The response to several asks: how each account stands, in the order of the asks, and what was taken of it.

    All of it is reserved, or nothing: `taken` is empty if an enforced ask found no room, and then `standings` are those
    without the request.
    """

    standings: tuple[Standing, ...]
    taken: tuple[ReservedPart, ...]


class Settled(Struct, frozen=True, gc=False):
    """What a reserved part came to. `amount`: what was spent; 0 gives all of it back."""

    taken: ReservedPart
    amount: int


LedgerFault: TypeAlias = Literal["full", "busy", "broken", "timeout", "error", "overloaded", "unavailable"]
"""Why the state could not count: no room for the account, another process holds it, its file is wrong, and what may
become of a question to another machine."""


class LedgerError(Exception):
    """Raised when the state cannot count. `on_failure` of the policy says what becomes of the request."""

    def __init__(self, fault: LedgerFault) -> None:
        super().__init__(fault)
        self.fault = fault


class Ledger(Protocol):
    """The state of budgets, as exchanges use it. `now` is in seconds since 1970. Called in the loop's thread alone."""

    @property
    def timeout(self) -> float:
        """Seconds that a question to another machine may take."""

    def reserve(self, asks: tuple[Ask, ...], now: float) -> Reserved | RemoteAsk:
        """Reserve all that is asked for, or nothing. A `RemoteAsk` gives the `Reserved` later.

        A `RemoteAsk` that is cancelled, or comes too late, gives back what it may have reserved by itself.

        Raises:
            LedgerError: it cannot be counted.
        """

    def settle(self, settled: tuple[Settled, ...]) -> None:
        """Correct what was reserved. Returns at once and raises nothing: what cannot be written stays as reserved."""

    def standing(self, ask: Ask, now: float) -> Standing | None:
        """Return how an account stands without asking anybody; None if that is not known here.

        Memory knows; what is kept elsewhere answers what it last heard. The ask's amount counts for nothing.
        """


class StandingRow(Struct, frozen=True):
    """An account, as operators see it. `override`: the limit that was set at run time, if one was."""

    budget: str
    subject: str
    unit: BudgetUnit
    used: int
    limit: int
    override: int | None
    resets: int | None
    """When the window ends, in seconds since 1970; None without one."""


class LedgerDesk(Protocol):
    """The state of budgets, as the admin port uses it. Raises LedgerError."""

    async def rows(self, asks: "AskOf", now: float, budget: str | None) -> list[StandingRow]:
        """Return the accounts that are counted of budgets that there are: of one, or of all. Their order is free.

        `asks`: see `AskOf`.
        """

    async def row(self, ask: Ask, now: float) -> StandingRow:
        """Return one account, which may never have been used."""

    async def set_limit(self, ask: Ask, limit: int | None, now: float) -> None:
        """Have an account another limit than the policy says from now on, in all workers; None for the policy's."""

    async def reset(self, ask: Ask, now: float) -> None:
        """Forget what an account has spent, and what is reserved of it; concurrent streams stay."""


class AskOf(Protocol):
    """Says how an account is counted, by the budget and the subject that the state holds with it."""

    def __call__(self, budget: str, subject: str) -> Ask | None:
        """Return an ask for nothing of the account; None if there is no such budget now."""
