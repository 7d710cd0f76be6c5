"""The shared state of one worker's transactions. Everything else belongs to one exchange."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from extproc.policy.endpoints import EndpointPool
from extproc.policy.virtual_keys import KeyRing
from extproc.routing.busy import OpenExchanges
from extproc.routing.endpoints import EndpointBook
from extproc.routing.health import BackendHealth
from extproc.routing.selection import APART, Draws
from extproc.routing.speeds import Speeds
from extproc.transaction.auditing.settings import AuditSettings
from extproc.transaction.load import WorkerLoad
from extproc.transaction.steering.misconfigured import What
from extproc.transaction.steering.witness import SteeringWatch

if TYPE_CHECKING:  # only policies with budgets need it
    from extproc.usage.budgets.ledger import Ledger


class Shared:
    """Backend health, load and speed, the draw sequence, the time of day, and the bytes of bodies that are held.

    `start` in [0, 1) sets workers apart. `detailed`: every finding is told of. `overridden`: the fingerprints of Envoys
    (empty for one that sends none) that are known to take a mode_override. `steering`: how their steering can be
    verified. `astray`: those that did not follow a steering header, or left a client's credential in a request, with
    the plan under which that was seen and which of the two it was. `epoch`: seconds since 1970 at 0 of the clock by
    which messages come, None where nobody says; the shell sets it anew as clocks are put right. `books`: the endpoints
    of pools, by the pool's name. `copies`: the draws of the requests that are mirrored. `ring`: the virtual keys as the
    shell last read them, None where it has not: then those of the plan hold. `unaudited`: the audit record cannot be
    written, and the policy has new requests refused for that. `random`: returns so many random bytes; None where there
    is no shell to give any. `load`: what the worker has to do. `ledger`: the state of budgets, None where nothing is
    counted, as in rehearsals.
    """

    __slots__ = (
        "astray",
        "books",
        "busy",
        "copies",
        "detailed",
        "draws",
        "epoch",
        "health",
        "held",
        "ledger",
        "load",
        "overridden",
        "random",
        "ring",
        "speeds",
        "steering",
        "unaudited",
    )

    def __init__(self, start: float = 0.0, *, detailed: bool = False, epoch: float | None = None) -> None:
        self.detailed = detailed
        self.epoch = epoch
        self.overridden: set[bytes] = set()
        self.steering = SteeringWatch()
        self.astray: dict[bytes, tuple[object, What]] = {}
        self.health = BackendHealth()
        self.busy = OpenExchanges()
        self.speeds = Speeds()
        self.draws = Draws(start)
        self.copies = Draws(start, APART)
        self.held = 0
        self.unaudited = False
        self.random: Callable[[int], bytes] | None = None
        self.load = WorkerLoad()
        self.ledger: Ledger | None = None
        self.books: dict[str, EndpointBook] = {}
        self.ring: KeyRing | None = None

    def listed(self, audit: AuditSettings | None) -> int:
        """Return how many findings of a body are listed one by one, under a plan with these audit settings."""
        if self.detailed:
            return sys.maxsize
        return 0 if audit is None else audit.section.spans

    def book(self, pool: EndpointPool, now: float) -> EndpointBook:
        """Return what is known of the endpoints of a pool."""
        found = self.books.get(pool.name)
        if found is None:
            found = self.books[pool.name] = EndpointBook()
            found.configure(pool, now)
        return found
