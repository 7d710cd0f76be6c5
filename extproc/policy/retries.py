"""Retries: when another target gets a request that a backend did not serve, within the same request."""

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field

from extproc.policy.base import Value, Written, refusal
from extproc.policy.units import Count, Seconds

DAY: Final = 86400.0

ATTEMPTS_MAX: Final = 4
"""Attempts of one request: if four places in a row fail, the fifth is hardly better, and the client waits for each."""

ContentReason: TypeAlias = Literal["context_length", "content_filter", "unsupported_feature"]
RetryReason: TypeAlias = Literal[
    "5xx", "429", "connect", "timeout", "context_length", "content_filter", "unsupported_feature"
]

REASONS: Final[tuple[RetryReason, ...]] = ("5xx", "429", "connect", "timeout")
"""The reasons of those who name none: the backend's, not the request's."""

CONTENT_REASONS: Final[frozenset[str]] = frozenset({"context_length", "content_filter", "unsupported_feature"})
"""Reasons that stand in the body of an error, which somebody has to read before Envoy decides about a retry."""


def _spelt(value: object) -> object:
    """Read a status that was written as a number."""
    if isinstance(value, list):
        return [str(each) if isinstance(each, int) and not isinstance(each, bool) else each for each in value]
    return value


def _reasons(on: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(on)) < len(on):
        raise refusal("a reason is there twice", "delete one of them")
    if not on:
        raise refusal("without a reason nothing is retried", "write `attempts: 1` to say so, or name reasons")
    return on


class Retry(Value):
    """Retries: Envoy sends a request that one target did not serve on to the model's next target.

    The targets, and after them the fallbacks, are tried in the order of the plan, each once; the client gets the first
    response that is no failure, or else the last one. Once the headers of a response went to the client, nothing is
    retried.
    """

    attempts: Annotated[Count, Field(ge=1, le=ATTEMPTS_MAX), Written("whole number", "2")] = ATTEMPTS_MAX
    """Most attempts per request, the first included; 1 retries nothing. The default tries every target of most
    models."""
    on: Annotated[
        tuple[RetryReason, ...], BeforeValidator(_spelt), AfterValidator(_reasons), Written("reasons", "[5xx, connect]")
    ] = REASONS
    """Failures after which the next target is tried. `5xx`: statuses 500 to 599. `429`: rate limits and used-up quotas.
    `connect`: no connection, or a refused stream: the backend has seen nothing of the request. `timeout`: no response
    within `per_try_timeout`, or a connection that ended before the response began; it includes `connect`.
    `context_length`, `content_filter`, `unsupported_feature`: an error about the request itself, which another model
    may well serve; only if they are named, because they send a refused prompt to another provider. Responses of such a
    model pass the processor a second time, headers only."""
    per_try_timeout: Annotated[Seconds, Field(gt=0, le=DAY), Written("duration", "20s")] | None = None
    """Time for each attempt until its response begins. No bound if absent, because reasoning models may think for
    minutes before a response that is not streamed."""
