"""Headers of responses that tell of rate limits: those of budgets, and those of providers, in whose place they are."""

from typing import Final

_WHAT: Final = ("limit", "remaining", "reset")

OWN_LIMITS: Final = tuple(f"x-ratelimit-{what}-{unit}" for unit in ("tokens", "requests", "usd") for what in _WHAT)
"""The headers that tell how a budget stands; those of tokens and requests by the names of OpenAI's API."""

PROVIDER_LIMITS: Final = (
    *OWN_LIMITS[:6],
    *(
        f"anthropic-ratelimit-{unit}-{what}"
        for unit in ("requests", "tokens", "input-tokens", "output-tokens")
        for what in _WHAT
    ),
)
"""Headers by which providers tell how the key stands that they are asked with: the gateway's, which is not the
client's business, and says nothing of what the client has left."""

NO_RETRY: Final = "x-should-retry"
"""The header by which the SDKs of OpenAI and Anthropic are told not to try again."""

LIMIT_HEADERS: Final = frozenset({*OWN_LIMITS, *PROVIDER_LIMITS, NO_RETRY})
"""All that a policy with budgets sets or removes in responses."""
