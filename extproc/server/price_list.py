"""The public price list: read once for a policy, by the process that reads the policy, and only if it wants prices.

The list is the data of the package genai-prices (extra `prices`). Loading it takes half a second and 20 MiB, which no
worker pays: they get the prices of the policy's own models.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

import msgspec

from extproc.policy import Policy, Unusable
from extproc.policy.steering import asked_models
from extproc.usage.prices import ModelPrice, PriceBook, PriceTier, needed, unheard

LIBRARY: Final = "genai_prices"

_ROOTS: Final = ("input_mtok", "output_mtok", "cache_read_mtok")

_OTHERS: Final = ("cache_write_mtok", "input_audio_mtok", "output_audio_mtok")
"""Prices that many models do not have: those of input that is written to a cache, and of audio."""


def installed() -> bool:
    """True if the list is installed."""
    return find_spec(LIBRARY) is not None


def listed_prices(policy: Policy, now: float) -> bytes | None:
    """Return the prices that the list has for the models of a policy, as JSON; None if it is not asked for.

    `now` is Unix time: prices change, and the list knows when.
    """
    if not wanted(policy) or not installed():
        return None
    at = datetime.fromtimestamp(now, UTC)
    found: dict[str, dict[str, ModelPrice]] = {}
    for backend, model in models_of(policy):
        price = listed_price(policy.backend(backend).url, model, at)
        if price is not None:
            found.setdefault(backend, {})[model] = price
    return msgspec.json.encode(found)


def price_notes(policy: Policy, book: PriceBook) -> Iterator[Unusable]:
    """Yield what `extproc check` says of prices: targets without one, and a list that is not installed."""
    yield from needed(policy, book)
    yield from unheard(policy, book)
    if wanted(policy) and not installed():
        mend = "install the extra `prices`, or write public: false"
        yield Unusable(("prices",), "the public price list is not installed here", mend)


def wanted(policy: Policy) -> bool:
    """True if a policy asks for the list."""
    return policy.prices is not None and policy.prices.public


def models_of(policy: Policy) -> Iterable[tuple[str, str]]:
    """Return every model that the policy names, with its backend."""
    listed = ((backend.name, each.name) for backend in policy.backends for each in backend.models)
    return dict.fromkeys([*listed, *((backend, model) for _, backend, model in asked_models(policy))])


def listed_price(url: str, model: str, at: datetime) -> ModelPrice | None:
    """Return the price that the list has for a model at the URL of a provider; None for another URL or model."""
    library: Any = import_module(LIBRARY)
    usage = library.Usage(input_tokens=1, output_tokens=1)
    try:
        found = library.calc_price(usage, model, provider_api_url=url, genai_request_timestamp=at)
    except LookupError:
        return None
    return _converted(found.model_price, found.model.context_window)


def _converted(price: Any, context: int | None) -> ModelPrice | None:
    given, made, cached = (getattr(price, name) for name in _ROOTS)
    if given is None:
        return None if context is None else ModelPrice(context_tokens=context)  # priced by something but tokens
    others = [getattr(price, name, None) for name in _OTHERS]
    if made is None and any(name.startswith("output_") for name in vars(price)):
        return None if context is None else ModelPrice(context_tokens=context)
    made = Decimal(0) if made is None else made  # embeddings: no token comes back
    cached = given if cached is None else cached
    roots = (given, made, cached)
    starts = sorted({tier.start for each in (*roots, *others) for tier in getattr(each, "tiers", ())})
    tiers = tuple(PriceTier(start, *_rates(roots, start + 1), *_known(others, start + 1)) for start in starts)
    plain, more = _rates(roots, 0), _known(others, 0)
    return ModelPrice(*plain, context, tiers, *more)


def _rates(prices: tuple[Any, Any, Any], tokens: int) -> tuple[float, float, float]:
    given, made, cached = prices
    return _at(given, tokens), _at(made, tokens), _at(cached, tokens)


def _known(prices: Iterable[Any], tokens: int) -> tuple[float | None, float | None, float | None]:
    created, heard, spoken = (None if each is None else _at(each, tokens) for each in prices)
    return created, heard, spoken


def _at(price: Any, tokens: int) -> float:
    """Return a price for a number of input tokens."""
    found = getattr(price, "base", price)
    for tier in getattr(price, "tiers", ()):
        if tokens > tier.start:
            found = tier.price
    return float(found)
