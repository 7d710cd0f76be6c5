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
from extproc.protocol.record import Usage

MTOK: Final = 1_000_000

CACHE_CREATION_FACTOR: Final = 1.25
"""The price of input that is written to a cache, in prices of other input, where it is not known: that of Anthropic and
of Bedrock for 5 minutes. Other providers report no such tokens."""

COSTS_KEPT: Final = 1024
"""Models whose prices are remembered. Clients can invent names, where a policy passes unknown models."""

ModelKey: TypeAlias = tuple[str, str]
"""A backend's name, and that of a model there."""


class PriceTier(Struct, frozen=True, gc=False):
    """Prices of a request with more than `above` input tokens: they hold for all of its tokens.

    The last three are None if they are not known; see `ModelPrice`.
    """

    above: int
    input_usd_per_mtok: float
    output_usd_per_mtok: float
    cached_input_usd_per_mtok: float
    cache_creation_input_usd_per_mtok: float | None = None
    input_audio_usd_per_mtok: float | None = None
    output_audio_usd_per_mtok: float | None = None

    def cost(self, usage: Usage) -> float:
        """Return the price of an exchange in US dollars; counts that are not known are 0."""
        given, made = self.input_usd_per_mtok, self.output_usd_per_mtok
        creation, heard, spoken = (
            self.cache_creation_input_usd_per_mtok,
            self.input_audio_usd_per_mtok,
            self.output_audio_usd_per_mtok,
        )
        cached, created = usage.cached_input or 0, usage.cache_creation_input or 0
        audio, speech = usage.input_audio or 0, usage.output_audio or 0
        # A provider may count a token as cached and as audio: it costs for both, so that no cost is too low.
        fresh = max(0, (usage.input or 0) - cached - created - audio)
        plain = max(0, (usage.output or 0) - speech)
        micros = fresh * given + cached * self.cached_input_usd_per_mtok + plain * made
        if created:
            micros += created * (given * CACHE_CREATION_FACTOR if creation is None else creation)
        if audio:
            micros += audio * (given if heard is None else heard)
        if speech:
            micros += speech * (made if spoken is None else spoken)
        return micros / MTOK


class ModelPrice(Struct, frozen=True, gc=False):
    """Prices of a million tokens of a model, in US dollars, and the size of its context. None: not known.

    While only the plain prices are known, input that was read from a cache costs as much as other input, input that is
    written to one `CACHE_CREATION_FACTOR` times as much, and audio as much as text.
    """

    input_usd_per_mtok: float | None = None
    output_usd_per_mtok: float | None = None
    cached_input_usd_per_mtok: float | None = None
    context_tokens: int | None = None
    tiers: tuple[PriceTier, ...] = ()
    cache_creation_input_usd_per_mtok: float | None = None
    input_audio_usd_per_mtok: float | None = None
    output_audio_usd_per_mtok: float | None = None

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
            _first(self.cache_creation_input_usd_per_mtok, other.cache_creation_input_usd_per_mtok),
            _first(self.input_audio_usd_per_mtok, other.input_audio_usd_per_mtok),
            _first(self.output_audio_usd_per_mtok, other.output_audio_usd_per_mtok),
        )

    def cost(self, input_tokens: int, output_tokens: int, cached_input_tokens: int = 0) -> float | None:
        """Return the price of a request in US dollars, None if one is not known. Cached input is among the input."""
        return self.of_usage(Usage(input_tokens, output_tokens, cached_input_tokens))

    def of_usage(self, usage: Usage) -> float | None:
        """Return the price of an exchange in US dollars; None if a price or the number of input tokens is not known.

        Output that nobody reports is none, as of embeddings.
        """
        if usage.input is None:
            return None
        rates = self._plain
        for tier in self.tiers:
            if usage.input > tier.above:
                rates = tier
        return None if rates is None else rates.cost(usage)

    @property
    def _plain(self) -> PriceTier | None:
        """The prices of a request of any size, as far as no tier is for it."""
        given, made, cached = self.input_usd_per_mtok, self.output_usd_per_mtok, self.cached_input_usd_per_mtok
        if given is None or made is None:
            return None
        return PriceTier(
            0,
            given,
            made,
            given if cached is None else cached,
            self.cache_creation_input_usd_per_mtok,
            self.input_audio_usd_per_mtok,
            self.output_audio_usd_per_mtok,
        )


UNKNOWN_PRICE: Final = ModelPrice()

PriceList: TypeAlias = Mapping[str, Mapping[str, ModelPrice]]
"""By the backend's name, by the model's name there: what a public list has of a policy's models."""

_list: Final = msgspec.json.Decoder(dict[str, dict[str, ModelPrice]])


class PriceBook:
    """The prices of one policy. Immutable.

    `read` holds what was read for the policy from outside: the file of prices, and its part of the public list. Raises
    PriceFileError.
    """

    __slots__ = ("_anywhere", "_at", "_found", "_listed", "_own")

    def __init__(self, policy: Policy, read: Mapping[str, bytes]) -> None:
        text = read.get(PRICE_FILE)
        entries = () if text is None else read_entries(text.decode())
        self._own = {(b.name, m.name): _price(m) for b in policy.backends for m in b.models}
        self._at: dict[ModelKey, ModelPrice] = {(e.backend, e.model): _price(e) for e in entries if e.backend}
        self._anywhere = {e.model: _price(e) for e in entries if not e.backend}
        self._listed: PriceList = _list.decode(read.get(LISTED_PRICES, b"{}"))
        self._found: dict[ModelKey, ModelPrice | None] = {}

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
        key = backend, model
        if key not in self._found:
            if len(self._found) >= COSTS_KEPT:
                self._found.clear()
            found = self.facts(backend, model)
            self._found[key] = found if found.known else None
        return self._found[key]

    def cost(self, backend: str, model: str, usage: Usage) -> float | None:
        """Return the price of an exchange that a model at a backend served, in US dollars.

        None if the price or the tokens are not known, which never means that it was free.
        """
        price = self.of(backend, model)
        return None if price is None else price.of_usage(usage)

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
    """Yield the targets without a price where one is needed: all, if the policy has `prices` or counts dollars.

    Else those of models whose strategy compares prices.
    """
    everywhere = policy.prices is not None or any(each.usd is not None for each in policy.budgets)
    for each in unpriced(policy, book):
        root, index = each.where[:2]
        if everywhere or (root == "models" and isinstance(index, int) and _compares(policy, index)):
            yield each


def unheard(policy: Policy, book: PriceBook) -> Iterator[Unusable]:
    """Yield the models that take or give audio, and have a price for text alone: audio costs many times as much."""
    for index, backend in enumerate(policy.backends):
        for at, model in enumerate(backend.models):
            price = book.of(backend.name, model.name)
            if price is None or "audio" not in (model.features or ()):
                continue
            if price.input_audio_usd_per_mtok is None and price.output_audio_usd_per_mtok is None:
                message = f"audio of {model.name} at backend {backend.name} is reckoned at the price of text"
                mend = "write input_audio_usd_per_mtok and output_audio_usd_per_mtok"
                yield Unusable(("backends", index, "models", at), message, mend)


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
        (),
        entry.cache_creation_input_usd_per_mtok,
        entry.input_audio_usd_per_mtok,
        entry.output_audio_usd_per_mtok,
    )


def _first(one: float | None, other: float | None) -> float | None:
    return other if one is None else one
