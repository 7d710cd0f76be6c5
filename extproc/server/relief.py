"""The workers of a host beside each other: each is told whether another one has room for what it turns away."""

from collections.abc import Sequence
from typing import Protocol

from extproc.server.control import Order, TellRelief


class Loaded(Protocol):
    """A worker, as far as its load goes. `overloaded`: what it has no more of; None if it has room."""

    overloaded: str | None

    @property
    def takes(self) -> bool:
        """True if it takes exchanges."""

    def order(self, order: Order) -> None:
        """Tell the worker something."""


def tell_relief(workers: Sequence[Loaded]) -> None:
    """Tell each worker that serves whether there is another one with room."""
    roomy = [each for each in workers if each.takes and each.overloaded is None]
    for worker in workers:
        if worker.takes:
            worker.order(TellRelief(any(each is not worker for each in roomy)))


def unready(workers: Sequence[Loaded]) -> str | None:
    """Return why none of them takes exchanges; None if one does."""
    serving = [each for each in workers if each.takes]
    causes = [each.overloaded for each in serving if each.overloaded is not None]
    if not serving:
        return "no worker is ready"
    if len(causes) < len(serving):
        return None
    return f"overloaded: {', '.join(sorted(set(causes)))}"
