"""Residency of requests that no API claims: where they go is known by their path alone."""

from typing import Final

from extproc.protocol.headers import HeaderMap
from extproc.routing.narrowing import named_region
from extproc.routing.residency import ResidencyError
from extproc.routing.table import Destination
from extproc.routing.weighing import LeftOut
from extproc.transaction.memory import Memory
from extproc.transaction.plan import Plan
from extproc.transaction.requests.passage import Forwarding

_OWN: Final = "what Envoy's own routes lead to"


def confine(plan: Plan, memory: Memory, passage: Forwarding, fields: HeaderMap, *, empty: bool) -> bool:
    """Return True if a request of no API has to be read, as its body decides if it may go where its path leads.

    `empty`: it has no body.
    """
    claim = memory.claim
    claimed = None if claim is None else claim.claimed
    memory.family = claimed.api if claimed is not None else plan.apis.family_of(fields)
    return not empty and plan.confines_by_body(passage.destination)


def check_region(plan: Plan, memory: Memory, destination: Destination | None) -> None:
    """Find out where a request may go, and refuse it if `destination` is elsewhere. Raises ResidencyError.

    `destination` is None where Envoy's own routes decide: nobody knows their regions. Signals of a body that nobody
    read cannot be determined, and the conditions that ask for them count as true.
    """
    table = plan.table
    confinement = memory.confinement = table.residency.confine(memory.signals_for_rules(table.asks_all))
    region = None if destination is None else destination.region
    if confinement is not None and not confinement.admits(region):
        name = _OWN if destination is None else destination.name
        memory.left = [LeftOut(name, None, "residency", named_region(region))]
        raise ResidencyError(confinement)
