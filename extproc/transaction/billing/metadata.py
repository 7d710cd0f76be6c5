"""The dynamic metadata of an exchange: its tokens, its cost and its verdicts, by the names that the policy gives them.

It goes with the last message of the response that the processor answers, so that Envoy has it when it writes its access
log and counts for its rate limits. There is no text of a user in it.
"""

from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from extproc.policy.usage import UsageMetadata
from extproc.protocol.effects import MetadataValue, OwnMetadata
from extproc.protocol.record import NO_USAGE, Usage
from extproc.transaction.billing.telling import UsageTelling
from extproc.transaction.findings import Findings
from extproc.transaction.memory import Memory
from extproc.transaction.needs import Needs
from extproc.usage.prices import PriceBook

TEXT_MAX: Final = 256
"""Characters of a text: of the names that a client or a provider writes."""

COST_DIGITS: Final = 9
"""Digits after the point of the cost in US dollars, as in the record."""

NOTHING_USED: Final = Usage(0, 0)
"""The usage of an exchange that no provider saw."""


class ExchangeMetadata:
    """Makes the metadata of exchanges under one policy. Immutable.

    `digest` is the policy's. Cost: 10 µs with its encoding, and 5 to 10 µs for each cost expression.
    """

    __slots__ = ("_costs", "_digest", "_keys", "_namespace")

    def __init__(self, metadata: UsageMetadata, digest: str) -> None:
        self._namespace = metadata.namespace
        self._keys = metadata.keys
        self._costs = tuple((each.name, each.expression) for each in metadata.costs)
        self._digest = digest

    def shown(self, needs: Needs) -> Needs:
        """Return what Envoy must hand over, with the name of its route if an expression is about that."""
        if any("route_name" in each.signals for _, each in self._costs):
            return replace(needs, route_told=True)
        return needs

    def telling(self, prices: PriceBook, memory: Memory) -> UsageTelling:
        """Return what tells Envoy of one exchange."""
        return UsageTelling(self.of, prices, memory)

    def of(self, memory: Memory, cost: float | None, now: float, unserved: bool) -> OwnMetadata:
        """Return the metadata of an exchange.

        `unserved`: the response is the processor's own, and no provider was asked.
        """
        usage = NOTHING_USED if unserved and memory.usage is NO_USAGE else memory.usage
        told: dict[str, MetadataValue | None] = {
            **_tokens(usage),
            "cost_usd": 0.0 if cost is None and usage is NOTHING_USED else cost,
            **_names(memory),
            **_verdict(memory),
            "policy": self._digest or None,
        }
        if memory.stream and memory.first_token is not None:
            told |= _latencies(memory.started, memory.first_token, now, usage)
        keys = self._keys
        values = {keys[key]: value for key, value in told.items() if value is not None and key in keys}
        if self._costs and usage.input is not None:
            values |= self._computed(memory, usage)
        return OwnMetadata({self._namespace: values})

    def _computed(self, memory: Memory, usage: Usage) -> dict[str, MetadataValue]:
        names = _names(memory)
        variables: Mapping[str, object] = {
            "model": names["model_name_override"] or "",
            "backend": names["ai_service_backend_name"] or "",
            "route_name": memory.route_name,
            "input_tokens": usage.input or 0,
            "cached_input_tokens": usage.cached_input or 0,
            "cache_creation_input_tokens": usage.cache_creation_input or 0,
            "output_tokens": usage.output or 0,
            "total_tokens": (usage.input or 0) + (usage.output or 0),
            "reasoning_tokens": usage.reasoning or 0,
        }
        values = {name: expression.value(variables) for name, expression in self._costs}
        return {name: value for name, value in values.items() if value is not None}

    def __repr__(self) -> str:
        return f"ExchangeMetadata({self._namespace})"


def _tokens(usage: Usage) -> dict[str, MetadataValue | None]:
    given, made = usage.input, usage.output
    return {
        "llm_input_token": given,
        "llm_output_token": made,
        "llm_total_token": None if given is None and made is None else (given or 0) + (made or 0),
        "llm_cached_input_token": usage.cached_input,
        "llm_cache_creation_input_token": usage.cache_creation_input,
        "llm_reasoning_token": usage.reasoning,
    }


def _names(memory: Memory) -> dict[str, Any]:
    """The names of what served: after a failover, others than those that the request was sent on with."""
    choice = memory.choice
    return {
        "model_name_override": None if choice is None else choice.candidate.model or memory.model,
        "ai_service_backend_name": None if choice is None else choice.candidate.destination.name,
        "route_name": memory.route_name or None,
        "region": None if memory.destination is None else memory.destination.region,
        "response_model": memory.response_model,
    }


def _verdict(memory: Memory) -> dict[str, MetadataValue | None]:
    findings = memory.findings or memory.staged
    told: dict[str, MetadataValue | None] = {
        "decision": memory.decision,
        "reason": memory.failure or memory.reason,
        "tenant": memory.circumstances.tenant or None,
    }
    if findings is None:
        return told
    told["pipeline"] = None if memory.findings is None else findings.pipeline.name
    told["findings"] = _counts(findings) or None
    if memory.failure is None and findings.blocked is not None:
        told |= {"decision": "blocked", "reason": "answer_cut"}
    elif memory.failure is None and findings.masked and memory.served:
        told["decision"] = "masked"
    return told


def _counts(findings: Findings) -> dict[str, float]:
    """The findings by the names of processors, shadows among them, of both sides."""
    counts: dict[str, float] = {}
    for (processor, *_), number in findings.counts.items():
        counts[processor] = counts.get(processor, 0) + number
    return counts


def _latencies(started: float, first: float, now: float, usage: Usage) -> dict[str, MetadataValue | None]:
    """Milliseconds to the first piece of a stream, and between its tokens on average."""
    gaps = (usage.output or 0) - 1
    return {
        "token_latency_ttft": (first - started) * 1000,
        "token_latency_itl": (now - first) * 1000 / gaps if gaps > 0 else None,
    }
