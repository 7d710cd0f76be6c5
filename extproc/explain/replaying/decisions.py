"""Decisions about recorded exchanges, then and under another policy."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from extproc.explain.explanation import Explanation
from extproc.explain.lines import SampleRequest
from extproc.explain.replaying.recorded import RecordedExchange
from extproc.policy.tenants import Tenants
from extproc.policy.virtual_keys import KeyRing, VirtualKey, hash_of
from extproc.protocol.record import Record, Usage
from extproc.transaction.plan import Plan

Unreplayable: TypeAlias = Literal["no_body", "undecided"]
"""Why an exchange cannot be replayed: its body is not there, or nothing was decided then (the client left before)."""

_ACTIONS: Final = {"masked": "mask", "blocked": "block", "rejected": "reject"}
_ANY_DAY: Final = datetime(2026, 1, 1, tzinfo=UTC)  # nothing reads when a key was made
_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_UNDECIDED: Final = frozenset({"gone", "failed", "shadow"})


class ReplayDecision(Struct, frozen=True):
    """A decision, as far as it is compared. `why`: the reason of a refusal that the record has, or the status."""

    action: str
    backend: str | None = None
    model: str | None = None
    why: str = ""

    def __str__(self) -> str:
        where = f" {self.backend}" + ("" if self.model is None else f"/{self.model}") if self.backend else ""
        return f"{self.action}{where}{f' ({self.why})' if self.why else ''}"


class Replayed(Struct, frozen=True):
    """One exchange, then and now. `findings`: kinds by processor, counted, that there are more or fewer of."""

    before: ReplayDecision
    after: ReplayDecision
    findings: Mapping[str, int] = {}
    cost_before: float | None = None
    cost_after: float | None = None

    @property
    def changed(self) -> bool:
        """True if the decision is another one, or the findings are."""
        return self.before != self.after or bool(self.findings)


def explained_decision(explanation: Explanation) -> ReplayDecision:
    """Return the decision of an explanation."""
    refused = explanation.action in {"block", "reject"}
    why = f"{explanation.status}" if explanation.action == "reject" else ""
    return ReplayDecision(
        explanation.action,
        None if refused else explanation.backend,
        None if refused else explanation.model,
        why,
    )


def both_explained(
    before: Explanation, after: Explanation, record: Record | None, plans: tuple[Plan, Plan]
) -> Replayed:
    """Compare two explanations of one request; `plans` are those of both."""
    one, other = explained_decision(before), explained_decision(after)
    costs = [_cost(plan, each, record) for plan, each in zip(plans, (before, after), strict=True)]
    return Replayed(one, other, _gained(_found(before), _found(after)), *costs)


def with_record(exchange: RecordedExchange, record: Record, after: Explanation, plan: Plan) -> Replayed:
    """Compare what the record says with an explanation under another policy.

    A backend that is still among those for the model is no change: weights, load and health chose it then. A body that
    was captured had been masked, so that nothing can be found in it that was: only blocks, refusals and backends count.
    """
    now, then = explained_decision(after), _recorded(record)
    if now.action in {"allow", "mask"} and then.action in {"allow", "mask"}:
        if exchange.captured:
            now = replace(now, action=then.action)
        if any(then.backend == each.backend and then.model in {each.model, None} for each in after.plan):
            now = replace(now, backend=then.backend, model=then.model)
    elif now.action == then.action:
        now = replace(now, backend=None, model=None)
        then = replace(then, why=now.why)
    # Its own findings it cannot have; others may be new.
    return Replayed(then, now, {}, record.cost_usd, _cost(plan, after, record))


def without_body(record: Record, plan: Plan) -> Replayed | None:
    """Return what the record alone decides under a policy; None if that takes the body.

    A model that the policy does not know is refused, and a backend that serves it no more is another one.
    """
    then = _recorded(record)
    if record.model is None or then.action in {"block", "reject"} or record.backend is None:
        return None
    routes = [route for (name, _), route in plan.table.routes.items() if name == record.model]
    if not routes and record.model in plan.table.names:
        return None
    if not routes and plan.table.own_routes is False and not plan.table.passes:
        return Replayed(then, ReplayDecision("reject", why="404"), {}, record.cost_usd, 0.0)
    if record.backend not in plan.table.destinations:
        return Replayed(then, ReplayDecision(then.action, "another backend"), {}, record.cost_usd, None)
    return None


def undecided(record: Record) -> bool:
    """True if nothing was decided about an exchange then."""
    return record.decision in _UNDECIDED


def key_of(record: Record | None) -> KeyRing | None:
    """Return the virtual key that a record names, to be shown by its id: no record has the key itself."""
    if record is None or record.key is None or record.tenant is None:
        return None
    return KeyRing((VirtualKey(record.key, hash_of(record.key), record.tenant, _ANY_DAY),))


def as_sent(request: SampleRequest, record: Record | None, tenants: Tenants | None) -> SampleRequest:
    """Return a request as its client sent it, as far as its record says.

    The record names the tenant, or the id of the key, which stand where the policy looks for them; and the model: the
    body that was captured is the one that went on, with the backend's own name.
    """
    request = _as_asked(request, record)
    tenant = None if record is None else record.tenant
    if record is None or tenant is None or tenants is None:
        return request
    source = tenants.source
    if source.keys is not None and record.key:
        return replace(request, headers={**request.headers, "authorization": f"Bearer {record.key}"})
    if source.header is not None and source.header not in {name.lower() for name in request.headers}:
        return replace(request, headers={**request.headers, source.header: tenant})
    if source.claim is not None and source.metadata is not None and source.metadata not in request.metadata:
        claims: dict[str, object] = {}
        *outer, last = source.claim.split(".")
        within = claims
        for name in outer:
            within[name] = within = {}
        within[last] = tenant
        return replace(request, metadata={**request.metadata, source.metadata: claims})
    return request


def _as_asked(request: SampleRequest, record: Record | None) -> SampleRequest:
    """Return a request with the model that its client asked for, if it has the name that the backend was given."""
    if record is None or record.model is None or record.model == record.upstream_model:
        return request
    try:
        body = _members(request.body)
        if msgspec.json.decode(body["model"]) != record.upstream_model:
            return request
    except (KeyError, ValueError, RecursionError):  # no JSON, or no model
        return request
    asked = {**body, "model": msgspec.Raw(msgspec.json.encode(record.model))}
    return replace(request, body=msgspec.Raw(msgspec.json.encode(asked)))


def _recorded(record: Record) -> ReplayDecision:
    action = _ACTIONS.get(record.decision, "allow")
    if action in {"block", "reject"}:
        return ReplayDecision(action, why=str(record.status or "") if action == "reject" else "")
    return ReplayDecision(action, record.backend, record.upstream_model)


def _cost(plan: Plan, explanation: Explanation, record: Record | None) -> float | None:
    """Return the cost by the tokens of the record, if it has them; else as it is explained."""
    if explanation.backend is None or explanation.action in {"block", "reject"}:
        return 0.0
    if record is None or record.input_tokens is None or explanation.model is None:
        return explanation.cost_usd
    usage = Usage(
        record.input_tokens,
        record.output_tokens,
        record.cached_input_tokens,
        record.reasoning_tokens,
        record.cache_creation_input_tokens,
        record.input_audio_tokens,
        record.output_audio_tokens,
    )
    return plan.prices.cost(explanation.backend, explanation.model, usage)


def _found(explanation: Explanation) -> Counter[str]:
    return Counter(f"{each.processor} {each.kind}" for each in explanation.findings)


def _gained(before: Counter[str], after: Counter[str]) -> dict[str, int]:
    names = sorted({*before, *after})
    return {name: after[name] - before[name] for name in names if after[name] != before[name]}
