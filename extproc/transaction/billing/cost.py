"""The cost of an exchange: its tokens at the price of the model and the backend that served it."""

from extproc.transaction.memory import Memory
from extproc.usage.prices import PriceBook


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
