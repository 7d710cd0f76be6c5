"""The product's own metrics. What counts them and what shows them look here and in `conventions`, and nowhere else."""

from typing import Final, Literal

from msgspec import Struct

PREFIX: Final = "extproc_"


class Family(Struct, frozen=True):
    """One metric: its name without the prefix, what it means, and the labels that tell its series apart.

    `over` says what becomes of the workers' gauges when they are shown as one. `unit` and `otlp`: its unit, and its
    name in OpenTelemetry if that does not follow from `name`.
    """

    name: str
    help: str
    labels: tuple[str, ...] = ()
    over: Literal["sum", "max"] = "sum"
    prefix: str = PREFIX
    unit: str = ""
    otlp: str = ""

    @property
    def shown(self) -> str:
        """The name in Prometheus, without what a histogram's series add."""
        return self.prefix + self.name


EXCHANGES: Final = Family(
    "exchanges_total", "HTTP exchanges that are over, by what was decided.", ("decision", "dialect", "backend")
)
RULES: Final = Family(
    "rules_total",
    "Requests that a rule of a model decided about, and those that one of its conditions could not be evaluated for.",
    ("model", "rule"),
)
ATTEMPTS: Final = Family(
    "attempts_total",
    "Second and later attempts of requests, by the backend: sent, or the reason of a refusal.",
    ("backend", "outcome"),
)
FAILOVERS: Final = Family(
    "failovers_total", "Exchanges in which another backend than the first one had the last word.", ("first", "backend")
)
MIRRORED: Final = Family(
    "mirrored_total",
    "Copies of requests, by the mirror's backend: sent, or the reason why not.",
    ("backend", "outcome"),
)
SEALED: Final = Family(
    "sealed_total",
    "Requests with values that only one provider can read: pinned to it, with such values dropped, or refused.",
    ("outcome",),
)
REJECTS: Final = Family("rejects_total", "Exchanges answered with an error of ours, by its reason.", ("reason",))
MESSAGES: Final = Family("messages_total", "Messages that Envoy sent.", ("kind",))
VIOLATIONS: Final = Family("protocol_violations_total", "Exchanges ended because Envoy sent what may not follow.")
ABORTS: Final = Family("aborts_total", "gRPC streams that we ended with an error, by gRPC status.", ("code",))
SKIPPED: Final = Family(
    "skipped_total", "Exchanges that went without a processor because their worker had too much to do.", ("processor",)
)
MISCONFIGURED: Final = Family(
    "misconfigured_total", "Exchanges for which Envoy lacks what the policy needs, by what that is.", ("what",)
)
MISSTEERED: Final = Family(
    "missteered_total",
    "Requests that Envoy led elsewhere than was decided, by the backend that was chosen and what happened instead.",
    ("backend", "cause"),
)
PICKS: Final = Family(
    "endpoint_picks_total",
    "Requests for a pool of endpoints: picked, no_endpoint (503) or shed (429).",
    ("pool", "result"),
)
SCRAPES: Final = Family(
    "endpoint_scrapes_total", "Readings of the metrics of endpoints, by how they ended.", ("pool", "result")
)
BUDGET_SPENT: Final = Family(
    "budget_spent_total",
    "Amounts that exchanges took of budgets: tokens, requests, US dollars, or streams that were open.",
    ("budget", "unit", "shadow"),
)
BUDGET_REFUSED: Final = Family(
    "budget_refused_total",
    "Requests that found no room in a budget; those of shadow budgets went on.",
    ("budget", "unit", "shadow"),
)
LOG_DROPPED: Final = Family("log_dropped_total", "Log lines dropped because nobody took them fast enough.")
RESTARTS: Final = Family("worker_restarts_total", "Workers started again after they had ended by themselves.")
RELOADS: Final = Family("reloads_total", "Reloads of the policy, by how they ended.", ("result",))
AUDITED: Final = Family(
    "audit_records_total",
    "Records of exchanges for the audit record: written, lost, or refused (the request was, as none could be written).",
    ("outcome",),
)
FINDINGS: Final = Family(
    "findings_total",
    "What processors found, by what their policy has done about it; in shadow nothing is.",
    ("processor", "kind", "action", "side", "shadow"),
)
BLOCKED: Final = Family(
    "blocked_total",
    "Requests and answers that a pipeline stopped: by a processor, or by the pipeline where nobody could look.",
    ("processor", "reason"),
)
INSPECTION_FAILURES: Final = Family(
    "inspection_failures_total", "Processors that gave no verdict.", ("processor", "reason", "outcome")
)
UNINSPECTED: Final = Family("uninspected_total", "Bodies and parts of bodies that could not be read.", ("reason",))
GUARD_QUERIES: Final = Family(
    "guard_queries_total",
    "Questions to guards from elsewhere, by how they ended: answered, remembered, unsampled, withdrawn, or a failure.",
    ("processor", "outcome"),
)
VERDICTS: Final = Family(
    "processor_verdicts_total",
    "Exchanges in which a processor found something, by what it did about it (or failed), once for each side.",
    ("processor", "side", "verdict"),
)
PIPELINES: Final = Family("pipeline_exchanges_total", "Exchanges that a pipeline was for.", ("pipeline",))
_INSPECTED: Final = (FINDINGS, BLOCKED, INSPECTION_FAILURES, UNINSPECTED, GUARD_QUERIES, VERDICTS, PIPELINES)
COST: Final = Family(
    "cost_usd_total",
    "Cost of exchanges in US dollars, as far as their price is known.",
    ("backend", "model"),
    unit="{USD}",
)
UNPRICED: Final = Family(
    "unpriced_total", "Exchanges with tokens whose price is not known, by backend and model.", ("backend", "model")
)
METERED: Final = Family("metered_total", "Exchanges whose tokens are known, by who counted them.", ("source",))
TENANT_REQUESTS: Final = Family(
    "tenant_requests_total", "Exchanges of a tenant, by what was decided.", ("tenant", "decision")
)
TENANT_TOKENS: Final = Family("tenant_tokens_total", "Tokens of a tenant: input or output.", ("tenant", "type"))
TENANT_COST: Final = Family(
    "tenant_cost_usd_total", "Cost of a tenant's exchanges in US dollars.", ("tenant",), unit="{USD}"
)
OVERFLOW: Final = Family(
    "label_overflow_total",
    "Exchanges counted under `other`, because more tenants or models came than `telemetry.metrics` allows labels.",
    ("label",),
)
EXPORTS: Final = Family("otlp_total", "Spans, and exports of metrics, by what became of them.", ("signal", "result"))
COUNTERS: Final = (
    EXPORTS,
    EXCHANGES,
    COST,
    UNPRICED,
    METERED,
    TENANT_REQUESTS,
    TENANT_TOKENS,
    TENANT_COST,
    OVERFLOW,
    RULES,
    ATTEMPTS,
    FAILOVERS,
    MIRRORED,
    SEALED,
    REJECTS,
    MESSAGES,
    VIOLATIONS,
    ABORTS,
    SKIPPED,
    *_INSPECTED,
    MISCONFIGURED,
    MISSTEERED,
    PICKS,
    SCRAPES,
    BUDGET_SPENT,
    BUDGET_REFUSED,
    LOG_DROPPED,
    RESTARTS,
    RELOADS,
    AUDITED,
)

AUDIT_BLOCKED: Final = Family(
    "audit_blocked", "1 while a worker cannot write the audit record, whatever the policy does about it.", (), "max"
)
OPEN: Final = Family("open_exchanges", "HTTP exchanges that are open.")
WORKERS: Final = Family("workers", "Workers, by state.", ("state",))
LOOP_LAG: Final = Family(
    "loop_lag_seconds", "Largest lateness of a timer since the last look, of any worker.", (), "max", unit="s"
)
LOAD: Final = Family(
    "load", "Part of what a worker may take that is used up, of the worker that has least left.", ("part",), "max"
)
BACKEND_DOWN: Final = Family(
    "backend_down",
    "1 while a worker keeps requests away from a model at a backend, or (model empty) from all of the backend.",
    ("backend", "model"),
    "max",
)
ENDPOINTS: Final = Family(
    "endpoints",
    "Endpoints of a pool: fresh (with metrics that count), stale (without), down (left alone for a while).",
    ("pool", "state"),
    "max",
)
GUARD_OPEN: Final = Family(
    "guard_circuit_open", "1 while a worker leaves a guard alone, because questions to it failed.", ("guard",), "max"
)
HELD: Final = Family(
    "held_bytes", "Bytes of bodies and streams that workers hold, while they arrive or are judged.", unit="By"
)
POLICY_INFO: Final = Family(
    "policy_info",
    "1; the labels name the policy in force and the configuration it needs of Envoy.",
    ("digest", "envoy"),
)
POLICY_LOADED: Final = Family("policy_loaded_timestamp_seconds", "Unix time at which the policy in force was read.")
RELOAD_SUCCESSFUL: Final = Family(
    "policy_last_reload_successful", "1, or 0 if the last reload left the policy before it in force."
)
GAUGES: Final = (
    POLICY_INFO,
    POLICY_LOADED,
    RELOAD_SUCCESSFUL,
    OPEN,
    WORKERS,
    LOOP_LAG,
    LOAD,
    BACKEND_DOWN,
    ENDPOINTS,
    GUARD_OPEN,
    HELD,
    AUDIT_BLOCKED,
)

PROCESSING: Final = Family(
    "exchange_processing_seconds", "Our own time within an exchange, all its messages together.", unit="s"
)
ADDED: Final = Family(
    "exchange_added_seconds",
    "Time that an exchange waited for us: our own, and that of processors in threads and elsewhere.",
    unit="s",
)
DURATION: Final = Family(
    "exchange_duration_seconds", "Time from the first message of an exchange to its end.", unit="s"
)
PROCESSOR_DURATION: Final = Family(
    "processor_seconds",
    "Time of a processor's work in a thread or elsewhere, its wait for a turn included; rules that are matched between "
    "two messages are in exchange_processing_seconds alone.",
    ("processor",),
    unit="s",
)
GUARD_DURATION: Final = Family(
    "guard_query_seconds", "Time of a question to a guard from elsewhere that it answered.", unit="s"
)
HISTOGRAMS: Final = (PROCESSING, ADDED, DURATION, PROCESSOR_DURATION, GUARD_DURATION)

_WORK: Final = (25e-6, 50e-6, 1e-4, 25e-5, 5e-4, 1e-3, 25e-4, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
_ASKED: Final = (1e-3, 25e-4, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

BUCKETS: Final[dict[str, tuple[float, ...]]] = {
    # From below what a passed request costs (about 20 us) to what a 30 MB body does.
    PROCESSING.name: _WORK,
    # The same, up to what a slow judge takes.
    ADDED.name: (*_WORK, 5.0, 30.0),
    # From a local model's embedding to a long streamed answer.
    DURATION.name: (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0),
    # From a guard beside us to a chat model that judges.
    GUARD_DURATION.name: _ASKED,
    # From a text that is matched in a thread to the same.
    PROCESSOR_DURATION.name: (1e-4, 25e-5, 5e-4, *_ASKED),
}
"""Upper bounds in seconds; the last bucket, without one, is implied."""
