"""The choice of a destination for one request."""

from collections.abc import Mapping
from typing import Any, Final

from extproc.policy.condition_group import UndecidedError
from extproc.protocol.errors import ClientError
from extproc.routing.busy import OpenExchanges
from extproc.routing.candidates import Choice
from extproc.routing.health import BackendHealth
from extproc.routing.narrowing import UNAVAILABLE, UnroutedError, fitting, note, reading, region_of
from extproc.routing.placing import fraction
from extproc.routing.residency import Confinement, ResidencyError
from extproc.routing.routes import Route
from extproc.routing.speeds import Speeds
from extproc.routing.strategies import OTHERS_MAX, by_weight, drawn
from extproc.routing.table import Table
from extproc.routing.weighing import Weighing

NO_SIGNALS: Final[Mapping[str, Any]] = {}


def select(
    table: Table,
    model: str,
    api: str,
    draw: float,
    health: BackendHealth,
    now: float,
    signals: Mapping[str, Any] = NO_SIGNALS,
    confinement: Confinement | None = None,
    weighing: Weighing | None = None,
    makers: frozenset[str] | None = None,
) -> Choice | None:
    """Chooses for `model` asked for in the `api` family; `draw` is in [0, 1).

    `signals` are those that `table.asked` names for the model; None for what cannot be determined. `confinement`: the
    regions that the request may go to, if a rule of residency holds. `weighing`: what filters and strategies ask for
    besides (see `table.weighs`); without it they know nothing of the request. `makers`: the labels of the backends that
    can read what the request carries; None if all can.

    None: the policy lets unknown models pass, and Envoy's own routes decide about this one. Raises ClientError 404 for
    a model that nobody serves, ResidencyError if no backend may serve it, 400 for a request that no backend can serve,
    409 (NO_MAKER) if no backend of `makers` could, and 503 when all that could serve it are known to be down, or a rule
    cannot be asked.
    """
    route = table.routes.get((model, api))
    if route is not None:
        if route.rules:
            route = _held(route, signals)
        # Nearly always: the weights decide alone, and all choices are made.
        if route.edges and confinement is None and weighing is None and makers is None and health.idle:
            return route.choices[drawn(route.edges, draw) if len(route.edges) > 1 else 0]
        return _along(route, draw, health, now, confinement, weighing, makers)
    if model in table.names:
        raise _unserved(None)
    if not table.passes:
        raise ClientError(404, "model_not_found", "The requested model does not exist; see GET /v1/models.", "model")
    return _unlisted(table, model, api, draw, health, now, confinement, weighing, makers)


def _held(route: Route, signals: Mapping[str, Any]) -> Route:
    """The route of the first rule that holds, or the model's own."""
    assert route.whens is not None, "a route with rules has their conditions"
    try:
        place = route.whens.first(signals)
    except UndecidedError as error:
        # Not the next rule: the request may be for this one, which may be there to keep it from all others.
        message = "The gateway could not determine where this request may go."
        raise UnroutedError(route.rules[error.place].rule, 503, "routing_failed", message) from None
    return route if place is None else route.rules[place]


def _unserved(rule: str | None) -> UnroutedError:
    return UnroutedError(
        rule, 404, "model_not_found", "This model is not served on this API; see GET /v1/models.", "model"
    )


def _along(
    route: Route,
    draw: float,
    health: BackendHealth,
    now: float,
    confinement: Confinement | None,
    weighing: Weighing | None,
    makers: frozenset[str] | None,
) -> Choice:
    """Choose among the candidates of a route that are left by all filters."""
    if route.empty:
        raise _unserved(route.rule)
    if makers is not None:
        route = reading(route, makers, weighing)
    if confinement is not None:
        route = _within(route, confinement, weighing)
    if weighing is not None and route.measured:
        route = fitting(route, weighing)
    if not health.idle:
        route = _up(route, health, now, weighing)
    if route.edges:
        return route.choices[drawn(route.edges, draw)]
    return _ordered(route, weighing or Weighing(draw, now, OpenExchanges(), Speeds()))


def _within(route: Route, confinement: Confinement, weighing: Weighing | None) -> Route:
    """Return the part of a route within the regions that the request may go to. Raises ResidencyError."""
    left = route.within(confinement.regions)
    note(route, left, "residency", region_of, weighing)
    if left.empty:
        raise ResidencyError(confinement, route.rule)
    return left


def _up(route: Route, health: BackendHealth, now: float, weighing: Weighing | None) -> Route:
    """Return the part of a route without backends that are out. Raises UnroutedError."""
    away = health.away(now)
    if not away:
        return route
    left = route.without(away)
    note(route, left, "down", lambda _: "", weighing)
    if left.empty:  # Nothing better is left than what limits its rate, or is slow: it answers for itself.
        left = route.without(health.away(now, hard=True), rerouting=False)
    if left.empty:
        message = "No backend is available for this model right now; try again shortly."
        raise UnroutedError(route.rule, 503, UNAVAILABLE, message)
    return left


def _ordered(route: Route, weighing: Weighing) -> Choice:
    """Put what is left into the order of the attempts."""
    targets, canary = [each for each in route.targets if each.weight > 0], route.canary
    tries = canary is not None and any(each is canary for each in route.targets) and _is_tried(route, weighing)
    if canary is not None and not tries:
        _undrawn(route, weighing)
    plan = route.fallback
    if targets:
        order = by_weight(targets, weighing.draw) if route.order is None else route.order(targets, weighing)
        plan = (*order[: OTHERS_MAX + 1], *plan)
    if canary is not None and tries:
        return Choice(canary, "canary", route.skipped, route.rule, (canary, *plan))
    if not plan:
        raise _unserved(route.rule)
    why = route.spare if not targets else route.strategy if route.several else "only"
    return Choice(plan[0], why, route.skipped, route.rule, plan)


def _is_tried(route: Route, weighing: Weighing) -> bool:
    """True if the request is one of the share that tries the canary: by its key, if requests are placed by keys."""
    sticky = route.order is not None and route.order.sticky_by is not None and weighing.key is not None
    point = fraction(weighing.key) if sticky and weighing.key is not None else weighing.draw
    return point < route.canary_share


def _undrawn(route: Route, weighing: Weighing) -> None:
    """Spread the draws that the canary did not take over the whole interval again."""
    if weighing.draw >= route.canary_share < 1:
        weighing.draw = (weighing.draw - route.canary_share) / (1 - route.canary_share)


def _unlisted(
    table: Table,
    model: str,
    api: str,
    draw: float,
    health: BackendHealth,
    now: float,
    confinement: Confinement | None,
    weighing: Weighing | None,
    makers: frozenset[str] | None,
) -> Choice | None:
    """Choose for a name that is none of the policy's models: who lists it, else the default backend."""
    route = table.listed.get((model, api)) or table.default.get(api)
    if route is None:
        if not table.own_routes:
            raise ClientError(404, "model_not_found", "The requested model does not exist on this API.", "model")
        if confinement is not None:
            raise ResidencyError(confinement)
        return None
    return _along(route, draw, health, now, confinement, weighing, makers)


_GOLDEN = 0.6180339887498949  # the fraction whose multiples spread most evenly over the unit interval

APART: Final = 0.41421356237309515
"""The step of a second sequence, the square root of 2 less 1: nearly as even, and no echo of the first."""


class Draws:
    """A sequence in [0, 1) whose every stretch is spread evenly, so that weighted shares hold over tens of requests.

    Independent random numbers reach a share of 80:20 only to within 4 points over 100 requests (one standard
    deviation); this sequence stays within about one. `start` decides where a worker begins, so that workers differ.
    """

    __slots__ = ("_at", "_step")

    def __init__(self, start: float, step: float = _GOLDEN) -> None:
        self._at = start % 1.0
        self._step = step

    def next(self) -> float:
        """The next number."""
        self._at = at = (self._at + self._step) % 1.0
        return at
