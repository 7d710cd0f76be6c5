"""The headers of a response: those of the contract, a look for a credential of ours, and what they say of a backend."""

from extproc.protocol.effects import HeaderMutation
from extproc.protocol.headers import HeaderMap
from extproc.protocol.messages import Headers
from extproc.routing.quoted import Quoted
from extproc.transaction.contract import REQUEST_ID, told_already
from extproc.transaction.memory import ERROR, Memory
from extproc.transaction.outcome import FROM_UPSTREAM, Observation, observe
from extproc.transaction.plan import Plan
from extproc.transaction.requests.weighed import note_begun
from extproc.transaction.shared import Shared


def contract_headers(plan: Plan, memory: Memory, message: Headers) -> HeaderMutation | None:
    """Return what is set on the headers of a response; None if nothing has to be."""
    steering = memory.steering
    if steering is None:
        return None
    ours, request_id = steering.response, memory.request_id
    if told_already(ours, request_id, message.fields):
        return None
    spoofed = plan.control_headers(message.fields)
    if spoofed:
        # What an upstream says in our name is not passed on.
        names = {REQUEST_ID, *(name for name, _ in ours)}
        spoofed = tuple(name for name in spoofed if name not in names)
    return HeaderMutation(ours, spoofed, ((REQUEST_ID, request_id),) if request_id else ())


def quotes(quoted: Quoted, fields: HeaderMap) -> bool:
    """True if the credential stands in a header field."""
    return quoted.found(b"\n".join([value for _, value in fields]))


def observed(plan: Plan, shared: Shared, memory: Memory, message: Headers, details: str, now: float) -> float | None:
    """Note a backend's health and speed; return when its response began, if it counts for its health, else None."""
    if memory.choice is None:
        return None
    key = memory.choice.candidate.key
    waited = None if memory.decided is None or memory.attempt > 1 else now - memory.decided
    observe(shared.health, plan.health, key, message, Observation(memory.status, details, now, waited))
    if plan.watches_speed and details == FROM_UPSTREAM and (memory.status or ERROR) < ERROR:
        note_begun(shared, memory, now)
    return now
