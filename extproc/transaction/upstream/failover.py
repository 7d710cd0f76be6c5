"""The response to a request that Envoy tried more than once: whose it is, and what it says of those before."""

from msgspec.structs import replace

from extproc.protocol.messages import Headers
from extproc.transaction.contract import answered_by
from extproc.transaction.memory import Memory
from extproc.transaction.outcome import unconnected
from extproc.transaction.plan import Plan
from extproc.transaction.requests.weighed import note_closed, note_open
from extproc.transaction.shared import Shared
from extproc.transaction.steering.misconfigured import MisconfiguredError
from extproc.transaction.steering.writer import ServingClusters
from extproc.transaction.upstream.attempts import attempt_of, right_cluster


def follow_attempts(plan: Plan, shared: Shared, memory: Memory, message: Headers, details: str, now: float) -> None:
    """Take the last attempt's backend for the exchange's. Raises MisconfiguredError if nobody planned it."""
    steering, choice = memory.steering, memory.choice
    if steering is None or choice is None or steering.planned is None:
        return
    attempt = attempt_of(message)
    if attempt < 2:
        return
    planned, candidate = steering.planned, steering.planned.at(attempt)
    if candidate is None:
        raise MisconfiguredError("steering", "Envoy made more attempts than the plan of the request has")
    if unconnected(details):
        # Their filter told of the attempts before them; where nobody could connect, it never ran.
        for each in planned.order[: attempt - 1]:
            shared.health.failed(each.destination.name, each.known, now, plan.health, "retried")
    model = planned.models[attempt - 1]
    if memory.decision == "allowed":
        memory.decision = "rerouted"
    memory.attempt, memory.reason = attempt, "failover"
    memory.choice = replace(choice, candidate=candidate)
    memory.destination = candidate.destination
    if memory.opened is not None:
        note_closed(shared, memory)
        note_open(shared, memory)
    if planned.maker not in {None, candidate.destination.maker}:
        memory.sealed, memory.sealed_members = "dropped", memory.leavable
    memory.tried = tuple(each.destination.name for each in planned.order[: attempt - 1])
    told = answered_by(memory.decision, model, candidate.destination.name)
    memory.steering = replace(steering, response=told)


def serves(memory: Memory, clusters: ServingClusters, used: str, backend: str) -> bool:
    """True if the cluster that Envoy used is right for the attempt whose response came."""
    planned = None if memory.steering is None else memory.steering.planned
    if memory.attempt == 1 and (planned is None or not planned.reads):
        return clusters.serves(used, backend)
    return used == right_cluster(backend, planned, memory.attempt)
