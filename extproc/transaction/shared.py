"""What the transactions of one worker have in common. Everything else belongs to one exchange."""

from collections.abc import Mapping

from extproc.routing.draws import Draws
from extproc.routing.health import Health


class Shared:
    """Backend health and the draw sequence. `start` in [0, 1) sets workers apart. `detailed`: every find is told of.

    `overridden`: the fingerprints of Envoys (empty for one that sends none) that are known to take a mode_override.
    `astray`: those that did not follow a steering header, with the plan under which that was seen.
    """

    __slots__ = ("astray", "detailed", "draws", "health", "overridden")

    def __init__(self, start: float = 0.0, *, detailed: bool = False) -> None:
        self.detailed = detailed
        self.overridden: set[bytes] = set()
        self.astray: dict[bytes, object] = {}
        self.health = Health()
        self.draws = Draws(start)

    def report(self, now: float) -> Mapping[str, bool]:
        """Backend -> is it known to be down."""
        return self.health.report(now)
