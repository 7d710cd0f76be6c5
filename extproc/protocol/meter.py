"""The work that a body may still take, counted by whoever does it, so that work nobody waits for comes to an end."""

from typing import Final

ENDLESS: Final = 1 << 62
"""Steps that no work takes."""


class SpentError(Exception):
    """The steps are used up, or nobody waits for the result any more. What was done so far is of no use."""


class Meter:
    """Counts steps of about a microsecond, estimated by what they do, as no clock is read here.

    The thread that works spends; any other may `stop` it. Both are looked at in `spend` alone, so whoever works calls
    it between bounded steps.
    """

    __slots__ = ("_stopped", "left")

    def __init__(self, steps: int = ENDLESS) -> None:
        self.left = steps
        self._stopped = False

    def spend(self, steps: int) -> None:
        """Counts `steps`.

        Raises:
            SpentError: there are none left, or the work was stopped.
        """
        self.left -= steps
        if self.left < 0 or self._stopped:
            raise SpentError

    def stop(self) -> None:
        """Ends the work at its next step."""
        self._stopped = True

    @property
    def stopped(self) -> bool:
        """True once nobody waits for the work."""
        return self._stopped


class Chained(Meter):
    """Counts the work of a stream, whose parts keep it, and has the meter of the piece at hand count it, too."""

    __slots__ = ("_piece",)

    def __init__(self) -> None:
        super().__init__()
        self._piece: Meter | None = None

    def spend(self, steps: int) -> None:
        """See `Meter.spend`."""
        self.left -= steps
        if self._stopped:
            raise SpentError
        if self._piece is not None:
            self._piece.spend(steps)

    def chain(self, piece: Meter | None) -> None:
        """Has this meter count from now on, too; None for no other."""
        self._piece = piece
