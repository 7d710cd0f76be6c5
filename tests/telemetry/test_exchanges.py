"""What is counted of exchanges by model and by tenant."""

from typing import Any

from msgspec.structs import replace

from extproc.policy import loads
from extproc.protocol.record import Record
from extproc.telemetry import Metrics
from extproc.telemetry.conventions import BASE, FIRST_TOKEN, PER_TOKEN, REQUEST_DURATION, TOKEN_USAGE
from extproc.telemetry.exchanges import ExchangeCounts
from extproc.telemetry.exposition import text
from extproc.telemetry.families import (
    COST,
    METERED,
    OVERFLOW,
    TENANT_COST,
    TENANT_REQUESTS,
    TENANT_TOKENS,
    UNPRICED,
)
from extproc.telemetry.names import WORKER_SHARE, label_names
from tests.gathered import gathered

POLICY = """
version: 1
backends:
  - {name: openai, url: "https://api.openai.com/v1", api: openai, models: [{name: gpt-4o-mini}]}
  - {name: claude, url: "https://api.anthropic.com/v1", api: anthropic}
models:
  - {name: chat, targets: [{backend: openai, model: gpt-4o-mini}], fallback: [{backend: claude, model: haiku}]}
  - name: auto
    rules: [{when: 'stream', to: [{backend: openai, model: gpt-4o}]}]
    targets: [{backend: claude}]
unknown_models: pass
default_backend: none
tenants: {from: {header: x-tenant-id}}
"""

SERVED = ("chat", "openai", "chat", "gpt-4o-mini", "gpt-4o-mini", "openai")


def record(**more: Any) -> Record:
    served = replace(
        Record.lost("default"),
        dialect="openai.chat",
        model="chat",
        stream=False,
        decision="allowed",
        backend="openai",
        upstream_model="gpt-4o-mini",
        status=200,
        input_tokens=10,
        output_tokens=4,
        usage_source="provider",
        duration_ms=500.0,
    )
    return replace(served, **more)


def counted(*records: Record, settings: str = "{}") -> Metrics:
    metrics = Metrics()
    counts = ExchangeCounts(metrics, label_names(loads(f"{POLICY}telemetry: {{metrics: {settings}}}\n")))
    for each in records:
        counts.count(each, 0.0)
    return metrics


def tokens(metrics: Metrics) -> dict[tuple[str, ...], float]:
    return {labels: each.total for labels, each in metrics.histogram(TOKEN_USAGE).items() if sum(each.counts)}


def durations(metrics: Metrics) -> dict[tuple[str, ...], float]:
    return {labels: each.total for labels, each in metrics.histogram(REQUEST_DURATION).items() if sum(each.counts)}


def test_tokens_are_counted_by_type_as_envoy_ai_gateway_names_them() -> None:
    metrics = counted(
        record(), record(cached_input_tokens=8, cache_creation_input_tokens=2, reasoning_tokens=3, output_tokens=None)
    )
    assert tokens(metrics) == {
        (*SERVED, "input"): 20,
        (*SERVED, "output"): 4,
        (*SERVED, "cached_input"): 8,
        (*SERVED, "cache_creation_input"): 2,
        (*SERVED, "reasoning"): 3,
    }
    assert metrics.counter(METERED) == {("provider",): 2}


def test_an_exchange_without_known_tokens_counts_none() -> None:
    metrics = counted(record(input_tokens=None, output_tokens=None, usage_source=None))
    assert tokens(metrics) == {}
    assert metrics.counter(METERED) == {}


def test_the_duration_of_what_failed_is_told_apart_by_its_error() -> None:
    metrics = counted(
        record(),
        record(status=429),
        record(status=799),
        record(decision="blocked", reason="blocked", status=403),
        record(decision="gone", reason="client_gone", status=None),
    )
    assert durations(metrics) == {
        (*SERVED, ""): 0.5,
        (*SERVED, "429"): 0.5,
        (*SERVED, "_OTHER"): 0.5,
        (*SERVED, "blocked"): 0.5,
        (*SERVED, "client_gone"): 0.5,
    }


def test_streams_have_the_time_to_the_first_token_and_for_each_further_one() -> None:
    metrics = counted(record(stream=True, first_token_ms=100.0, output_tokens=5), record(first_token_ms=3.0))
    assert metrics.histogram(FIRST_TOKEN)[SERVED].total == 0.1
    assert metrics.histogram(PER_TOKEN)[SERVED].total == 0.1


def test_a_stream_of_one_token_has_no_time_for_further_ones() -> None:
    metrics = counted(record(stream=True, first_token_ms=100.0, output_tokens=1))
    assert metrics.histogram(PER_TOKEN) == {}


def test_the_cost_is_added_up_and_a_missing_price_is_counted() -> None:
    metrics = counted(record(cost_usd=0.25), record(cost_usd=0.5), record())
    assert metrics.counter(COST) == {("openai", "gpt-4o-mini"): 0.75}
    assert metrics.counter(UNPRICED) == {("openai", "gpt-4o-mini"): 1}


@gathered(
    ("told", "labels"),
    [
        # a name that the client made up is no label
        (
            record(model="' OR 1=1", upstream_model="' OR 1=1"),
            ("chat", "openai", "other", "other", "other", "openai"),
        ),
        # a name that a backend lists is one
        (
            record(model="gpt-4o-mini"),
            ("chat", "openai", "gpt-4o-mini", "gpt-4o-mini", "gpt-4o-mini", "openai"),
        ),
        # the target of a rule is one
        (
            record(model="auto", upstream_model="gpt-4o"),
            ("chat", "openai", "auto", "gpt-4o", "gpt-4o", "openai"),
        ),
        # the provider is that of the backend
        (
            record(dialect="anthropic.messages", backend="claude", upstream_model="haiku"),
            ("messages", "anthropic", "chat", "haiku", "haiku", "claude"),
        ),
        # what went to no backend has none
        (
            record(backend=None, upstream_model=None, decision="rejected", reason="model_not_found", model=None),
            ("chat", "unknown", "unknown", "unknown", "unknown", "unknown"),
        ),
        # the API of a plug-in has its own name
        (record(dialect="mine"), ("mine", *SERVED[1:])),
    ],
)
def test_labels_are_names_of_the_policy(told: Record, labels: tuple[str, ...]) -> None:
    assert {each[: len(BASE)] for each in tokens(counted(told))} == {labels}


def test_what_asks_no_model_is_no_generative_exchange() -> None:
    metrics = counted(record(dialect="mcp"), record(dialect=None))
    assert durations(metrics) == {}


def test_models_beyond_the_bound_are_other_and_a_counter_says_so() -> None:
    metrics = counted(record(), record(model="auto"), record(model="made up"), settings="{models: 1}")
    assert {labels[2:4] for labels in tokens(metrics)} == {("chat", "other"), ("other", "other")}
    assert metrics.counter(OVERFLOW) == {("model",): 1}


def test_each_tenant_has_its_requests_tokens_and_cost() -> None:
    metrics = counted(
        record(tenant="acme", cost_usd=0.5),
        record(tenant="acme", decision="rejected", reason="budget", input_tokens=None, output_tokens=None),
        record(),
    )
    assert metrics.counter(TENANT_REQUESTS) == {
        ("acme", "allowed"): 1,
        ("acme", "rejected"): 1,
        ("none", "allowed"): 1,
    }
    assert metrics.counter(TENANT_TOKENS)["acme", "input"] == 10
    assert metrics.counter(TENANT_TOKENS)["acme", "output"] == 4
    assert metrics.counter(TENANT_COST) == {("acme",): 0.5}


def test_tenants_beyond_the_bound_of_a_worker_are_other_and_a_counter_says_so() -> None:
    told = [record(tenant=f"tenant-{number}") for number in range(2 * WORKER_SHARE + 3)]
    metrics = counted(*told, told[0], settings="{tenants: 2}")
    requests = metrics.counter(TENANT_REQUESTS)
    assert len(requests) == 2 * WORKER_SHARE + 1
    assert requests["other", "allowed"] == 3
    assert requests["tenant-0", "allowed"] == 2
    assert metrics.counter(OVERFLOW) == {("tenant",): 3}


def test_a_policy_without_tenants_counts_none() -> None:
    metrics = Metrics()
    names = label_names(loads(POLICY.replace("tenants: {from: {header: x-tenant-id}}", "")))
    ExchangeCounts(metrics, names).count(record(), 0.0)
    assert metrics.counter(TENANT_REQUESTS) == {}


def test_after_a_reload_other_names_are_labels_and_what_was_counted_stays() -> None:
    metrics = Metrics()
    counts = ExchangeCounts(metrics, label_names(loads(POLICY)))
    counts.count(record(), 0.0)
    counts.rename(label_names(loads(POLICY.replace("gpt-4o-mini", "gpt-5"))))
    counts.count(record(upstream_model="gpt-5"), 0.0)
    assert {labels[3] for labels in tokens(metrics)} == {"gpt-4o-mini", "gpt-5"}


def test_prometheus_sees_the_names_and_buckets_of_envoy_ai_gateway() -> None:
    page = text(counted(record(stream=True, first_token_ms=100.0)).snapshot()).decode()
    labels = (
        'ai_backend="openai",gen_ai_operation_name="chat",gen_ai_original_model="chat",gen_ai_provider_name="openai",'
        'gen_ai_request_model="gpt-4o-mini",gen_ai_response_model="gpt-4o-mini"'
    )
    assert f'gen_ai_client_token_usage_sum{{{labels},gen_ai_token_type="input"}} 10.0' in page
    assert 'gen_ai_client_token_usage_bucket{ai_backend="openai"' in page
    assert 'gen_ai_token_type="input",le="67108864.0"}' in page
    ended = 'ai_backend="openai",error_type="",' + labels.removeprefix('ai_backend="openai",')
    assert f"gen_ai_server_request_duration_seconds_count{{{ended}}} 1.0" in page
    assert "gen_ai_server_time_to_first_token_seconds_bucket" in page
    assert "gen_ai_server_time_per_output_token_seconds_bucket" in page
