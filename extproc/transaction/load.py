"""The load of a worker, as its exchanges have to know it."""

from typing import Final

from extproc.policy.overload import Overload

EASED: Final = 0.8
"""The part of a threshold below which the load has to fall: a load that stays about a threshold would turn processors
on and off, and clients away and in, five times a second."""

REFUSED_ROOM: Final = 2
"""The part of `limits.open_exchanges` that may be open while new ones are refused in words: those that were have a
kilobyte each, and are open until Envoy has heard. Past it they end as UNAVAILABLE, without words."""


class WorkerLoad:
    """Mutable, one a worker. `lean`: new exchanges go without the processors that may be skipped.

    `refuses`: new exchanges are turned away; `alone`: there is no other worker that could take them. `cause`: what is
    used up most. `part`: how much of it.
    """

    __slots__ = ("alone", "cause", "lean", "part", "refuses")

    def __init__(self) -> None:
        self.lean = False
        self.refuses = False
        self.alone = True
        self.cause = ""
        self.part = 0.0

    def take(self, cause: str, part: float, limits: Overload) -> bool:
        """Take over the largest part of the load; return True if `refuses` has changed."""
        before = self.refuses
        self.cause, self.part = cause, part
        self.lean = part >= limits.skip * (EASED if self.lean else 1.0)
        self.refuses = part >= limits.refuse * (EASED if before else 1.0)
        return self.refuses is not before

    def __repr__(self) -> str:
        return f"WorkerLoad({self.cause}, {self.part:.2f})"
