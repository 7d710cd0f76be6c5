"""The processes that have a file of budgets open: each holds a lock on a byte of its own, for as long as it lives.

So whoever looks knows which of them have died, whatever they died of.
"""

import fcntl
from typing import Final

from extproc.usage.budgets.ledger import LedgerError

OWNERS_MAX: Final = 1024
"""Processes that may have one file open: four times as many as a program has workers."""

LOCKED_AT: Final = 1 << 40
"""Where the locked bytes are: behind all that a file can hold."""


class Owner:
    """This process among those that have the file open. Raises LedgerError if there are too many."""

    def __init__(self, file: int) -> None:
        self._file = file
        self.number = next((number for number in range(1, OWNERS_MAX + 1) if self._taken(number)), 0)
        if not self.number:
            raise LedgerError("busy")

    def dead(self, number: int) -> bool:
        """True if nobody has that number any more."""
        if number == self.number:
            return False
        if not self._taken(number):
            return False
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, LOCKED_AT + number)
        return True

    def _taken(self, number: int) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, LOCKED_AT + number)
        except OSError:
            return False
        return True
