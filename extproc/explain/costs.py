"""The cost of a request: by the tokens that its response reports, or estimated by the request alone."""

from extproc.apis.demand import demand
from extproc.classify.tokens import encoding_of
from extproc.protocol.record import Record
from extproc.routing.costs import output_estimate
from extproc.transaction.plan import Plan
from extproc.transaction.recording import COST_DIGITS


def cost_of(plan: Plan, record: Record, body: bytes) -> float | None:
    """Return what a request whose `body` went to a backend costs in US dollars.

    None if it went nowhere, if the price is not known, or if nobody knows how many tokens it has.
    """
    if record.cost_usd is not None:
        return record.cost_usd
    backend, model = record.backend, record.upstream_model
    price = None if backend is None or model is None else plan.prices.of(backend, model)
    if price is None or model is None:
        return None
    asked = demand(body, encoding_of(model))
    cost = None if asked.input_tokens is None else price.cost(asked.input_tokens, output_estimate(asked))
    return None if cost is None else round(cost, COST_DIGITS)
