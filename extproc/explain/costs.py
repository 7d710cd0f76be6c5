"""The cost of a request: by the tokens that its response reports, or estimated by the request alone."""

from extproc.apis.demand import demand
from extproc.classify.tokens import encoding_of
from extproc.protocol.record import Record
from extproc.routing.costs import output_estimate
from extproc.transaction.plan import Plan

DIGITS = 9
"""Digits after the point: a token of the cheapest models costs some 1e-8 dollars."""


def cost_of(plan: Plan, record: Record, body: bytes) -> float | None:
    """Return what a request whose `body` went to a backend costs in US dollars.

    None if it went nowhere, if the price is not known, or if nobody knows how many tokens it has.
    """
    backend, model = record.backend, record.upstream_model
    price = None if backend is None or model is None else plan.prices.of(backend, model)
    if price is None or model is None:
        return None
    given, made, cached = record.input_tokens, record.output_tokens, record.cached_input_tokens or 0
    if given is None or made is None:
        asked = demand(body, encoding_of(model))
        given, made, cached = asked.input_tokens, output_estimate(asked), 0
    cost = None if given is None else price.cost(given, made, cached)
    return None if cost is None else round(cost, DIGITS)
