"""The choice of a destination for one request."""

from collections.abc import Sequence

from extproc.protocol.errors import ClientError
from extproc.routing.health import BackendHealth
from extproc.routing.table import Candidate, Choice, Route, Table


def select(table: Table, model: str, api: str, draw: float, health: BackendHealth, now: float) -> Choice | None:
    """Chooses for `model` asked for in the `api` family; `draw` is in [0, 1).

    None: the policy lets unknown models pass, and Envoy's own routes decide about this one. Raises ClientError 404 for
    a model that nobody serves, 503 when all that could serve it are known to be down.
    """
    route = table.routes.get((model, api))
    if route is not None:
        return _along(route, draw, health, now)
    if model in table.names:
        raise ClientError(404, "model_not_found", "This model is not served on this API; see GET /v1/models.", "model")
    if not table.passes:
        raise ClientError(404, "model_not_found", "The requested model does not exist; see GET /v1/models.", "model")
    return _unlisted(table, model, api, health, now)


def _along(route: Route, draw: float, health: BackendHealth, now: float) -> Choice:
    targets = route.targets
    if route.sole is not None and not health.down(targets[0].destination.name, now):
        return route.sole
    downs = {c.destination.name for c in targets if health.down(c.destination.name, now)}
    up = [c for c in targets if c.destination.name not in downs]
    skipped = tuple(sorted(downs))
    picked = _weighted(up, draw)
    if picked is not None:
        return Choice(picked, "weighted" if len(targets) > 1 else "only", skipped)
    for candidate in route.fallback:
        if not health.down(candidate.destination.name, now):
            return Choice(candidate, "fallback", skipped)
    raise ClientError(
        503, "backend_unavailable", "No backend is available for this model right now; try again shortly."
    )


def _weighted(candidates: Sequence[Candidate], draw: float) -> Candidate | None:
    total = sum(c.weight for c in candidates)
    if total <= 0:
        return None
    point = draw * total
    for candidate in candidates:
        point -= candidate.weight
        if point < 0:
            return candidate
    return next(c for c in reversed(candidates) if c.weight > 0)  # rounding left the point on the far edge


def _unlisted(table: Table, model: str, api: str, health: BackendHealth, now: float) -> Choice | None:
    candidate = table.listed.get((model, api))
    why = "listed"
    if candidate is None:
        candidate, why = table.default.get(api), "default"
    if candidate is None:
        if table.own_routes:
            return None
        raise ClientError(404, "model_not_found", "The requested model does not exist on this API.", "model")
    if health.down(candidate.destination.name, now):
        raise ClientError(503, "backend_unavailable", "The backend is not available right now; try again shortly.")
    return Choice(candidate, why)
