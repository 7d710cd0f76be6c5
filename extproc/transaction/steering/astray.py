"""Requests that Envoy leads astray: refused before, where that can be known, and noticed by their responses."""

from typing import Final

from extproc.protocol.messages import Headers
from extproc.routing.table import Destination
from extproc.transaction.memory import Memory
from extproc.transaction.outcome import FROM_UPSTREAM, led_nowhere
from extproc.transaction.plan import Plan
from extproc.transaction.shared import Shared
from extproc.transaction.steering.misconfigured import MisconfiguredError
from extproc.transaction.steering.missteering import Cause, Missteering, missteering
from extproc.transaction.steering.witness import CLUSTER, SteeringState, leaked
from extproc.transaction.upstream.failover import serves

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


def check_arrived(
    plan: Plan, shared: Shared, memory: Memory, message: Headers, destination: Destination, details: str
) -> None:
    """See to it that the backend that responds is the one that was chosen, and got no credential but its own.

    `details` are Envoy's. Raises MisconfiguredError.
    """
    if details == FROM_UPSTREAM:
        _check_cluster(plan, shared, memory, message, destination)
        if not memory.known and leaked(message, destination):
            shared.astray[memory.configuration] = plan, "mutation_rules"
            raise MisconfiguredError("mutation_rules")
    elif (cause := led_nowhere(details)) is not None:
        found = _missteered(plan, memory, cause, destination, None)
        if memory.known:
            # Every backend has a cluster there: it is not the backend that fails.
            raise MisconfiguredError("steering", found.detail)
        # A cluster may be missing for a while, and then another backend serves; the record says what it was.
        memory.misconfigured, memory.detail = "steering", found.detail


def _check_cluster(plan: Plan, shared: Shared, memory: Memory, message: Headers, destination: Destination) -> None:
    """Compare the cluster that Envoy used with those that serve the backend. Raises MisconfiguredError."""
    clusters, used = plan.writer.clusters, message.attributes.get(CLUSTER)
    told: SteeringState = "response_attributes" if used is None else "verified"
    shared.steering.saw(memory.configuration, told if clusters.known(destination.name) else "clusters")
    if used is None or serves(memory, clusters, used, destination.name):
        return
    found = _missteered(plan, memory, "other_cluster", destination, used)
    if plan.steering.verify == "block":
        shared.astray[memory.configuration] = plan, "steering"
        raise MisconfiguredError("steering", found.detail)


def _missteered(plan: Plan, memory: Memory, cause: Cause, destination: Destination, used: str | None) -> Missteering:
    memory.missteered = missteering(plan.steering, cause, destination.name, used, memory.first_cluster)
    return memory.missteered
