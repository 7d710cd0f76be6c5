"""The prices of models: the policy's own, those of its file, and those of a public list, in this order."""

from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

import msgspec
from msgspec import Struct

from extproc.policy import Policy, Unusable
from extproc.policy.backends import BackendModel
from extproc.policy.prices import PriceEntry, PriceFileError, read_entries
from extproc.policy.secrets import LISTED_PRICES, PRICE_FILE
from extproc.policy.steering import asked_models

MTOK: Final = 1_000_000

ModelKey: TypeAlias = tuple[str, str]
"""A backend's name, and that of a model there."""


class PriceTier(Struct, frozen=True, gc=False):
    """Prices of a request with more than `above` input tokens: they hold for all of its tokens."""

    above: int
    input_usd_per_mtok: float
    output_usd_per_mtok: float
    cached_input_usd_per_mtok: float


class ModelPrice(Struct, frozen=True, gc=False):
    """Prices of a million tokens of a model, in US dollars, and the size of its context. None: not known.

    Input that was read from a cache costs as much as other input unless its price is known.
    """

    input_usd_per_mtok: float | None = None
    output_usd_per_mtok: float | None = None
    cached_input_usd_per_mtok: float | None = None
    context_tokens: int | None = None
    tiers: tuple[PriceTier, ...] = ()

    @property
    def known(self) -> bool:
        """True if both prices are known."""
        return self.input_usd_per_mtok is not None and self.output_usd_per_mtok is not None

    @property
    def priced(self) -> bool:
        """True if a price is known."""
        return self.input_usd_per_mtok is not None or self.output_usd_per_mtok is not None

    def over(self, other: "ModelPrice") -> "ModelPrice":
        """Return these figures, with those of another price list where they are not known.

        Tiers are those of the list that the prices are of.
        """
        return ModelPrice(
            _first(self.input_usd_per_mtok, other.input_usd_per_mtok),
            _first(self.output_usd_per_mtok, other.output_usd_per_mtok),
            _first(self.cached_input_usd_per_mtok, other.cached_input_usd_per_mtok),
            other.context_tokens if self.context_tokens is None else self.context_tokens,
            self.tiers or (() if self.priced else other.tiers),
        )

    def cost(self, input_tokens: int, output_tokens: int, cached_input_tokens: int = 0) -> float | None:
        """Return the price of a request in US dollars, None if one is not known. Cached input is among the input."""
        given, made, cached = self.input_usd_per_mtok, self.output_usd_per_mtok, self.cached_input_usd_per_mtok
        if given is None or made is None:
            return None
        for tier in self.tiers:
            if input_tokens > tier.above:
                given, made, cached = tier.input_usd_per_mtok, tier.output_usd_per_mtok, tier.cached_input_usd_per_mtok
        cached = given if cached is None else cached
        fresh = max(0, input_tokens - cached_input_tokens)
        return (fresh * given + cached_input_tokens * cached + output_tokens * made) / MTOK


UNKNOWN_PRICE: Final = ModelPrice()

PriceList: TypeAlias = Mapping[str, Mapping[str, ModelPrice]]
"""By the backend's name, by the model's name there: what a public list has of a policy's models."""

_list: Final = msgspec.json.Decoder(dict[str, dict[str, ModelPrice]])


class PriceBook:
    """The prices of one policy. Immutable.

    `read` holds what was read for the policy from outside: the file of prices, and its part of the public list. Raises
    PriceFileError.
    """

    __slots__ = ("_anywhere", "_at", "_listed", "_own")

    def __init__(self, policy: Policy, read: Mapping[str, bytes]) -> None:
        text = read.get(PRICE_FILE)
        entries = () if text is None else read_entries(text.decode())
        self._own = {(b.name, m.name): _price(m) for b in policy.backends for m in b.models}
        self._at: dict[ModelKey, ModelPrice] = {(e.backend, e.model): _price(e) for e in entries if e.backend}
        self._anywhere = {e.model: _price(e) for e in entries if not e.backend}
        self._listed: PriceList = _list.decode(read.get(LISTED_PRICES, b"{}"))

    def facts(self, backend: str, model: str) -> ModelPrice:
        """Return what is known of a model at a backend."""
        found = self._own.get((backend, model), UNKNOWN_PRICE)
        for more in (
            self._at.get((backend, model)),
            self._anywhere.get(model),
            self._listed.get(backend, {}).get(model),
        ):
            if more is not None:
                found = found.over(more)
        return found

    def of(self, backend: str, model: str) -> ModelPrice | None:
        """Return the price of a model at a backend; None if it is not known, which never means that it is free."""
        found = self.facts(backend, model)
        return found if found.known else None

    def __repr__(self) -> str:
        return "PriceBook()"


def price_book(policy: Policy, read: Mapping[str, bytes], wrong: list[Unusable]) -> PriceBook:
    """Return the prices of a policy; `wrong` gets what is wrong with its file, and targets that it blocks for none."""
    try:
        book = PriceBook(policy, read)
    except PriceFileError as error:
        wrong.append(Unusable(("prices", "file"), str(error), error.mend))
        return PriceBook(policy, {})
    if policy.prices is not None and policy.prices.unknown == "block":
        wrong += unpriced(policy, book)
    return book


def unpriced(policy: Policy, book: PriceBook) -> Iterator[Unusable]:
    """Yield the targets of a policy without a price, with their places."""
    for where, backend, model in asked_models(policy):
        if book.of(backend, model) is None:
            message = f"the price of {model} at backend {backend} is not known"
            own = "write input_usd_per_mtok and output_usd_per_mtok in the backend's `models`"
            mend = f"{own}, or `prices: {{}}` for a public list" if policy.prices is None else own
            yield Unusable(where, message, mend)


def needed(policy: Policy, book: PriceBook) -> Iterator[Unusable]:
    """Yield the targets without a price where one is needed: all, if the policy has `prices`, or for a strategy."""
    for each in unpriced(policy, book):
        root, index = each.where[:2]
        if policy.prices is not None or (root == "models" and isinstance(index, int) and _compares(policy, index)):
            yield each


def _compares(policy: Policy, index: int) -> bool:
    """True if a model chooses by what targets cost."""
    model = policy.models[index]
    balanced = model.strategy == "balanced" and (model.balance is None or model.balance.cost > 0)
    return model.strategy == "cheapest" or balanced


def _price(entry: PriceEntry | BackendModel) -> ModelPrice:
    return ModelPrice(
        entry.input_usd_per_mtok,
        entry.output_usd_per_mtok,
        entry.cached_input_usd_per_mtok,
        entry.context_tokens,
    )


def _first(one: float | None, other: float | None) -> float | None:
    return other if one is None else one
