"""A circuit breaker: after failures in a row a guard is left alone, and then tried by a single question."""

from typing import Literal, TypeAlias

BreakerState: TypeAlias = Literal["closed", "open", "half_open"]
"""`half_open`: one question is on its way, and decides."""


class CircuitBreaker:
    """Counts failures in a row. Times are seconds of a clock that never goes back, given as arguments."""

    __slots__ = ("_cooldown", "_failures", "_most", "_opened", "state")

    def __init__(self, failures: int, cooldown: float) -> None:
        self._most = failures
        self._cooldown = cooldown
        self._failures = 0
        self._opened = 0.0
        self.state: BreakerState = "closed"

    def admits(self, now: float) -> bool:
        """True if the guard may be asked; when it is, one of the methods below says how that ended."""
        if self.state == "open" and now - self._opened >= self._cooldown:
            self.state = "half_open"
            return True
        return self.state == "closed"

    def succeeded(self) -> None:
        """The guard has answered."""
        self._failures = 0
        self.state = "closed"

    def failed(self, now: float, *, probe: bool = True) -> None:
        """The guard has not answered, or with nonsense. `probe`: the question was the one that tries it, if one does.

        Questions from before it was left alone decide nothing while another one tries it.
        """
        if self.state == "half_open" and not probe:
            return
        self._failures += 1
        if self.state == "half_open" or self._failures >= self._most:
            self.state = "open"
            self._opened = now

    def dropped(self, *, probe: bool = True) -> None:
        """Nobody waits for the answer any more, which says nothing of the guard. The next question may try it."""
        if self.state == "half_open" and probe:
            self.state = "open"  # since when is as it was: the cooldown is over

    def __repr__(self) -> str:
        return f"CircuitBreaker({self.state})"
