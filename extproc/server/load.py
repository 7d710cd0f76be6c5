"""The load of a worker, measured: what of its limits is used up, and how late its loop is."""

from collections.abc import Callable, Mapping
from typing import Final

from extproc.policy.settings import Limits
from extproc.transaction.load import WorkerLoad

OPEN_EXCHANGES: Final = "open_exchanges"
HELD_BODIES: Final = "held_bodies"
QUEUE: Final = "queue"
LOOP_LAG: Final = "loop_lag"
"""The parts of a load: names of limits, and the bodies that wait for a thread or a guard."""


class LoadWatch:
    """Looks at the load each time that deadlines are swept, and when exchanges are begun past a threshold.

    `queued` returns how much of what may wait for threads and guards does. `changed` is told when the worker begins to
    turn exchanges away, and when it ends that.
    """

    def __init__(self, load: WorkerLoad, limits: Limits) -> None:
        self.load = load
        self.queued: Callable[[], float] = _nothing_waits
        self.changed: Callable[[WorkerLoad], None] = _untold
        self.parts: Mapping[str, float] = {}
        self._late = 0.0
        self.take(limits)

    def take(self, limits: Limits) -> None:
        """Measure by these limits from now on."""
        self._limits = limits
        self.crowd = limits.open_exchanges * limits.overload.refuse
        """Open exchanges from which the worker is overloaded, whatever else it does."""

    def look(self, open_exchanges: int, held: int, late: float) -> None:
        """Take what there is now; `late`: by how many seconds this look is.

        The loop lags if two looks in a row are late: one long step, such as a collection of garbage, is over already.
        """
        lag, self._late = min(late, self._late), late
        self._weigh(open_exchanges, held, lag)

    def begun(self, open_exchanges: int, held: int) -> None:
        """Take that many exchanges have begun since the last look."""
        self._weigh(open_exchanges, held, self.parts.get(LOOP_LAG, 0.0) * self._limits.overload.loop_lag)

    def _weigh(self, open_exchanges: int, held: int, lag: float) -> None:
        limits = self._limits
        parts = self.parts = {
            OPEN_EXCHANGES: open_exchanges / limits.open_exchanges,
            HELD_BODIES: held / limits.held,
            QUEUE: self.queued(),
            LOOP_LAG: lag / limits.overload.loop_lag,
        }
        cause = max(parts, key=parts.__getitem__)
        if self.load.take(cause, parts[cause], limits.overload):
            self.changed(self.load)


def _nothing_waits() -> float:
    return 0.0


def _untold(_: WorkerLoad) -> None:
    """Nobody asks: the worker is in the process of whoever started it."""
