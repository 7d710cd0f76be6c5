"""From a request's body to what is to be changed about it on its way to the chosen destination."""

import re
from typing import Final

from msgspec import Struct

from extproc import apis
from extproc.protocol.effects import HeaderMutation
from extproc.protocol.errors import ClientError
from extproc.routing.selection import NO_SIGNALS, UnroutedError, select
from extproc.routing.table import Choice
from extproc.transaction.astray import check_steered
from extproc.transaction.memory import Memory
from extproc.transaction.plan import Plan, SteeringEdits
from extproc.transaction.shared import Shared

_HEADER_SAFE: Final = re.compile(r"[\x21-\x7e]+")


class Routed(Struct, frozen=True):
    """The changes to a request: `body` is None if it stays as it came, `steering` if nothing was chosen.

    `headers` lacks the content-length, which depends on what Envoy does with a body in the mode at hand.
    """

    headers: HeaderMutation
    body: bytes | None
    steering: SteeringEdits | None
    clear_route: bool


def route(plan: Plan, shared: Shared, memory: Memory, asked: apis.Request, body: bytes, now: float) -> Routed:
    """Chooses for what `body` asks, and writes the choice down in `memory`. Raises ClientError."""
    claimed = memory.claimed
    assert claimed is not None
    table, family, draw = plan.table, claimed.api.family.name, shared.draws.next()
    signals = memory.signals_for_rules(table.asks.get(asked.model, ())) if table.asks else NO_SIGNALS
    try:
        choice = select(table, asked.model, family, draw, shared.health, now, signals)
    except UnroutedError as error:
        memory.rule = error.rule
        raise
    memory.decided = now
    if choice is None:
        memory.reason = "unknown-passed"
        memory.strip_keys(plan.table.removes)
        return Routed(plan.unsteered.changed(HeaderMutation(remove=memory.strips)), None, None, clear_route=False)
    return _steer(plan, shared, memory, choice, claimed, asked, body)


def _steer(
    plan: Plan,
    shared: Shared,
    memory: Memory,
    choice: Choice,
    claimed: apis.ApiRequestPath,
    asked: apis.Request,
    body: bytes,
) -> Routed:
    model = choice.candidate.model or asked.model
    if choice.why == "default" and not _HEADER_SAFE.fullmatch(model):
        # It would become a header's value, and no provider has such a name.
        raise ClientError(404, "model_not_found", "The requested model does not exist; see GET /v1/models.", "model")
    # A model in the path is changed there, with the path.
    span = asked.model_span if model != asked.model else None
    changed = None if span is None else apis.rename(body, span, model)
    masked = memory.findings is not None and memory.findings.masked
    memory.decision = "masked" if masked else "rerouted" if choice.rerouted else "allowed"
    if shared.astray or memory.first_cluster:
        check_steered(plan, shared, memory, choice.candidate.destination)
    steering = plan.steer(choice, model, claimed, memory.path, memory.decision, known=memory.known)
    memory.choice, memory.steering, memory.reason, memory.rule = choice, steering, choice.why, choice.rule
    memory.destination = choice.candidate.destination
    if memory.keys:
        memory.strip_keys(memory.destination.removes)
    headers = steering.headers
    if memory.strips:
        headers = HeaderMutation(headers.set, (*headers.remove, *memory.strips))
    return Routed(headers, changed, steering, clear_route=True)
