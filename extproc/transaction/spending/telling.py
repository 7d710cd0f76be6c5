"""What clients are told of budgets: refusals in their dialect, and the headers of rate limits."""

from collections.abc import Iterable
from math import ceil
from typing import Final

from extproc.policy.budgets import BudgetUnit
from extproc.policy.limit_headers import NO_RETRY
from extproc.protocol.errors import ClientError
from extproc.protocol.headers import Field
from extproc.usage.budgets.ledger import Ask, Standing
from extproc.usage.budgets.rules import written

STREAM_WAIT: Final = 1
"""Seconds after which a client may ask again where others' requests are open: nobody knows when one ends."""

PATIENCE: Final = 60.0
"""Seconds up to which the SDKs of OpenAI and Anthropic wait as `retry-after` says; beyond it they would come back after
seconds and be refused again, so that `x-should-retry` tells them not to."""

TOLD: Final[tuple[BudgetUnit, ...]] = ("tokens", "requests", "usd")
"""Units that clients are told of; the first two by the names that OpenAI's API has."""

_CODES: Final[dict[BudgetUnit, str]] = {
    "tokens": "budget_exceeded",
    "usd": "budget_exceeded",
    "requests": "rate_limit_exceeded",
    "streams": "rate_limit_exceeded",
}
_NOUNS: Final[dict[BudgetUnit, str]] = {
    "tokens": "budget of tokens",
    "usd": "budget",
    "requests": "limit of requests",
    "streams": "limit of concurrent requests",
}


def refusal(asks: Iterable[Ask], standings: Iterable[Standing], now: float) -> ClientError:
    """Return the error for a request that has no room in some enforced budget: the one that it waits for longest."""
    pairs = list(zip(asks, standings, strict=True))
    without = [(ask, each) for ask, each in pairs if ask.enforced and not each.room]
    ask, standing = max(without, key=lambda pair: _wait(*pair))
    fields = fields_of([pair[0] for pair in pairs], [pair[1] for pair in pairs], now)
    wait = _wait(ask, standing)
    if wait > PATIENCE:
        fields = (*fields, (NO_RETRY, b"false"))
    if wait == _NEVER:
        message = f"The request is larger than the whole {_NOUNS[ask.unit]}; ask for less output."
        return ClientError(429, _CODES[ask.unit], message, fields=fields)
    seconds = max(1, ceil(wait))
    message = f"The {_NOUNS[ask.unit]} is used up; try again in {seconds} s."
    return ClientError(429, _CODES[ask.unit], message, retry_after=seconds, fields=fields)


def uncountable() -> ClientError:
    """Return the error for a request that the state of budgets could not count."""
    return ClientError(503, "budget_unavailable", "The gateway cannot count requests now.", retry_after=1)


def fields_of(asks: Iterable[Ask], standings: Iterable[Standing], now: float) -> tuple[Field, ...]:
    """Return the headers that tell how the tightest enforced budget of each unit stands."""
    tightest: dict[BudgetUnit, tuple[Ask, Standing]] = {}
    for ask, standing in zip(asks, standings, strict=True):
        unit = ask.unit
        if ask.enforced and unit in TOLD and (unit not in tightest or _left(standing) < _left(tightest[unit][1])):
            tightest[unit] = ask, standing
    found: tuple[Field, ...] = ()
    for unit, (ask, standing) in tightest.items():
        limit, remaining, reset = _NAMES[unit]
        form = _money if unit == "usd" else _WHOLE
        seconds = ceil(ask.period.end - now)
        found += (
            (limit, form(standing.limit)),
            (remaining, form(standing.remaining)),
            (reset, b"%ds" % max(0, seconds)),
        )
    return found


_NAMES: Final = {unit: tuple(f"x-ratelimit-{what}-{unit}" for what in ("limit", "remaining", "reset")) for unit in TOLD}
_WHOLE: Final = b"%d".__mod__


def _left(standing: Standing) -> float:
    return standing.remaining / standing.limit if standing.limit else 0.0


_NEVER: Final = float("inf")


def _wait(ask: Ask, standing: Standing) -> float:
    if ask.unit == "streams":
        return STREAM_WAIT if standing.limit else _NEVER
    return _NEVER if standing.wait is None else standing.wait


def _money(amount: int) -> bytes:
    return b"%.6f" % written("usd", amount)
