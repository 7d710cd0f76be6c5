"""The cost of an exchange, and the message that carries its metadata: the last of its response that is answered."""

from collections.abc import Callable
from typing import TypeAlias

from msgspec.structs import replace

from extproc.protocol.effects import Chunk, Metadata, OwnMetadata, Proceed, Reject
from extproc.protocol.messages import Side
from extproc.transaction.answers import Effects
from extproc.transaction.billing.counted import settle
from extproc.transaction.memory import Memory
from extproc.usage.prices import PriceBook

_Carrier: TypeAlias = Proceed | Chunk | Reject

MadeOf: TypeAlias = Callable[[Memory, float | None, float, bool], OwnMetadata]
"""Makes the metadata: see `ExchangeMetadata.of`."""


def cost_of(prices: PriceBook, memory: Memory) -> float | None:
    """Return what the exchange cost in US dollars; None if the price or the tokens are not known.

    After a failover the backend is the one whose response came.
    """
    choice, usage = memory.choice, memory.usage
    if choice is None or usage.input is None:
        return None
    candidate = choice.candidate
    model = candidate.model or memory.model
    return None if model is None else prices.cost(candidate.destination.name, model, usage)


class UsageTelling:
    """Mutable, one per exchange of a policy with metadata."""

    __slots__ = ("_made", "_memory", "_prices", "_told")

    def __init__(self, made: MadeOf, prices: PriceBook, memory: Memory) -> None:
        self._made = made
        self._prices = prices
        self._memory = memory
        self._told = False

    def begun(self, effects: Effects, now: float) -> Effects:
        """Return the response to the headers of a response, with what is known when more is to come."""
        effects = self.ended(effects, now)
        self._told = False
        return effects

    def ended(self, effects: Effects, now: float) -> Effects:
        """Return `effects`, the last of which carries the metadata, if it ends the response."""
        last = effects[-1] if effects else None
        if self._told or not self._ends(last):
            return effects
        assert isinstance(last, Proceed | Chunk)
        self._told = True
        return (*effects[:-1], self._carried(last, now))

    def answered(self, effects: Effects, now: float) -> Effects:
        """Return the response to a request's headers, with the metadata if it is one of the processor's own."""
        last = effects[-1] if effects else None
        return (*effects[:-1], self.refused(last, now, unserved=True)) if type(last) is Reject else effects

    def refused(self, reject: Reject, now: float, *, unserved: bool) -> Reject:
        """Return a response of the processor's own with the metadata. `unserved`: no provider was asked."""
        self._told = True
        found = self._carried(reject, now, unserved=unserved)
        assert isinstance(found, Reject)
        return found

    def _ends(self, last: object) -> bool:
        """True if an effect can be the last one of a response. Those of headers are, if no body is to be seen."""
        if type(last) is Chunk:
            return last.end and last.side is Side.RESPONSE
        return type(last) is Proceed and last.side is Side.RESPONSE

    def _carried(self, effect: _Carrier, now: float, *, unserved: bool = False) -> _Carrier:
        memory = self._memory
        memory.count()
        settle(memory)
        memory.cost = cost_of(self._prices, memory)
        made = self._made(memory, memory.cost, now, unserved)
        metadata: Metadata = made if effect.metadata is None else _joined(effect.metadata, made)
        if isinstance(effect, Proceed):
            return replace(effect, metadata=metadata, lasting=False)
        return replace(effect, metadata=metadata)

    def __repr__(self) -> str:
        return f"UsageTelling({self._told})"


def _joined(one: Metadata, other: Metadata) -> OwnMetadata:
    """Return the metadata of both; Envoy joins what it gets in several messages, but not in one."""
    both = {name: {**one.get(name, {}), **other.get(name, {})} for name in {**one, **other}}
    return OwnMetadata(both)
