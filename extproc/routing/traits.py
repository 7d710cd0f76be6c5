"""Traits of candidates: what is known of a model at a backend, for filters and strategies."""

from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct

from extproc.policy import Backend


class Traits(Struct, frozen=True):
    """Traits of a model at a backend, by the policy or by its price lists. None: not known.

    `region`: the backend's; without one the backend is in no region. `context_tokens`: the most tokens of a request and
    its response together. `features`: those that the model has; None: assumed to have all. Prices are in US dollars per
    million tokens. `quality`: from 0 to 1, by the operator.
    """

    region: str | None = None
    context_tokens: int | None = None
    features: frozenset[str] | None = None
    input_usd_per_mtok: float | None = None
    output_usd_per_mtok: float | None = None
    quality: float | None = None


TraitsOf: TypeAlias = Callable[[Backend, str | None], Traits]
"""Returns the traits of a model at a backend, as `traits_of` does."""


def is_limit(traits: Traits) -> bool:
    """True if a request may need more than the candidate has."""
    return traits.context_tokens is not None or traits.features is not None


def traits_of(backend: Backend, model: str | None) -> Traits:
    """Return the traits of `model`, by its name there; of the backend alone if it lists no such model."""
    entry = next((each for each in backend.models if each.name == model), None)
    if entry is None:
        return Traits(backend.region)
    return Traits(
        region=backend.region,
        context_tokens=entry.context_tokens,
        features=None if entry.features is None else frozenset(entry.features),
        input_usd_per_mtok=entry.input_usd_per_mtok,
        output_usd_per_mtok=entry.output_usd_per_mtok,
        quality=entry.quality,
    )
