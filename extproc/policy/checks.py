"""Checks across the policy: names that must exist, names that must not repeat, numbers that must fit each other.

They read models and plain data alike, so that a file with a misspelt field is told of its unknown backends as well.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from extproc.policy.backend_names import asked_of_backends
from extproc.policy.base import Loc, items, listed, meant, part, refusal, states
from extproc.policy.endpoints import pooled
from extproc.policy.listing import PlacedError, pipelines
from extproc.policy.mcp_checks import of_mcp
from extproc.policy.mirror_checks import mirrored
from extproc.policy.names import NO_BACKEND, OWN_ROUTES
from extproc.policy.residency import unnamed_limit
from extproc.policy.steering import steerable
from extproc.policy.virtual import unnamed


def contradictions(policy: object) -> Iterator[PlacedError]:
    """Everything that no field can see by itself. Nothing for a good policy."""
    yield from _backends(policy)
    yield from _models(policy)
    yield from _residency(policy)
    yield from _permitted(policy)
    yield from _keyed(policy)
    yield from pipelines(policy)
    yield from _default(policy)
    yield from steerable(policy)
    yield from mirrored(policy)
    yield from of_mcp(policy)
    yield from _budgeted(policy)
    yield from _repeated(("endpoint_pools",), items(policy, "endpoint_pools"), "pool")
    yield from pooled(policy)


def _budgeted(policy: object) -> Iterator[PlacedError]:
    budgets, known = items(policy, "budgets"), _names(items(policy, "backends"))
    yield from _repeated(("budgets",), budgets, "budget")
    for index, budget in enumerate(budgets):
        backend = part(part(budget, "match"), "backend")
        if isinstance(backend, str) and backend not in known:
            error = refusal(f"there is no backend {listed([backend])}", meant(backend, known))
            yield ("budgets", index, "match", "backend"), error


def _names(entries: list[Any]) -> list[str]:
    return [name for entry in entries if isinstance(name := part(entry, "name"), str)]


def _repeated(place: Loc, entries: list[Any], what: str) -> Iterator[PlacedError]:
    seen: set[str] = set()
    for index, entry in enumerate(entries):
        name = part(entry, "name")
        if not isinstance(name, str):
            continue
        if name in seen:
            error = refusal(
                f"there is already a {what} of the name {listed([name])}", "rename one of them or delete it"
            )
            yield (*place, index, "name"), error
        seen.add(name)


def _backends(policy: object) -> Iterator[PlacedError]:
    backends = items(policy, "backends")
    if not backends and isinstance(part(policy, "backends"), list | tuple) and not items(policy, "endpoint_pools"):
        yield ("backends",), refusal("a policy needs a backend", "add one: {name: NAME, url: URL, api: openai}")
    yield from _repeated(("backends",), backends, "backend")
    for index, backend in enumerate(backends):
        yield from _repeated(("backends", index, "models"), items(backend, "models"), "model")


def _models(policy: object) -> Iterator[PlacedError]:
    models = items(policy, "models")
    yield from _repeated(("models",), models, "model")
    known = _names(items(policy, "backends"))
    for index, model in enumerate(models):
        place: Loc = ("models", index)
        yield from _chain(place, model, "targets", "a model", known)
        placed = part(model, "strategy") == "sticky" and part(model, "sticky_by") == "tenant"
        if placed and part(policy, "tenants") is None:
            error = refusal("the policy does not say who is calling", "add `tenants: {from: {header: x-tenant-id}}`")
            yield (*place, "sticky_by"), error
        yield from _canary(place, part(part(model, "canary"), "to"), items(model, "targets"), known)
        rules = items(model, "rules")
        yield from _called((*place, "rules"), rules, unnamed, "in this model")
        for position, rule in enumerate(rules):
            yield from _chain((*place, "rules", position), rule, "to", "a rule", known)
    yield from asked_of_backends(policy)


def _chain(place: Loc, entry: object, first: str, owner: str, known: list[str]) -> Iterator[PlacedError]:
    """The targets of a model or a rule, in the list `first`, and its fallback."""
    for kind in (first, "fallback"):
        yield from _targets((*place, kind), items(entry, kind), known)
    yield from _weights((*place, first), part(entry, first), owner)
    yield from _unordered((*place, "fallback"), items(entry, "fallback"))


def _permitted(policy: object) -> Iterator[PlacedError]:
    """Names of models and of tenants that nobody has: a misspelt tenant's list would leave all models to the tenant."""
    tenants = part(policy, "tenants")
    permitted, served = part(tenants, "models"), part(tenants, "known")
    if not isinstance(permitted, Mapping):
        return
    if isinstance(served, Mapping) and served and part(tenants, "unknown") != "pass":
        for tenant in permitted:
            if isinstance(tenant, str) and tenant not in served:
                message = f"there is no tenant {listed([tenant])} among those that are known"
                yield ("tenants", "models", tenant), refusal(message, meant(tenant, served))
    if part(policy, "unknown_models") == "pass":
        return
    known = _names(items(policy, "models"))
    for tenant, names in permitted.items():
        for index, name in enumerate(names if isinstance(names, list | tuple) else ()):
            if isinstance(name, str) and name not in known:
                error = refusal(f"there is no model {listed([name])}", meant(name, known))
                yield ("tenants", "models", tenant, index), error


def _keyed(policy: object) -> Iterator[PlacedError]:
    """Backends that would be sent the gateway's own keys: a client shows a key where its own credential would be."""
    tenants = part(policy, "tenants")
    if part(part(tenants, "source") or part(tenants, "from"), "keys") is None:
        return
    for index, backend in enumerate(items(policy, "backends")):
        if part(backend, "credential") == "client":
            message = "clients show keys of the gateway, which are no business of a backend's"
            mend = "give the backend a credential of its own, or tell tenants by something else than keys"
            yield ("backends", index, "credential"), refusal(message, mend)


def _residency(policy: object) -> Iterator[PlacedError]:
    """Names of residency's rules that repeat, and regions that no backend is in: no request could go there."""
    rules = items(policy, "residency")
    yield from _called(("residency",), rules, unnamed_limit, "of residency")
    known = [region for each in items(policy, "backends") if isinstance(region := part(each, "region"), str)]
    for index, rule in enumerate(rules):
        for position, region in enumerate(items(rule, "regions")):
            if isinstance(region, str) and region not in known:
                error = refusal(f"no backend is in the region {listed([region])}", meant(region, known))
                yield ("residency", index, "regions", position), error


def _canary(place: Loc, target: object, targets: list[Any], known: list[str]) -> Iterator[PlacedError]:
    """The target of a canary, which would have a share of its own if it were among the model's targets."""
    here = (*place, "canary", "to")
    yield from ((here + at[len(here) + 1 :], error) for at, error in _targets(here, [target], known))
    backend = part(target, "backend")
    for each in targets if isinstance(backend, str) else ():
        if (backend, part(target, "model")) == (part(each, "backend"), part(each, "model")):
            yield here, refusal("this is one of the model's targets already", "delete it there, or name another here")


def _called(place: Loc, rules: list[Any], by_place: Callable[[int], str], owner: str) -> Iterator[PlacedError]:
    """Names of rules that repeat, be they written or by the place in the list."""
    seen: set[str] = set()
    for index, rule in enumerate(rules):
        written = part(rule, "name")
        name = written if isinstance(written, str) else by_place(index)
        if name in seen:
            error = refusal(
                f"there is already a rule of the name {listed([name])} {owner}",
                "give one of them a `name` of its own",
            )
            yield (*place, index, "name"), error
        seen.add(name)


def _targets(place: Loc, targets: list[Any], known: list[str]) -> Iterator[PlacedError]:
    seen: set[tuple[str, str | None]] = set()
    for index, target in enumerate(targets):
        backend, model = part(target, "backend"), part(target, "model")
        if not isinstance(backend, str) or not isinstance(model, str | None):
            continue
        if backend not in known:
            yield (*place, index, "backend"), refusal(f"there is no backend {listed([backend])}", meant(backend, known))
        if (backend, model) in seen:
            error = refusal("this target is already in the list", "delete it, or add its weight to the other")
            yield (*place, index), error
        seen.add((backend, model))


def _weights(place: Loc, targets: object, owner: str) -> Iterator[PlacedError]:
    if not isinstance(targets, list | tuple):
        return
    if not targets:
        yield place, refusal(f"{owner} needs a target", "add one, such as {backend: NAME, model: NAME}")
        return
    weights = [part(target, "weight") if states(target, "weight") else 1 for target in targets]
    if all(weight == 0 for weight in weights):
        yield place, refusal("every weight is 0, so no target would be chosen", "give one of them a weight above 0")


def _unordered(place: Loc, fallback: list[Any]) -> Iterator[PlacedError]:
    for index, target in enumerate(fallback):
        if states(target, "weight"):
            error = refusal("fallback is tried in order and has no weights", "delete `weight`, and order the list")
            yield (*place, index, "weight"), error


def _default(policy: object) -> Iterator[PlacedError]:
    name = part(policy, "default_backend")
    known = [*_names(items(policy, "backends")), NO_BACKEND, OWN_ROUTES]
    if isinstance(name, str) and name not in known:
        yield ("default_backend",), refusal(f"there is no backend {listed([name])}", meant(name, known))
