"""What the transactions of one worker have in common. Everything else belongs to one exchange."""

from collections.abc import Mapping

from extproc.routing.draws import Draws
from extproc.routing.health import Health


class Shared:
    """Backend health, the draw sequence, and the bytes of bodies that are held.

    `start` in [0, 1) sets workers apart. `detailed`: every find is told of.
    """

    __slots__ = ("detailed", "draws", "health", "held")

    def __init__(self, start: float = 0.0, *, detailed: bool = False) -> None:
        self.detailed = detailed
        self.health = Health()
        self.draws = Draws(start)
        self.held = 0

    def report(self, now: float) -> Mapping[str, bool]:
        """Backend -> is it known to be down."""
        return self.health.report(now)
