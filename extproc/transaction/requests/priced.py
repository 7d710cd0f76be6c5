"""Prices and contexts of candidates, from wherever the policy says that they are known."""

from msgspec.structs import replace

from extproc.policy import Backend, Policy
from extproc.protocol.errors import ClientError
from extproc.routing.table import Choice
from extproc.routing.traits import Traits, TraitsOf, traits_of
from extproc.usage.prices import PriceBook


def priced(book: PriceBook) -> TraitsOf:
    """Return what gives the traits of candidates, with the prices and the contexts of a price book."""

    def found(backend: Backend, model: str | None) -> Traits:
        own = traits_of(backend, model)
        if model is None:
            return own
        facts = book.facts(backend.name, model)
        return replace(
            own,
            context_tokens=facts.context_tokens,
            input_usd_per_mtok=facts.input_usd_per_mtok,
            output_usd_per_mtok=facts.output_usd_per_mtok,
        )

    return found


def blocks_unpriced(policy: Policy) -> bool:
    """True if the policy serves no model whose price is not known."""
    return policy.prices is not None and policy.prices.unknown == "block"


def check_priced(book: PriceBook, choice: Choice, model: str) -> None:
    """Refuse a request that would go to a model without a price. Raises ClientError, 403."""
    if book.of(choice.candidate.destination.name, model) is None:
        raise unpriced()


def unpriced() -> ClientError:
    """The refusal of a model without a price. What Envoy's own routes lead on has none: nobody knows who serves it."""
    return ClientError(403, "model_unpriced", "The gateway does not serve a model whose price is not known.", "model")
