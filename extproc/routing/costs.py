"""Estimates of what a request costs at a candidate, to compare candidates by."""

from typing import Final

from extproc.apis.demand import Demand
from extproc.routing.traits import Traits

INPUT_ASSUMED: Final = 1000
"""Input tokens of a request whose own cannot be determined: a page of text and some instructions."""

OUTPUT_ASSUMED: Final = 500
"""Output tokens of a response that may be longer, or has no limit: most responses of chats have 200 to 800."""

MTOK: Final = 1_000_000


def output_estimate(demand: Demand) -> int:
    """Return the output tokens to reckon with: the request's limit, if it is lower than what is usual."""
    limit = demand.max_output_tokens
    one = OUTPUT_ASSUMED if limit is None else min(limit, OUTPUT_ASSUMED)
    return one * (demand.choices or 1)


def estimated_cost(traits: Traits, demand: Demand) -> float | None:
    """Return the estimated cost in US dollars; None if a price is unknown, which is never taken for free."""
    if traits.input_usd_per_mtok is None or traits.output_usd_per_mtok is None:
        return None
    given = INPUT_ASSUMED if demand.input_tokens is None else demand.input_tokens
    return (given * traits.input_usd_per_mtok + output_estimate(demand) * traits.output_usd_per_mtok) / MTOK
