"""Readings of a request that the choice of a backend weighs besides signals; and reports of exchanges on backends."""

from collections.abc import Callable, Mapping
from typing import Final

from extproc.apis.demand import UNDETERMINED
from extproc.apis.placement import conversation_of, prefix_of
from extproc.policy.strategy import StickyBy
from extproc.routing.placing import key_of
from extproc.routing.table import Table
from extproc.routing.weighing import NO_DEMAND, WeighedBody, Weighing
from extproc.signals.view import RequestView
from extproc.transaction.memory import Memory
from extproc.transaction.shared import Shared

_PARTS: Final[Mapping[StickyBy, Callable[[bytes], bytes | None]]] = {
    "conversation": conversation_of,
    "prefix": prefix_of,
}


def weigh(table: Table, view: RequestView, body: bytes | None) -> WeighedBody | None:
    """Read what the route of the model that is asked for weighs; None if that is nothing.

    `body` is None if there is no time to read it: then its demand cannot be determined, and it has no key.
    """
    reads = table.reads.get(view.asked.model) if view.asked is not None else None
    if reads is None:
        return None
    key = None if reads.sticky_by is None else _key(reads.sticky_by, view.circumstances.tenant, body)
    return WeighedBody(view.demand_within(reads.room) if reads.demand else NO_DEMAND, key)


def _key(sticky_by: StickyBy, tenant: str, body: bytes | None) -> int | None:
    """The key that a request is placed by; None if it has nothing of that. Tenants share no key."""
    if sticky_by == "tenant":
        return key_of(tenant.encode()) if tenant else None
    said = None if body is None else _PARTS[sticky_by](body)
    return None if said is None else key_of(b"\0".join((tenant.encode(), said)))


def weighing_of(
    table: Table, shared: Shared, memory: Memory, model: str, draw: float, now: float, *, told: bool = False
) -> Weighing:
    """Return what the choice for a request weighs: for a model in `Table.weighs`, or where somebody wants to know.

    `told`: the candidates that are left out are recorded.
    """
    weighed = memory.weighed
    if weighed is None:
        weighed = WeighedBody(UNDETERMINED if model in table.reads and table.reads[model].demand else NO_DEMAND)
    memory.left = [] if shared.detailed or told else None
    return Weighing(
        draw,
        now,
        shared.busy,
        shared.speeds,
        weighed.demand,
        stream=bool(memory.stream),
        key=weighed.key,
        left=memory.left,
    )


def note_open(shared: Shared, memory: Memory) -> None:
    """Count an exchange whose backend was chosen as open."""
    if memory.choice is not None:
        memory.opened = memory.choice.candidate.key
        shared.busy.opened(memory.opened)


def note_closed(shared: Shared, memory: Memory) -> None:
    """Count an exchange that is over as closed, once."""
    if memory.opened is not None:
        shared.busy.closed(memory.opened)
        memory.opened = None


def note_begun(shared: Shared, memory: Memory, now: float) -> None:
    """Take the time to the beginning of a backend's response that is no error; after a retry it is not known."""
    if memory.choice is not None and memory.decided is not None and memory.attempt == 1:
        key, stream = memory.choice.candidate.key, bool(memory.stream)
        shared.speeds.began(key, now - memory.decided, now, stream=stream)


def note_written(shared: Shared, memory: Memory, begun: float, now: float) -> None:
    """Take the time of a token of a stream that came to its end, if the tokens are known."""
    if memory.choice is not None and memory.stream and memory.usage.output:
        shared.speeds.wrote(memory.choice.candidate.key, (now - begun) / memory.usage.output, now)
