"""The refusal of a request whose credential could reach another backend: one that Envoy may not steer."""

from typing import Final

from extproc.routing.table import Destination
from extproc.transaction.memory import Memory
from extproc.transaction.misconfigured import MisconfiguredError
from extproc.transaction.plan import Plan
from extproc.transaction.shared import Shared

_UNPROVEN: Final = (
    "until Envoy follows the steering header, the request leads to another cluster, and no fingerprint says that Envoy"
    " follows it: let such a request's first route lead nowhere (direct_response), or put initial_metadata"
    " x-extproc-config into the filter's grpc_service and renew the routes, as `extproc envoy` writes them"
)


def check_steered(plan: Plan, shared: Shared, memory: Memory, destination: Destination) -> None:
    """Raise MisconfiguredError if a request to `destination` could take its credential to another backend.

    Envoy reports the cluster of the route that it matched first if `request_attributes` has `xds.cluster_name`. An
    Envoy that does not follow the steering header sends the request there. If that route leads nowhere, Envoy reports
    nothing. An Envoy with the plan's fingerprint gets keys under names that no backend knows.
    """
    seen = shared.astray.get(memory.configuration) if shared.astray else None
    if seen is not None and seen[0] is plan:
        raise MisconfiguredError(seen[1])
    first = memory.first_cluster
    if not first or memory.known or memory.observed or plan.writer.clusters.serves(first, destination.name):
        return
    if destination.credential or destination.removes is None:  # the backend's own, or the client's for that backend
        raise MisconfiguredError("steering", _UNPROVEN)
