"""What decisions about requests read: worked out when a policy is compiled, asked for each request."""

from typing import Final

from msgspec import Struct

from extproc.inspection.pipeline import CompiledPipeline
from extproc.policy import Condition, Policy
from extproc.policy.signals import COUNTED, Vocabulary
from extproc.routing.mcp import McpTable
from extproc.routing.table import Table

_FINDINGS: Final = "findings"


class RequestReads(Struct, frozen=True):
    """The conditions of a policy, and the signals and parts of requests that it reads.

    `conditions`: those of models' rules, of residency, and of MCP servers; `serving`: without models' rules;
    `residency`: of residency alone. `signals`: the names of all that is read, for a pipeline or the record too; `any`:
    something is. `body`: signals of the body are read of requests that no pipeline is for. `findings`: a request may
    go elsewhere by what its pipeline finds, so that it has to wait for that. `confined_by_body`: residency asks about
    the body. `fields`: the header fields that conditions look at. `slow` and `worded`: the signals that are computed in
    a thread, always, or where the body is not small. `tokens`: tokens are counted.
    """

    conditions: tuple[Condition, ...]
    serving: tuple[Condition, ...]
    residency: tuple[Condition, ...]
    signals: frozenset[str]
    any: bool
    body: bool
    findings: bool
    confined_by_body: bool
    fields: frozenset[str]
    slow: frozenset[str]
    worded: frozenset[str]
    tokens: bool


def reads_of(
    policy: Policy,
    table: Table,
    pipelines: tuple[CompiledPipeline, ...],
    mcp: McpTable | None,
    vocabulary: Vocabulary,
) -> RequestReads:
    """Return what the decisions about requests read under a policy."""
    residency = tuple(each.when for each in table.residency.limits)
    serving = (*residency, *(() if mcp is None else mcp.conditions))
    conditions = (*(rule.when for model in policy.models for rule in model.rules), *serving)
    recorded, piped = policy.recorded_signals, [each.signals for each in pipelines]
    signals = frozenset(recorded).union(*(each.signals for each in conditions), *piped)
    weighed = table.reads.values()
    return RequestReads(
        conditions,
        serving,
        residency,
        signals,
        any=bool(conditions or signals),
        body=vocabulary.reads_body(recorded) or any(each.reads_body for each in conditions) or bool(weighed),
        findings=any(_FINDINGS in each.signals for each in conditions),
        confined_by_body=any(each.reads_body for each in residency),
        fields=frozenset(name for each in conditions for name in each.headers),
        slow=vocabulary.costing("slow"),
        worded=vocabulary.costing("slow", "text"),
        tokens=not signals.isdisjoint(COUNTED) or any(each.counts for each in weighed),
    )
