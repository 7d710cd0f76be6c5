"""The trail of an exchange that is over, from what its memory holds."""

from collections.abc import Sequence
from typing import Final

from msgspec.structs import force_setattr

from extproc.inspection.verdict import Finding
from extproc.policy.audit import Audit
from extproc.protocol.record import Record
from extproc.protocol.trail import FoundSpan, LeftBackend, PlannedBackend, Trail
from extproc.routing.candidates import Candidate
from extproc.routing.weighing import LeftOut
from extproc.transaction.auditing.pointers import place_of
from extproc.transaction.auditing.settings import AuditSettings
from extproc.transaction.findings import SCORE_DIGITS, Findings
from extproc.transaction.memory import Memory

ROUTES_MAX: Final = 64
"""Backends of a plan, and of those that were left out, that are listed: a policy has more of them at one model only by
mistake."""


def audited(record: Record, memory: Memory, settings: AuditSettings) -> Record:
    """Return the record with what the audit record holds beside it."""
    # Nobody else has it yet, and a copy of its sixty fields would take longer than the trail.
    force_setattr(record, "trail", trail_of(memory, settings.section))
    if memory.captured is not None and record.decision != "blocked":
        force_setattr(record, "captured", memory.captured)
    return record


def trail_of(memory: Memory, section: Audit) -> Trail | None:
    """Return the trail of an exchange; None if there is nothing in it."""
    findings, choice, left = memory.findings or memory.staged, memory.choice, memory.left
    spans, truncated = _spans(findings, section) if findings is not None and findings.counts else ((), 0)
    region = None if memory.destination is None else memory.destination.region
    # Of a plan of one backend, the record says all.
    plan = () if choice is None or len(choice.plan) < 2 else tuple(map(_planned, choice.plan[:ROUTES_MAX]))
    skipped = () if choice is None else choice.skipped[:ROUTES_MAX]
    if not (spans or truncated or plan or left or skipped or region):
        return None
    return Trail(spans, truncated, plan, tuple(map(_left, left[:ROUTES_MAX])) if left else (), skipped, region)


def _spans(findings: Findings, section: Audit) -> tuple[tuple[FoundSpan, ...], int]:
    details: Sequence[Finding] = findings.details or ()
    spans = tuple(_span(each, names=section.names) for each in details[: section.spans])
    return spans, max(0, sum(findings.counts.values()) - len(spans))


def _span(found: Finding, *, names: bool) -> FoundSpan:
    return FoundSpan(
        found.processor,
        found.kind,
        found.action,
        found.side.value,
        place_of(found.where, names=names),
        found.start,
        found.end,
        None if found.score is None else round(found.score, SCORE_DIGITS),
        found.shadow,
    )


def _planned(candidate: Candidate) -> PlannedBackend:
    destination = candidate.destination
    return PlannedBackend(destination.name, candidate.model, destination.region)


def _left(each: LeftOut) -> LeftBackend:
    return LeftBackend(each.backend, each.model, each.why, each.detail)
