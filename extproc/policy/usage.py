"""Usage: who counts the tokens of an exchange, and the dynamic metadata that Envoy gets of it."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from extproc.policy.base import Loc, Value, Written, matching, meant, refusal, refusals
from extproc.policy.cost_expressions import CostExpression
from extproc.policy.tenants import FilterNamespace
from extproc.policy.units import Count, Truth

NAMESPACE: Final = "io.envoy.ai_gateway"
"""The namespace in which users of Envoy AI Gateway have their metadata."""

KEYS: Final = (
    "llm_input_token",
    "llm_output_token",
    "llm_total_token",
    "llm_cached_input_token",
    "llm_cache_creation_input_token",
    "llm_reasoning_token",
    "llm_estimated_token",
    "cost_usd",
    "token_latency_ttft",
    "token_latency_itl",
    "model_name_override",
    "ai_service_backend_name",
    "route_name",
    "response_model",
    "decision",
    "reason",
    "policy",
    "pipeline",
    "tenant",
    "region",
    "findings",
)
"""The keys of the metadata, as Envoy AI Gateway has them, as far as it has them."""

COSTS_MAX: Final = 16
"""Costs by an expression: each takes 5 to 10 µs per exchange."""

KEY_MAX: Final = 64
"""Characters of a key: the longest of Envoy AI Gateway has 30."""

RESERVED: Final = ("extproc", "envoy.")
"""Namespaces that others write: the processor's own for its decisions, and those of Envoy's filters."""

_KEY: Final = re.compile(rf"[A-Za-z_][A-Za-z0-9_.-]{{0,{KEY_MAX - 1}}}", re.ASCII)

MetadataKey: TypeAlias = Annotated[
    str,
    matching(
        _KEY,
        f"a key of metadata has 1 to {KEY_MAX} letters, digits, dots, dashes and underscores",
        "write it like llm_cost",
    ),
    Written("key of metadata", "llm_cost"),
]


class UsageCost(Value):
    """A number of the metadata that an expression computes, for a rate limit or a report."""

    name: MetadataKey
    """The key of the number."""
    expression: Annotated[CostExpression, Written("CEL expression", "'input_tokens + 4 * output_tokens'")]
    """An expression in CEL over `model` (as the backend that served knows it), `backend`, `route_name`, `input_tokens`,
    `cached_input_tokens`, `cache_creation_input_tokens`, `output_tokens`, `total_tokens` and `reasoning_tokens`: whole
    numbers, 0 where the provider tells none. Its value is a number of at least 0. The key is absent if nothing is known
    of the tokens, or if the value cannot be computed."""


class UsageMetadata(Value):
    """The dynamic metadata of usage, for Envoy's access log and its rate limit filters: see [usage.md](usage.md)."""

    namespace: FilterNamespace = NAMESPACE
    """The namespace. Envoy takes it only if it is in the filter's `metadata_options.receiving_namespaces.untyped`, as
    `extproc envoy` writes it."""
    names: Annotated[
        Mapping[str, MetadataKey | None], Written("keys by their usual names", "{llm_total_token: tokens}")
    ] = {}
    """Keys under other names; `null` leaves one out."""
    costs: Annotated[tuple[UsageCost, ...], Field(max_length=COSTS_MAX)] = ()
    """Further numbers, each by an expression."""
    estimate: Truth = False
    """`true` tells Envoy with each request, before it goes on, how many tokens it is expected to take
    (`llm_estimated_token`), for rate limits that count before the response, as Envoy's local one does: see
    [usage.md](usage.md#the-local-rate-limit). It is the number that `budgets` reserve."""
    estimate_output_tokens: Annotated[Count, Field(ge=1, le=10_000_000), Written("whole number", "4096")] = 1024
    """Output tokens in the estimate of a request that states no limit of its own; as `output_tokens` of budgets."""

    @property
    def keys(self) -> Mapping[str, str]:
        """The keys that are written, by their usual names."""
        named = {usual: self.names.get(usual, usual) for usual in KEYS}
        return {usual: key for usual, key in named.items() if key is not None}

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        found = list(self._wrong())
        if found:
            raise refusals("UsageMetadata", found)
        return self

    def _wrong(self) -> Iterator[tuple[Loc, PydanticCustomError]]:
        if self.namespace.startswith(RESERVED):
            mend = f"write {NAMESPACE}, or a name of your own"
            yield ("namespace",), refusal(f"the namespace {self.namespace} is somebody else's", mend)
        for usual in self.names:
            if usual not in KEYS:
                yield ("names", usual), refusal(f"there is no key {usual[:KEY_MAX]}", meant(usual, KEYS))
        taken: set[str] = set()
        written: list[tuple[Loc, str]] = [(("names", usual), key) for usual, key in self.keys.items()]
        written += [(("costs", index, "name"), each.name) for index, each in enumerate(self.costs)]
        for place, key in written:
            if key in taken:
                at = place if place[0] != "names" or place[1] in self.names else ("names",)
                yield at, refusal(f"there are two keys of the name {key}", "rename one of them")
            taken.add(key)


UsageFrom: TypeAlias = Literal["processor", "envoy", "none"]
"""The one who counts: the processor, Envoy's own filter, or nobody."""


class UsageSection(Value):
    """The counting of tokens, and what is told of them."""

    source: Annotated[UsageFrom, Field(alias="from")] = "processor"
    """The reader of tokens in responses: the `processor`, which estimates them if the provider reports none; `envoy`,
    whose filter `ai_protocol_manager` does (see [usage.md](usage.md#counted-by-envoy)); or `none`."""
    tokenizer: Truth = False
    """`true` loads the tokenizer of the extra `tokens` with the policy, so that estimates are counted by it: 0.7 s and
    80 MiB, shared by the workers. It is used in any case if something else in the policy counts tokens."""
    metadata: UsageMetadata | None = UsageMetadata()
    """The dynamic metadata that Envoy gets with the end of a response; `null` for none."""
