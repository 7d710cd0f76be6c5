"""Spans: one for each exchange, from its record. They hold names of the policy, fixed words and numbers, no content."""

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from extproc import apis
from extproc.protocol.record import Record, Scalar
from extproc.telemetry.exchanges import error_type
from extproc.telemetry.names import LabelNames
from extproc.telemetry.otlp.attributes import SCOPE, attributes

EVENTS_MAX: Final = 128
"""Events of a span, as OpenTelemetry's own limit has it; more are counted as dropped."""

MODEL_MAX: Final = 256
"""Characters of a model's name: what the log may hold of one."""

_MS: Final = 1_000_000
_SAMPLED: Final = 1
"""The flag of a span in a trace that is recorded."""


class EndedExchange(Struct, frozen=True):
    """An exchange that is over. `at`: nanoseconds since 1970. `span`: the id of its span, eight random bytes."""

    record: Record
    at: int
    span: bytes


def spans_request(ended: Iterable[EndedExchange], names: LabelNames, about: Resource) -> bytes:
    """Return the message that exports the spans of exchanges. Each of them has a trace."""
    spans = ScopeSpans(scope=SCOPE, spans=[_span(each, names) for each in ended])
    return ExportTraceServiceRequest(
        resource_spans=[ResourceSpans(resource=about, scope_spans=[spans])]
    ).SerializeToString()


def _span(ended: EndedExchange, names: LabelNames) -> Span:
    record = ended.record
    assert record.trace is not None, "only what is traced is exported"
    trace, parent = record.trace
    api = apis.current().named(record.dialect) if record.dialect is not None else None
    operation = None if api is None else api.operation
    model = None if record.model is None else record.model[:MODEL_MAX]
    error = error_type(record)
    events = list(_events(record, ended.at))
    return Span(
        trace_id=bytes.fromhex(trace),
        span_id=ended.span,
        parent_span_id=bytes.fromhex(parent),
        flags=_SAMPLED,
        name=" ".join(filter(None, (operation, model))) or "exchange",
        kind=Span.SPAN_KIND_SERVER,
        start_time_unix_nano=ended.at - round((record.duration_ms or 0.0) * _MS),
        end_time_unix_nano=ended.at,
        attributes=attributes((*_generative(record, operation, model, names), *_own(record), ("error.type", error))),
        events=events[:EVENTS_MAX],
        dropped_events_count=max(0, len(events) - EVENTS_MAX),
        status=Status(code=Status.STATUS_CODE_ERROR if error else Status.STATUS_CODE_UNSET),
    )


def _generative(
    record: Record, operation: str | None, model: str | None, names: LabelNames
) -> Iterator[tuple[str, Scalar]]:
    """The attributes of the conventions for generative AI."""
    yield "gen_ai.operation.name", operation
    yield "gen_ai.provider.name", names.providers.get(record.backend or "")
    yield "gen_ai.request.model", model
    yield "gen_ai.response.model", record.upstream_model and record.upstream_model[:MODEL_MAX]
    yield "gen_ai.usage.input_tokens", record.input_tokens
    yield "gen_ai.usage.output_tokens", record.output_tokens
    yield "gen_ai.usage.cache_read.input_tokens", record.cached_input_tokens
    yield "gen_ai.usage.cache_creation.input_tokens", record.cache_creation_input_tokens
    yield "gen_ai.usage.reasoning.output_tokens", record.reasoning_tokens
    yield "http.response.status_code", record.status


def _own(record: Record) -> Iterator[tuple[str, Scalar]]:
    """The attributes that no convention has."""
    for name in (
        "request_id", "decision", "reason", "backend", "region", "tenant", "key", "rule", "pipeline", "policy",
        "stream", "attempts", "usage_source", "cost_usd", "decided_ms", "first_byte_ms", "first_token_ms",
        "processing_ms", "request_bytes", "blocked_by", "misconfigured", "missteered", "endpoint", "abort",
    ):  # fmt: skip
        yield f"extproc.{name}", getattr(record, name)


def _events(record: Record, at: int) -> Iterator[Span.Event]:
    """Yield what processors found, where they failed, what nobody could read, and budgets that refused."""
    for each in record.findings:
        finding: tuple[tuple[str, Scalar], ...] = (
            ("processor", each.processor),
            ("kind", each.kind),
            ("action", each.action),
            ("side", each.side),
            ("shadow", each.shadow),
            ("count", each.count),
            ("score", each.score),
        )
        yield _event("extproc.finding", finding, at)
    for failed in record.failures:
        failure = (("processor", failed.processor), ("reason", failed.reason), ("allowed", failed.allowed))
        yield _event("extproc.failure", failure, at)
    for unread in record.uninspected:
        yield _event("extproc.uninspected", (("reason", unread.reason), ("count", unread.count)), at)
    for charge in record.budgets:
        if charge.refused:
            refusal = (("budget", charge.budget), ("unit", charge.unit), ("shadow", charge.shadow))
            yield _event("extproc.budget_refused", refusal, at)


def _event(name: str, named: Iterable[tuple[str, Scalar]], at: int) -> Span.Event:
    return Span.Event(time_unix_nano=at, name=name, attributes=attributes(named))
