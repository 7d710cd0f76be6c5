"""Checks of mirrors: where a copy may go, and what Envoy must be able to do for it."""

from collections.abc import Iterator
from typing import Any

from extproc.policy.base import Loc, items, listed, meant, part, refusal
from extproc.policy.listing import PlacedError


def mirrored(policy: object) -> Iterator[PlacedError]:
    """Everything that is wrong with the mirrors of models."""
    backends = {name: each for each in items(policy, "backends") if isinstance(name := part(each, "name"), str)}
    pooled = {name for pool in items(policy, "endpoint_pools") for name in items(pool, "backends")}
    for index, model in enumerate(items(policy, "models")):
        mirror = part(model, "mirror")
        if mirror is None:
            continue
        place: Loc = ("models", index, "mirror")
        yield from _steered(place, part(policy, "steering"))
        name = part(part(mirror, "to"), "backend")
        if isinstance(name, str):
            yield from _target((*place, "to", "backend"), name, model, backends, pooled)


def _steered(place: Loc, steering: object) -> Iterator[PlacedError]:
    if part(steering, "by") not in {None, "cluster_header"}:
        error = refusal(f"by: {part(steering, 'by')} has no routes for copies", "delete it, or steer by cluster_header")
        yield place, error
    elif part(steering, "retries") == "none":
        told = "copies need an Envoy with upstream filters, and `steering: {retries: none}` says that it has none"
        yield place, refusal(told, "delete it, or `retries: none`")


def _target(place: Loc, name: str, model: object, backends: dict[str, Any], pooled: set[Any]) -> Iterator[PlacedError]:
    backend = backends.get(name)
    if backend is None:
        yield place, refusal(f"there is no backend {listed([name])}", meant(name, list(backends)))
        return
    if part(backend, "credential") == "client":
        told = f"{name} gets the client's own key, which was meant for another backend"
        yield place, refusal(told, "give the backend a credential, or name another")
    if name in pooled:
        yield place, refusal(f"{name} is in an endpoint pool: no endpoint is picked for a copy", "name another backend")
    lists = [model, *items(model, "rules")]
    targets = [each for chain in lists for kind in ("targets", "to", "fallback") for each in items(chain, kind)]
    apis = {part(backends.get(part(each, "backend")), "api") for each in targets}
    if part(backend, "api") not in apis:
        yield place, refusal(f"{name} has another API than the model's targets", "name a backend with one of theirs")
