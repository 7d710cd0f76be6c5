"""The record of an exchange that is over, from what its memory holds."""

from collections.abc import Collection
from typing import Final

from msgspec.structs import replace

from extproc.protocol.record import Record, Scalar
from extproc.signals.asked import AskedValues
from extproc.transaction.memory import Memory

COST_DIGITS: Final = 9
"""Digits after the point of a cost: a token of the cheapest models costs some 1e-8 dollars."""

RECORDED_TEXT: Final = 256
"""Characters of a signal in the record: as many as the name of a model may have."""


def record_of(memory: Memory, now: float, signals: Collection[str] = (), policy: str | None = None) -> Record:
    """Return the record of an exchange: names from the policy, fixed words and numbers.

    A client's text is there only where `signals`, which the policy has recorded, are texts. Numbers and truths that the
    model's rules read are recorded as well. `policy`: the digest of the policy that judged the exchange.
    """
    record = _counted(memory, _begun(memory, now, policy))
    if memory.findings is not None:
        record = memory.findings.recorded(record)
    elif memory.staged is not None:
        record = memory.staged.staged(record)
    record = _led(memory, record)
    if memory.rule is not None:
        record = replace(record, rule=memory.rule)
    if memory.sealed is not None:
        record = replace(record, sealed=memory.sealed, sealed_members=memory.sealed_members)
    if memory.confinement is not None:
        record = replace(record, residency=memory.confinement.rules)
    if memory.circumstances.tenant:
        record = replace(record, tenant=memory.circumstances.tenant, key=memory.circumstances.key or None)
    if memory.charges:
        record = replace(record, budgets=memory.charges)
    if signals or memory.rule_signals:
        record = replace(record, signals=recorded_signals(memory, signals) or None)
    return record


def recorded_signals(memory: Memory, names: Collection[str]) -> dict[str, Scalar] | None:
    """Return the values of signals as the record has them; None before the request's headers came."""
    if memory.signals is None:
        return None
    seen: dict[str, Scalar] = {}
    for name, value in memory.rule_signals.items():
        if isinstance(value, int | float | None):
            seen[name] = value
        elif isinstance(value, AskedValues):
            seen |= value.recorded(name)
    return seen | {name: _cut(value) for name, value in memory.signals.read(names).items()}


def _begun(memory: Memory, now: float, policy: str | None) -> Record:
    """Return the fields that every record has."""
    claim, choice, claimed, usage = memory.claim, memory.choice, memory.claimed, memory.usage
    # By position: many names would cost each exchange a microsecond.
    return Record(
        memory.request_id.decode("ascii"),
        claimed.api.name if claimed else None,
        claim.path if claim and claimed else None,
        memory.model,
        memory.stream,
        memory.decision,
        memory.failure or memory.reason,
        choice.candidate.destination.name if choice else None,
        choice.candidate.model or memory.model if choice else None,
        memory.status,
        memory.request_bytes,
        usage.input,
        usage.output,
        usage.cached_input,
        usage.reasoning,
        _ms(memory.started, memory.decided),
        _ms(memory.started, now),
        usage_source=usage.source,
        cache_creation_input_tokens=usage.cache_creation_input,
        input_audio_tokens=usage.input_audio,
        output_audio_tokens=usage.output_audio,
        cost_usd=None if memory.cost is None or usage.source is None else round(memory.cost, COST_DIGITS),
        policy=policy,
        trace=memory.trace,
        first_byte_ms=_ms(memory.started, memory.first_byte),
        first_token_ms=_ms(memory.started, memory.first_token) if memory.stream else None,
    )


def _counted(memory: Memory, record: Record) -> Record:
    """Return the record with what the served region, usage and cost add to the fields that every record has."""
    if (destination := memory.destination) is not None and destination.region is not None:
        record = replace(record, region=destination.region)
    return record


def _led(memory: Memory, record: Record) -> Record:
    """Return the record with the way that the request took: what was wrong with it, endpoint, attempts and copy."""
    if memory.misconfigured is not None:
        record = replace(record, misconfigured=memory.misconfigured, detail=memory.detail)
    if memory.missteered is not None:
        went, meant = memory.missteered, memory.destination
        record = replace(record, missteered=went.cause, cluster=went.cluster, detail=memory.detail or went.detail)
        if meant is not None:  # also one that was chosen by the path alone
            record = replace(record, backend=meant.name)
    if memory.picking is not None:
        went_to = memory.endpoint_served or memory.endpoint
        record = replace(record, endpoint_pool=memory.picking, endpoint=went_to)
    if memory.tried:
        record = replace(record, attempts=memory.attempt, tried=memory.tried)
    if memory.mirror is not None:
        told = (None, memory.mirror) if memory.unmirrored else (memory.mirror, None)
        record = replace(record, mirror=told[0], unmirrored=told[1])
    return record


def _cut(value: Scalar) -> Scalar:
    return value[:RECORDED_TEXT] if isinstance(value, str) else value


def _ms(start: float, end: float | None) -> float | None:
    return None if end is None else round((end - start) * 1000, 3)
