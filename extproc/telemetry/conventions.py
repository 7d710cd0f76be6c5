"""Metrics by OpenTelemetry's semantic conventions for generative AI, with the names and buckets of Envoy AI Gateway.

Names, labels, label values and buckets are those that Envoy AI Gateway shows in Prometheus, so that dashboards made for
it work here: its exporter writes dots as underscores and adds the unit, unless the name has it already. See
docs/observability.md for what each label holds.
"""

from typing import Final

from extproc.telemetry import families
from extproc.telemetry.families import Family

_ATTRIBUTES: Final = {
    "gen_ai_operation_name": "gen_ai.operation.name",
    "gen_ai_provider_name": "gen_ai.provider.name",
    "gen_ai_original_model": "gen_ai.original.model",
    "gen_ai_request_model": "gen_ai.request.model",
    "gen_ai_response_model": "gen_ai.response.model",
    "gen_ai_token_type": "gen_ai.token.type",
    "ai_backend": "ai.backend",
    "error_type": "error.type",
}

BASE: Final = (
    "gen_ai_operation_name",
    "gen_ai_provider_name",
    "gen_ai_original_model",
    "gen_ai_request_model",
    "gen_ai_response_model",
    "ai_backend",
)
"""The labels that all of these metrics have, in this order."""

TOKEN_USAGE: Final = Family(
    "gen_ai_client_token_usage",
    "Number of tokens of an exchange.",
    (*BASE, "gen_ai_token_type"),
    prefix="",
    unit="{token}",
    otlp="gen_ai.client.token.usage",
)
REQUEST_DURATION: Final = Family(
    "gen_ai_server_request_duration_seconds",
    "Time from a request's headers to the end of its response; with error_type if it failed.",
    (*BASE, "error_type"),
    prefix="",
    unit="s",
    otlp="gen_ai.server.request.duration",
)
FIRST_TOKEN: Final = Family(
    "gen_ai_server_time_to_first_token_seconds",
    "Time from a request's headers to the first token of its streamed response.",
    BASE,
    prefix="",
    unit="s",
    otlp="gen_ai.server.time_to_first_token",
)
PER_TOKEN: Final = Family(
    "gen_ai_server_time_per_output_token_seconds",
    "Time for each output token after the first one of a streamed response.",
    BASE,
    prefix="",
    unit="s",
    otlp="gen_ai.server.time_per_output_token",
)

HISTOGRAMS: Final = (TOKEN_USAGE, REQUEST_DURATION, FIRST_TOKEN, PER_TOKEN)

BUCKETS: Final[dict[str, tuple[float, ...]]] = {
    TOKEN_USAGE.name: tuple(float(4**power) for power in range(14)),
    REQUEST_DURATION.name: (
        0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
    ),
    FIRST_TOKEN.name: (
        0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0,
        45.0, 60.0,
    ),
    PER_TOKEN.name: (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5),
}  # fmt: skip
"""Upper bounds; the last bucket, without one, is implied."""

ALL_COUNTERS: Final = families.COUNTERS
ALL_GAUGES: Final = families.GAUGES
ALL_HISTOGRAMS: Final = (*HISTOGRAMS, *families.HISTOGRAMS)
ALL_BUCKETS: Final = BUCKETS | families.BUCKETS

OPERATIONS: Final = {
    "openai.chat": "chat",
    "openai.completions": "completion",
    "openai.embeddings": "embeddings",
    "openai.responses": "responses",
    "anthropic.messages": "messages",
    "anthropic.count_tokens": "count_tokens",
    "cohere": "chat",
    "gemini": "chat",
}
"""The operation's name by the name of the API. An API that is not here, a plug-in's for one, has its own name."""


def attribute(label: str) -> str:
    """Return the name of a label as an OpenTelemetry attribute."""
    return _ATTRIBUTES.get(label, label)
