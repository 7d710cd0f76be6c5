"""The choice of the state that a policy's budgets are kept in."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from extproc.policy.redis_state import RedisAccess
from extproc.policy.state import State
from extproc.server.state.shared_ledger import SharedLedger
from extproc.usage.budgets.ledger import Ask, Ledger, LedgerDesk, LedgerError, LedgerFault, Reserved, Settled, Standing
from extproc.usage.budgets.process import ProcessLedger

if TYPE_CHECKING:
    from extproc.server.state.redis.ledger import RedisLedger

FILE: Final = "budgets"
"""The file in a folder of its own, where the policy names none."""


class BrokenLedger:
    """Stands for a state that cannot be opened: nothing can be counted, and `on_failure` says what becomes of that."""

    def __init__(self, fault: LedgerFault) -> None:
        self._fault = fault
        self.timeout = 0.0

    def reserve(self, asks: tuple[Ask, ...], now: float) -> Reserved:  # noqa: ARG002  - see `Ledger`
        """See `Ledger.reserve`."""
        raise LedgerError(self._fault)

    def settle(self, settled: tuple[Settled, ...]) -> None:
        """See `Ledger.settle`: nothing was reserved."""

    def standing(self, ask: Ask, now: float) -> Standing | None:
        """See `Ledger.standing`."""


def opened_ledger(state: State, place: str) -> Ledger:
    """Return the state for a worker's exchanges. `place`: a folder for what the policy names no file for.

    Without a place, the state is this process's own. Raises LedgerError.
    """
    path = file_of(state, place)
    return ProcessLedger(state.memory.subjects) if path is None else SharedLedger(path, state.memory.subjects)


def redis_ledger(access: RedisAccess, clock: Callable[[], float]) -> "RedisLedger":
    """Return the state in Redis, for a worker's exchanges. `clock` measures time."""
    # Only who has it there needs to speak its protocol.
    found: RedisLedger = import_module("extproc.server.state.redis.ledger").RedisLedger(access, clock)
    return found


def opened_desk(state: State, place: str, access: RedisAccess | None = None) -> LedgerDesk:
    """Return the same state for the admin port: in Redis with `access`. Raises LedgerError."""
    if access is not None:
        found: LedgerDesk = import_module("extproc.server.state.redis.desk").RedisDesk(access)
        return found
    path = file_of(state, place)
    return ProcessLedger(state.memory.subjects) if path is None else SharedLedger(path, state.memory.subjects)


def file_of(state: State, place: str) -> Path | None:
    """Return the file of budgets; None if they are in the memory of one process."""
    if state.memory.file is not None:
        return state.memory.file
    return Path(place, FILE) if place else None


def ledger_or_problem(state: State, place: str) -> tuple[Ledger, str | None]:
    """Return the state, or one that counts nothing with what is wrong."""
    try:
        return opened_ledger(state, place), None
    except LedgerError as error:
        mend = "see state.memory.file in the policy"
        problem = f"the state of budgets in {file_of(state, place)} cannot be used ({error.fault}): {mend}"
        return BrokenLedger(error.fault), problem
