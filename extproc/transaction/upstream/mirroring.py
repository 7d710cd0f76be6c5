"""Mirrors: which requests Envoy is to copy."""

from extproc.apis.demand import UNDETERMINED
from extproc.routing.mirrors import MirrorRoute
from extproc.routing.table import Table
from extproc.routing.weighing import NO_DEMAND
from extproc.transaction.memory import Memory
from extproc.transaction.shared import Shared


def mirrored(
    table: Table, shared: Shared, memory: Memory, model: str, now: float, *, sealed: bool, coded: bool
) -> MirrorRoute | None:
    """Return where a copy of a request for `model` goes, and note in `memory` what becomes of one that was drawn.

    None: it is not one of the share, or may not be copied. `sealed`: it carries what only one provider can read.
    `coded`: its body has encodings, so that no other model could be written into it.
    """
    mirror = table.mirrors.get(model)
    if mirror is None or shared.copies.next() >= mirror.share:
        return None
    why = _barred(table, shared, memory, mirror, model, now)
    if not memory.known:
        why = "envoy"  # it is not known to be configured for the policy, and may copy elsewhere or nowhere
    elif sealed:
        why = "sealed"
    elif coded or not memory.path.isascii():
        why = "form"
    elif memory.handed.eager:
        why = "unjudged"  # the request goes on before its detectors have spoken, and a copy cannot be called back
    memory.mirror = why or mirror.candidate.destination.name
    memory.unmirrored = why is not None
    return mirror if why is None else None


def _barred(table: Table, shared: Shared, memory: Memory, mirror: MirrorRoute, model: str, now: float) -> str | None:
    assert memory.claimed is not None, "it is routed"
    reads = table.reads.get(model)
    undetermined = UNDETERMINED if reads is not None and reads.demand else NO_DEMAND
    demand = undetermined if memory.weighed is None else memory.weighed.demand
    candidate = mirror.candidate
    if shared.health.down(candidate.destination.name, candidate.known, now):
        return "down"
    return mirror.barred(memory.claimed.api.family.name, memory.confinement, demand)
