"""The work that a body may still take, counted by whoever does it, so that work nobody waits for comes to an end."""

from typing import Final

from msgspec import Struct

ENDLESS: Final = 1 << 62
"""Steps that no work takes."""


class SpentError(Exception):
    """The steps are used up, or nobody waits for the result any more. What was done so far is of no use."""


class Meter(Struct, eq=False):
    """Counts steps of about a microsecond, estimated by what they do, as no clock is read here.

    The thread that works spends; any other may `stop` it. Both are looked at in `spend` alone, so whoever works calls
    it between bounded steps. `stopped`: nobody waits for the work any more.
    """

    left: int = ENDLESS
    stopped: bool = False

    def spend(self, steps: int) -> None:
        """Counts `steps`.

        Raises:
            SpentError: there are none left, or the work was stopped.
        """
        self.left -= steps
        if self.left < 0 or self.stopped:
            raise SpentError

    def stop(self) -> None:
        """Ends the work at its next step."""
        self.stopped = True


class Chained(Meter, eq=False):
    """Counts the work of a stream, whose parts keep it, and has the meter of the piece at hand count it, too."""

    _piece: Meter | None = None

    def spend(self, steps: int) -> None:
        """See `Meter.spend`."""
        self.left -= steps
        if self.stopped:
            raise SpentError
        if self._piece is not None:
            self._piece.spend(steps)

    def chain(self, piece: Meter | None) -> None:
        """Has this meter count from now on, too; None for no other."""
        self._piece = piece
