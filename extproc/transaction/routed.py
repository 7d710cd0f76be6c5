"""From a request's body to what is to be changed about it on its way to the chosen destination."""

import re
from typing import Final

from msgspec import Struct

from extproc import llm
from extproc.protocol.effects import HeaderMutation, Metadata
from extproc.protocol.errors import ClientError
from extproc.protocol.headers import Field
from extproc.routing.selection import Choice, select
from extproc.transaction.facts import Facts
from extproc.transaction.plan import Plan
from extproc.transaction.shared import Shared

_HEADER_SAFE: Final = re.compile(r"[\x21-\x7e]+")


class Routed(Struct, frozen=True):
    """The changes: `body` is None where it stays as it came; `metadata` is None where nothing was chosen."""

    headers: HeaderMutation
    body: bytes | None
    metadata: Metadata | None


def route(plan: Plan, shared: Shared, facts: Facts, body: bytes, now: float) -> Routed:
    """Reads `body`, chooses, and writes the choice down in `facts`. Raises ClientError."""
    dialect = facts.dialect
    assert dialect is not None
    asked = dialect.read(body)
    facts.stream = asked.stream
    if asked.model in plan.known:
        facts.model = asked.model
    choice = select(plan.table, asked.model, dialect.api, shared.draws.next(), shared.health, now)
    facts.decided = now
    if choice is None:
        facts.reason = "unknown-passed"
        return Routed(HeaderMutation(remove=facts.strips), None, None)
    return _steer(plan, facts, choice, asked, body)


def _steer(plan: Plan, facts: Facts, choice: Choice, asked: llm.Request, body: bytes) -> Routed:
    candidate = choice.candidate
    model = candidate.model or asked.model
    if choice.why == "default" and not _HEADER_SAFE.fullmatch(model):
        # It would become a header's value, and no provider has such a name.
        raise ClientError(404, "model_not_found", "The requested model does not exist; see GET /v1/models.", "model")
    changed = None if model == asked.model else llm.rename(body, asked.model_span, model)
    steering = plan.steer(choice, model)
    facts.choice, facts.steering = choice, steering
    facts.decision, facts.reason = "rerouted" if choice.rerouted else "allowed", choice.why
    sets: tuple[Field, ...] = steering.set
    path = llm.target_path(facts.path, candidate.destination.prefix)
    if path != facts.path:
        sets = (*sets, (":path", path))
    if "content-length" not in facts.strips:
        # Exact, since all of the body is here. Where Envoy insists on chunked it ignores this.
        sets = (*sets, ("content-length", b"%d" % len(body if changed is None else changed)))
    return Routed(HeaderMutation(sets, (*steering.removes, *facts.strips)), changed, steering.metadata)
