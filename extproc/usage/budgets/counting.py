"""The arithmetic of an account: two numbers, one for the window of now and one for the window before."""

import math

from msgspec import Struct

from extproc.usage.budgets.ledger import ReservedPart
from extproc.usage.budgets.window import Period


class AccountTally(Struct, gc=False):
    """What an account has spent in the window that began at `start`, and in the one before. Mutable."""

    start: int = 0
    current: int = 0
    previous: int = 0

    def roll(self, period: Period) -> None:
        """Go on to the window of now. A clock that was put back changes nothing: the later window goes on."""
        if period.start <= self.start:
            return
        self.previous = self.current if self.start >= period.before else 0
        self.current, self.start = 0, period.start

    def used(self, period: Period, now: float, *, sliding: bool) -> int:
        """Return what counts against the limit.

        With sliding windows it takes what was spent in the window before as evenly spread, and counts the part that is
        not over yet. So it is exact for an even rate; a burst at the end of a window is forgotten early, and less than
        twice the limit may pass within one length of the window.
        """
        if not sliding or not self.previous:
            return self.current
        left = min(1.0, max(0.0, (period.end - now) / (period.end - period.start)))
        return self.current + math.ceil(self.previous * left)

    def correct(self, part: ReservedPart, amount: int) -> None:
        """Have `amount` in the place of what was reserved, if the window that it was charged to still counts."""
        by = amount - part.amount
        if part.start == self.start:
            self.current = max(0, self.current + by)
        elif part.end == self.start:
            self.previous = max(0, self.previous + by)

    def reset(self, now: float) -> None:
        """Forget all. What is reserved belongs to no window that counts from now on, since `start` is another."""
        self.start, self.current, self.previous = max(int(now), self.start + 1), 0, 0

    def wait(self, period: Period, now: float, amount: int, limit: int, *, sliding: bool) -> float | None:
        """Return in how many seconds there will be room for `amount`; None if it is more than the limit."""
        if amount > limit:
            return None
        if not sliding:
            return max(0.0, period.end - now)
        length, free = period.end - period.start, limit - amount
        if self.current <= free:
            if not self.previous:
                return 0.0
            return max(0.0, period.end - length * (free - self.current) / self.previous - now)
        return max(0.0, period.end + length * (1 - free / self.current) - now)
