"""Metrics of exchanges, counted from their records.

All that a record's labels come to is worked out once for each set of them: an exchange pays for a look in a dictionary
and for what it adds.
"""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Final, TypeAlias

from extproc.protocol.record import BudgetCharge, Record
from extproc.telemetry.conventions import FIRST_TOKEN, OPERATIONS, PER_TOKEN, REQUEST_DURATION, TOKEN_USAGE
from extproc.telemetry.families import (
    ADDED,
    BUDGET_REFUSED,
    BUDGET_SPENT,
    COST,
    DURATION,
    EXCHANGES,
    FAILOVERS,
    METERED,
    MISCONFIGURED,
    OVERFLOW,
    PICKS,
    PROCESSING,
    REJECTS,
    RULES,
    SEALED,
    TENANT_COST,
    TENANT_REQUESTS,
    TENANT_TOKENS,
    UNPRICED,
    Family,
)
from extproc.telemetry.inspected import count_inspected
from extproc.telemetry.metrics import Metrics
from extproc.telemetry.names import UNKNOWN, LabelNames
from extproc.telemetry.snapshot import NOBODY, OTHER

GENERATIVE_NOT: Final = frozenset({"mcp"})
"""Dialects whose exchanges ask no model."""

ERROR: Final = 400
"""The first status that is an error."""

_FAILED: Final = frozenset({"rejected", "blocked", "failed", "cut", "gone"})
"""Decisions by which an exchange did not end as its client wanted."""

_STATUSES: Final[dict[int, str]] = {status.value: str(status.value) for status in HTTPStatus}
_OTHER_STATUS: Final = "_OTHER"
"""The type of an error whose status is none of HTTP's: what a backend makes up is no label."""


Observe: TypeAlias = Callable[[float], None]

_KINDS: Final[dict[str, tuple[Family, tuple[str, ...]]]] = {
    "served": (REQUEST_DURATION, ("",)),
    "first": (FIRST_TOKEN, ()),
    "paced": (PER_TOKEN, ()),
    "input": (TOKEN_USAGE, ("input",)),
    "output": (TOKEN_USAGE, ("output",)),
    "cached_input": (TOKEN_USAGE, ("cached_input",)),
    "cache_creation_input": (TOKEN_USAGE, ("cache_creation_input",)),
    "reasoning": (TOKEN_USAGE, ("reasoning",)),
}
"""The numbers that are observed of an exchange, with the last label of the family that has one of its own."""


def error_type(record: Record) -> str:
    """Return the type of error that an exchange ended with, a fixed word or a status; empty if it was served."""
    if record.decision in _FAILED:
        return record.reason
    if record.status is None or record.status < ERROR:
        return ""
    return _STATUSES.get(record.status, _OTHER_STATUS)


class _Series(dict[str, "Observe"]):
    """The series of exchanges that have the same labels: what observes a value, by its kind.

    One begins with its first value: an empty one says nothing. A look at one that has begun costs no Python call.
    """

    __slots__ = ("_labels", "_metrics", "cost")

    def __init__(self, metrics: Metrics, labels: tuple[str, ...], backend: str, model: str) -> None:
        super().__init__()
        self._metrics = metrics
        self._labels = labels
        self.cost = (backend, model)

    def __missing__(self, kind: str) -> Observe:
        family, last = _KINDS[kind]
        found = self[kind] = self._metrics.histogram(family).series(*self._labels, *last).observe
        return found

    def failed(self, error: str) -> Observe:
        """Return what observes the duration of an exchange that ended with an error."""
        return self._metrics.histogram(REQUEST_DURATION).series(*self._labels, error).observe


class ExchangeCounts:
    """Counts exchanges: what was decided, and their tokens, times and costs by model and by tenant."""

    def __init__(self, metrics: Metrics, names: LabelNames) -> None:
        self._metrics = metrics
        self._names = names
        self._series: dict[tuple[str, str | None, str, str], _Series] = {}
        self._tenants: set[str] = set()
        self._exchanges = metrics.counter(EXCHANGES)
        self._processing = metrics.histogram(PROCESSING).series()
        self._added = metrics.histogram(ADDED).series()
        self._duration = metrics.histogram(DURATION).series()
        self._overflow = metrics.counter(OVERFLOW)
        self._cost = metrics.counter(COST)
        self._metered = metrics.counter(METERED)
        self._unpriced = metrics.counter(UNPRICED)
        self._requests = metrics.counter(TENANT_REQUESTS)
        self._tokens = metrics.counter(TENANT_TOKENS)
        self._spent = metrics.counter(TENANT_COST)

    def rename(self, names: LabelNames) -> None:
        """Count by the names of another policy from now on. Tenants that have series keep them."""
        self._names = names
        self._series.clear()

    def count(self, record: Record, spent: float, waited: float = 0.0) -> None:
        """Count what the record of an exchange says.

        `spent` is our own time within it, in seconds, and `waited` the time in which work for it was handed out.
        """
        dialect = record.dialect
        labels = (record.decision, dialect or NOBODY, record.backend or NOBODY)
        if labels in self._exchanges:
            self._exchanges[labels] += 1
        else:
            self._exchanges.add(*labels)
        self._processing.observe(spent)
        self._added.observe(spent + waited)
        if record.duration_ms is not None:
            self._duration.observe(record.duration_ms / 1000)
        if dialect is not None and dialect not in GENERATIVE_NOT:
            self._count_model(record, dialect)
        if self._names.tenants is not None:
            self._count_tenant(record, self._names.tenants)
        self._count_path(record)

    def _count_path(self, record: Record) -> None:
        """Count what became of a request on its way. Mostly there is nothing to count."""
        metrics = self._metrics
        if record.rule is not None:
            metrics.counter(RULES).add(record.model or NOBODY, record.rule)
        if record.tried:
            metrics.counter(FAILOVERS).add(record.tried[0], record.backend or NOBODY)
        if record.sealed is not None:
            metrics.counter(SEALED).add(record.sealed)
        if record.decision == "rejected":
            metrics.counter(REJECTS).add(record.reason)
        if record.pipeline is not None or record.failures:  # answer stages may fail without a pipeline
            count_inspected(metrics, record)
        if record.budgets:
            count_budgets(metrics, record.budgets)
        if record.misconfigured is not None:
            metrics.counter(MISCONFIGURED).add(record.misconfigured)
        if record.endpoint_pool is not None:
            metrics.counter(PICKS).add(record.endpoint_pool, "picked" if record.endpoint else record.reason)

    def _count_model(self, record: Record, dialect: str) -> None:
        models = self._names.models
        asked, sent = record.model, record.upstream_model
        original = models.get(asked, OTHER) if asked is not None else UNKNOWN
        requested = original if sent is asked else models.get(sent, OTHER) if sent is not None else UNKNOWN
        key = (dialect, record.backend, original, requested)
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = self._resolved(*key)
        if original is OTHER and asked in models:
            self._overflow["model",] += 1
        self._count_times(series, record)
        if record.input_tokens is not None or record.output_tokens is not None:
            self._count_tokens(series, record)
        if record.cost_usd is not None:
            self._cost[series.cost] += record.cost_usd

    def _resolved(self, dialect: str, backend: str | None, original: str, requested: str) -> _Series:
        provider = self._names.providers.get(backend or "", UNKNOWN)
        operation = OPERATIONS.get(dialect, dialect)
        at = UNKNOWN if backend is None else backend
        labels = (operation, provider, original, requested, requested, at)
        return _Series(self._metrics, labels, at, requested)

    def _count_times(self, series: _Series, record: Record) -> None:
        took = record.duration_ms
        if took is None:
            return
        if record.decision in _FAILED or (record.status is not None and record.status >= ERROR):
            series.failed(error_type(record))(took / 1000)
            return
        series["served"](took / 1000)
        first = record.first_token_ms
        if first is not None and record.stream:
            series["first"](first / 1000)
            tokens = record.output_tokens
            if tokens is not None and tokens > 1:
                series["paced"]((took - first) / 1000 / (tokens - 1))

    def _count_tokens(self, series: _Series, record: Record) -> None:
        if record.input_tokens is not None:
            series["input"](record.input_tokens)
        if record.output_tokens is not None:
            series["output"](record.output_tokens)
        if record.cached_input_tokens is not None:
            series["cached_input"](record.cached_input_tokens)
        if record.cache_creation_input_tokens is not None:
            series["cache_creation_input"](record.cache_creation_input_tokens)
        if record.reasoning_tokens is not None:
            series["reasoning"](record.reasoning_tokens)
        self._metered[(record.usage_source or UNKNOWN,)] += 1
        if record.cost_usd is None:
            self._unpriced[series.cost] += 1

    def _count_tenant(self, record: Record, most: int) -> None:
        tenant = record.tenant or NOBODY
        if tenant not in self._tenants and tenant != NOBODY:
            if len(self._tenants) < most:
                self._tenants.add(tenant)
            else:
                self._overflow["tenant",] += 1
                tenant = OTHER
        self._requests[tenant, record.decision] += 1
        if record.input_tokens:
            self._tokens[tenant, "input"] += record.input_tokens
        if record.output_tokens:
            self._tokens[tenant, "output"] += record.output_tokens
        if record.cost_usd:
            self._spent[(tenant,)] += record.cost_usd


def count_budgets(metrics: Metrics, charges: Iterable[BudgetCharge]) -> None:
    """Count what an exchange took of each budget, and those that had no room for it."""
    for each in charges:
        shadow = "true" if each.shadow else "false"
        if each.amount:
            metrics.counter(BUDGET_SPENT).add(each.budget, each.unit, shadow, by=each.amount)
        if each.refused:
            metrics.counter(BUDGET_REFUSED).add(each.budget, each.unit, shadow)
