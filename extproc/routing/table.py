"""A policy's backends and models, made ready for choosing among them once a request."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from extproc.policy import OWN_ROUTES, Backend, Bearer, Header, Policy, RoutingRule, Target, VirtualModel
from extproc.policy.condition_group import ConditionGroup
from extproc.policy.credential_headers import CREDENTIALS
from extproc.policy.signals import BACKEND_STATE
from extproc.policy.strategy import StickyBy
from extproc.protocol.headers import Field
from extproc.routing.candidates import Candidate, Choice, Destination
from extproc.routing.health import HealthKey
from extproc.routing.mirrors import MirrorRoute
from extproc.routing.quoted import Quoted, quoted
from extproc.routing.residency import NO_RESIDENCY, RegionLimit, Residency, residency_of
from extproc.routing.routes import Route, finished
from extproc.routing.strategies import order_of
from extproc.routing.traits import Traits, TraitsOf, is_limit, traits_of

__all__ = ["Candidate", "Choice", "Destination", "Route", "Table", "Traits", "client_credentials", "compile_table"]


ENDLESS_ROOM: Final = 1 << 60
"""More tokens than any request can ask for."""


class RouteReads(Struct, frozen=True):
    """The parts of a body that the routes of a model weigh: what the request needs, and what it is placed by.

    `room`: the smallest context of its candidates, `ENDLESS_ROOM` if none has a limit: tokens that fit there in any
    case need not be counted. None if they have to be, as a strategy reckons with them.
    """

    demand: bool = False
    sticky_by: StickyBy | None = None
    room: int | None = ENDLESS_ROOM

    @property
    def counts(self) -> bool:
        """True if tokens may have to be counted."""
        return self.demand and self.room != ENDLESS_ROOM


class Table(Struct, frozen=True):
    """The tables that selection reads. `routes` is by (asked model, API dialect family); `listed`: who serves a name.

    `onward`: where requests go that no dialect claims. `own_routes`: where Envoy's own routes decide what the policy
    does not, and `removes` are the fields that go then. `reads_errors`: some backend could quote a credential;
    `quoted` are those that are looked for. `asks`: the signals that a model's rules and those of residency read, by the
    model's name; `asks_all`: those that are read whatever the model is. `residency`: limits on where requests go.
    `weighs`: the names whose routes weigh more than signals and health; `reads`: what of the body, by these names.
    `addresses`: the backends' URLs, by their names. `destinations`: all backends, by their names. `permitted`: what a
    tenant may ask for, by the tenant; one that is not there may ask for all. `mirrors`: where copies go,
    by the model's name. `hidden`: fields that no backend gets, be the client's credential meant for it or not.
    """

    routes: Mapping[tuple[str, str], Route]
    names: tuple[str, ...]
    passes: bool
    listed: Mapping[tuple[str, str], Route]
    default: Mapping[str, Route]
    onward: Destination | None = None
    own_routes: bool = False
    removes: tuple[str, ...] | None = tuple(CREDENTIALS)
    reads_errors: bool = False
    quoted: tuple[Quoted, ...] = ()
    asks: Mapping[str, frozenset[str]] = {}
    asks_all: frozenset[str] = frozenset()
    residency: Residency = NO_RESIDENCY
    addresses: Mapping[str, str] = {}
    weighs: frozenset[str] = frozenset()
    reads: Mapping[str, RouteReads] = {}
    permitted: Mapping[str, frozenset[str]] = {}
    destinations: Mapping[str, Destination] = {}
    mirrors: Mapping[str, MirrorRoute] = {}
    hidden: tuple[str, ...] = ()

    def permits(self, tenant: str, model: str) -> bool:
        """True if a tenant may ask for a model."""
        names = self.permitted.get(tenant)
        return names is None or model in names

    def asked(self, model: str) -> frozenset[str]:
        """Return the signals that routing a request for `model` reads."""
        return self.asks.get(model, self.asks_all)

    def health_keys(self) -> Iterator[tuple[str, str]]:
        """Return backend and model of everything that health is kept of, but the backends as a whole."""
        return (each.key for route in (*self.every, *self.listed.values()) for each in route.every)

    @property
    def every(self) -> Iterable[Route]:
        """All routes, those of rules among them."""
        return (each for route in self.routes.values() for each in (route, *route.rules))

    @property
    def watches_load(self) -> bool:
        """True if a strategy asks for open exchanges."""
        return any(each.order is not None and each.order.reads_load for each in self.every)

    @property
    def watches_speed(self) -> bool:
        """True if a strategy asks for the times of responses."""
        return any(each.order is not None and each.order.reads_speed for each in self.every)

    @property
    def chooses(self) -> bool:
        """True if it matters who is down: a model has several ways to be served, or a rule asks."""
        if any(len({c.destination.name for c in each.every}) > 1 for each in self.every):
            return True
        return any(BACKEND_STATE.name in signals for signals in self.asks.values())


def compile_table(policy: Policy, secrets: Mapping[str, bytes], traits: TraitsOf = traits_of) -> Table:
    """Compiles `policy`; `secrets` maps a backend's name to the value of its credential.

    `traits` gives those of models at backends.

    Raises ValueError when a backend with a credential has none in `secrets`: sending none would be a silent failure.
    """
    names, hidden = removed_fields(policy), hidden_fields(policy)
    destinations = {b.name: _destination(b, secrets.get(b.name), names, hidden) for b in policy.backends}
    residency = residency_of(policy.residency)
    asks_all = _asked(residency.limits)
    routes, mirrors = _served(policy, destinations, traits)
    listed, default = _listed(policy, destinations, traits), _default(policy, destinations, traits)
    passes = policy.unknown_models == "pass"
    reads = _with_mirrors(_reads(routes, listed if passes else {}), mirrors)
    return Table(
        routes=routes,
        names=tuple(m.name for m in policy.models),
        passes=passes,
        listed=listed,
        default=default,
        onward=None if policy.fallback_backend is None else destinations[policy.fallback_backend],
        own_routes=policy.default_backend == OWN_ROUTES
        or (passes and not policy.models and not listed and not default),
        removes=None if all(each.removes is None for each in destinations.values()) else names,
        reads_errors=any(each.credential for each in destinations.values()),
        quoted=tuple(each.quoted for each in destinations.values() if each.quoted is not None),
        asks={model.name: _asked(model.rules) | asks_all for model in policy.models if model.rules},
        asks_all=asks_all,
        residency=residency,
        addresses={backend.name: backend.url for backend in policy.backends},
        weighs=frozenset(name for (name, _), route in routes.items() if _weighs(route)) | reads.keys(),
        reads=reads,
        permitted={} if policy.tenants is None else {t: frozenset(each) for t, each in policy.tenants.models.items()},
        destinations=destinations,
        mirrors=mirrors,
        hidden=hidden,
    )


def _served(
    policy: Policy, destinations: Mapping[str, Destination], traits: TraitsOf
) -> tuple[dict[tuple[str, str], Route], dict[str, MirrorRoute]]:
    """Return the routes of each model, by its name and the API's family, and the mirrors of models."""
    apis = {each.api for each in destinations.values()}
    routes: dict[tuple[str, str], Route] = {}
    mirrors: dict[str, MirrorRoute] = {}
    for number, model in enumerate(policy.models):
        ways = _Ways(policy, destinations, model, traits)
        if model.mirror is not None:
            copied = ways.candidate(model.mirror.to.backend, model.mirror.to.model, 0.0)
            mirrors[model.name] = MirrorRoute(number, copied, model.mirror.share)
        for api in apis:
            route = ways.route(api)
            if any(each.targets or each.fallback for each in (route, *route.rules)):
                routes[model.name, api] = route
    return routes, mirrors


def _with_mirrors(reads: dict[str, RouteReads], mirrors: Mapping[str, MirrorRoute]) -> dict[str, RouteReads]:
    """Return what routes read, and what their mirrors do."""
    for name, mirror in mirrors.items():
        if is_limit(mirror.candidate.traits):
            before, size = reads.get(name, RouteReads()), mirror.candidate.traits.context_tokens
            room = before.room if size is None else _least(before.room, size)
            reads[name] = replace(before, demand=True, room=room)
    return reads


def client_credentials(policy: Policy) -> tuple[str, ...]:
    """Return the fields in which a client's own credential may stand, and those of other backends' credentials.

    None of them is meant for a provider: all are removed before one sees the request.
    """
    given = (backend.credential for backend in policy.backends)
    named = (credential.field for credential in given if isinstance(credential, Bearer | Header))
    return tuple(dict.fromkeys((*CREDENTIALS, *named)))


def hidden_fields(policy: Policy) -> tuple[str, ...]:
    """Return the fields that no backend gets, beside credentials."""
    hidden = () if policy.tenants is None else policy.tenants.hidden
    return (*hidden, *(each.header for each in policy.budgets if each.header is not None))


def removed_fields(policy: Policy) -> tuple[str, ...]:
    """Return all fields that are removed from requests before a backend sees them."""
    return tuple(dict.fromkeys((*client_credentials(policy), *hidden_fields(policy))))


def _default(policy: Policy, destinations: Mapping[str, Destination], traits: TraitsOf) -> dict[str, Route]:
    if policy.fallback_backend is None:
        return {}
    chosen = destinations[policy.fallback_backend]
    candidate = Candidate(chosen, None, 1.0, traits(policy.backend(chosen.name), None))
    return {chosen.api: finished(Route((), (candidate,), spare="default"))}


def _listed(policy: Policy, destinations: Mapping[str, Destination], traits: TraitsOf) -> dict[tuple[str, str], Route]:
    """The backends that list a model, in their order."""
    listed: dict[tuple[str, str], tuple[Candidate, ...]] = {}
    for backend in policy.backends:
        for entry in backend.models:
            candidate = Candidate(destinations[backend.name], None, 1.0, traits(backend, entry.name), entry.name)
            key = entry.name, backend.api
            listed[key] = (*listed.get(key, ()), candidate)
    return {
        key: finished(Route((), each, measured=any(is_limit(one.traits) for one in each), spare="listed"))
        for key, each in listed.items()
    }


def _weighs(route: Route) -> bool:
    """True if more than signals, weights and health decides on a route."""
    return any(each.order or each.measured or each.canary for each in (route, *route.rules))


def _reads(routes: Mapping[tuple[str, str], Route], listed: Mapping[tuple[str, str], Route]) -> dict[str, RouteReads]:
    """Return the parts of a body that are weighed, by the name that is asked for."""
    found: dict[str, RouteReads] = {}
    for (name, _), route in listed.items():
        if route.measured:
            before = found.get(name, RouteReads())
            found[name] = RouteReads(demand=True, room=_least(before.room, _room((route,))))
    for (name, _), route in routes.items():
        every = (route, *route.rules)
        demand = any(each.measured or (each.order is not None and each.order.reads_demand) for each in every)
        sticky = next((each.order.sticky_by for each in every if each.order is not None), None)
        before = found.get(name, RouteReads())
        if demand or sticky or name in found:
            room = _least(before.room, _room(every))
            found[name] = RouteReads(demand or before.demand, sticky or before.sticky_by, room)
    return found


def _room(routes: Iterable[Route]) -> int | None:
    """The smallest context of all candidates; None if a strategy reckons with tokens."""
    routes = tuple(routes)
    if any(each.order is not None and each.order.reads_input for each in routes):
        return None
    sizes = (candidate.traits.context_tokens for each in routes for candidate in each.every)
    return min((size for size in sizes if size is not None), default=ENDLESS_ROOM)


def _least(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else min(one, other)


def _asked(rules: Iterable[RoutingRule | RegionLimit]) -> frozenset[str]:
    """The signals that rules read."""
    return frozenset(name for rule in rules for name in rule.when.signals)


class _Ways(Struct, frozen=True):
    """The ways to serve a model."""

    policy: Policy
    destinations: Mapping[str, Destination]
    model: VirtualModel
    traits: TraitsOf

    def to(self, targets: Iterable[Target], api: str) -> tuple[Candidate, ...]:
        """Return the candidates of targets whose backends speak `api`, each once."""
        found: dict[HealthKey, Candidate] = {}
        for each in targets:
            candidate = self.candidate(each.backend, each.model, float(each.weight))
            before = found.get(candidate.key)
            if before is not None:  # under the name that is asked for, and under none
                candidate = replace(candidate, weight=before.weight + candidate.weight)
            found[candidate.key] = candidate
        return tuple(each for each in found.values() if each.destination.api == api)

    def candidate(self, backend: str, name: str | None, weight: float) -> Candidate:
        """Return a way to serve the model at a backend, under its name there."""
        known = name or self.model.name
        traits = self.traits(self.policy.backend(backend), known)
        return Candidate(self.destinations[backend], None if known == self.model.name else known, weight, traits, known)

    def route(self, api: str) -> Route:
        """Return the route of the model."""
        model, targets = self.model, self.to(self.model.targets, api)
        route = self._route(targets, self.to(model.fallback, api))
        if model.canary is not None:
            canary = self.candidate(model.canary.to.backend, model.canary.to.model, 0.0)
            if canary.destination.api == api:
                spare = tuple(each for each in route.fallback if each.key != canary.key)
                more = any(is_limit(each.traits) for each in (*targets, canary, *spare))
                route = replace(
                    route,
                    targets=(*targets, canary),
                    fallback=spare,
                    canary=canary,
                    canary_share=model.canary.share,
                    measured=more,
                )
        rules = tuple(
            finished(self._route(self.to(rule.to, api), self.to(rule.fallback, api), name))
            for name, rule in model.named_rules()
        )
        whens = ConditionGroup([rule.when for rule in model.rules]) if rules else None
        return finished(replace(route, rules=rules, whens=whens))

    def _route(self, targets: tuple[Candidate, ...], fallback: tuple[Candidate, ...], rule: str | None = None) -> Route:
        drawn = {each.key for each in targets if each.weight > 0}
        spare = tuple(each for each in fallback if each.key not in drawn)
        return Route(
            targets,
            spare,
            rule,
            order_of(self.model, targets),
            self.model.strategy,
            several=len(drawn) > 1,
            measured=any(is_limit(each.traits) for each in (*targets, *spare)),
        )


def _destination(
    backend: Backend, secret: bytes | None, names: tuple[str, ...], hidden: tuple[str, ...]
) -> Destination:
    credential = backend.credential
    fields: tuple[Field, ...] = ()
    if isinstance(credential, Bearer | Header):
        if secret is None:
            raise ValueError(f"no credential was resolved for backend {backend.name}")
        fields = ((credential.field, credential.scheme.encode("ascii") + secret),)
    own = {name for name, _ in fields}
    return Destination(
        name=backend.name,
        api=backend.api,
        authority=backend.address.authority.encode("ascii"),
        prefix=backend.address.prefix,
        credential=fields,
        removes=None if credential == "client" else tuple(name for name in names if name not in own),
        quoted=quoted(secret) if fields and secret is not None else None,
        region=backend.region,
        maker=backend.sealed_by or backend.name,
        hidden=hidden,
        stream_usage=backend.stream_usage,
    )
