"""The signals about the backends of a policy: the state of each, and whether a request fits its models."""

from collections.abc import Callable, Mapping

from extproc.policy.signals import FITS
from extproc.routing.health import BackendHealth
from extproc.routing.table import Table
from extproc.signals.asked import AskedValues
from extproc.signals.registry import SignalRegistry
from extproc.signals.signal import Signal
from extproc.signals.view import RequestView


def states_of(health: BackendHealth, now: float) -> AskedValues:
    """Return the states of backends and their models as of `now`."""

    def state(name: str) -> str:
        backend, _, model = name.partition("/")
        return health.state(backend, model, now)

    return AskedValues(state)


def fitted(signals: SignalRegistry, table: Table) -> SignalRegistry:
    """Return the signals with `fits` made for the models of a table; as they are if they have no such signal."""
    if FITS.name not in signals:
        return signals
    routes = (*table.every, *table.listed.values())
    contexts = {"/".join(each.key): each.traits.context_tokens for route in routes for each in route.every}
    return signals.with_bound([Signal.of(FITS, _fits(contexts))])


def _fits(contexts: Mapping[str, int | None]) -> Callable[[RequestView], AskedValues | None]:
    """See `Signal.compute`.

    As for the filter: a context that is not known is large enough, and a request that cannot be counted fits none that
    is known.
    """

    def fits(view: RequestView) -> AskedValues | None:
        if view.outline is None:
            return None
        given = view.demand.input_tokens
        needed = None if given is None else given + (view.demand.max_output_tokens or 0)

        def fit(name: str) -> bool:
            size = contexts.get(name)
            return size is None or (needed is not None and needed <= size)

        return AskedValues(fit)

    return fits
