"""A policy's backends and models, made ready for choosing among them once a request."""

from collections.abc import Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from extproc.policy import OWN_ROUTES, Backend, Bearer, Condition, Header, Policy, RoutingRule, Target
from extproc.policy.credential_headers import CREDENTIALS
from extproc.protocol.headers import Field
from extproc.routing.quoted import Quoted, quoted
from extproc.routing.residency import RegionLimit, limits_of
from extproc.routing.traits import Traits, traits_of

__all__ = ["Candidate", "Choice", "Destination", "Route", "Table", "Traits", "client_credentials", "compile_table"]


class Destination(Struct, frozen=True):
    """A backend as a request sees it: what to set and what to take out. Has no rendering: it holds a credential.

    `removes`: fields that would carry a client's own credential; None where the client's own is meant for the backend.
    `quoted`: the credential, to be looked for in what the backend says. `region`: None if the backend is in none.
    """

    name: str
    api: str
    authority: bytes
    prefix: str
    credential: tuple[Field, ...]
    removes: tuple[str, ...] | None
    quoted: Quoted | None = None
    region: str | None = None

    def __repr__(self) -> str:
        return f"Destination({self.name})"


class Candidate(Struct, frozen=True):
    """One way to serve a model: where, and under which name there (None: the name that was asked for).

    `known`: that name as far as the policy holds it, by which health is kept; empty for names that clients make up.
    """

    destination: Destination
    model: str | None
    weight: float
    traits: Traits = Traits()
    known: str = ""

    @property
    def key(self) -> tuple[str, str | None]:
        """Return the backend and the name of the model there, by which attempts are told apart."""
        return self.destination.name, self.model


class Choice(Struct, frozen=True):
    """The choice made. `why` is one of `only`, `weighted`, `fallback`, `listed`, `default`; `rerouted`: not as written.

    `skipped` names the backends that would have been in the running but are known to be down. `rule`: the rule whose
    candidates these were; None where they are the model's own. `plan`: the attempts in their order, the chosen
    candidate first, without repeats; every hard limit admits each of them.
    """

    candidate: Candidate
    why: str
    skipped: tuple[str, ...] = ()
    rule: str | None = None
    plan: tuple[Candidate, ...] = ()

    @property
    def rerouted(self) -> bool:
        """True if a backend that is down changed the choice."""
        return bool(self.skipped)


class Route(Struct, frozen=True):
    """The ways to serve one virtual model, or what one of its rules holds for: weighted targets, then fallbacks.

    A fallback that is a target as well is left out of `fallback`: where the target cannot serve, neither can it.
    `sole` is the choice where there is one target, as long as it is up. `rules` choose another route by what a request
    says; `rule` is the name of the one whose route this is, `when` its condition.
    """

    targets: tuple[Candidate, ...]
    fallback: tuple[Candidate, ...]
    sole: Choice | None
    rules: "tuple[Route, ...]" = ()
    rule: str | None = None
    when: Condition | None = None


class Table(Struct, frozen=True):
    """The tables that selection reads. `routes` is by (asked model, API dialect family); `listed`: who serves a name.

    `onward`: where requests go that no dialect claims. `own_routes`: where Envoy's own routes decide what the policy
    does not, and `removes` are the fields that go then. `reads_errors`: some backend could quote a credential;
    `quoted` are those that are looked for. `asks`: the signals that a model's rules and those of residency read, by the
    model's name; `asks_all`: those that are read whatever the model is. `residency`: limits on where requests go.
    `addresses`: the backends' URLs, by their names.
    """

    routes: Mapping[tuple[str, str], Route]
    names: tuple[str, ...]
    passes: bool
    listed: Mapping[tuple[str, str], tuple[Candidate, ...]]
    default: Mapping[str, Candidate]
    onward: Destination | None = None
    own_routes: bool = False
    removes: tuple[str, ...] | None = tuple(CREDENTIALS)
    reads_errors: bool = False
    quoted: tuple[Quoted, ...] = ()
    asks: Mapping[str, frozenset[str]] = {}
    asks_all: frozenset[str] = frozenset()
    residency: tuple[RegionLimit, ...] = ()
    addresses: Mapping[str, str] = {}

    def asked(self, model: str) -> frozenset[str]:
        """Return the signals that routing a request for `model` reads."""
        return self.asks.get(model, self.asks_all)

    @property
    def chooses(self) -> bool:
        """True if any model has more than one way to be served, so that knowing who is down changes anything."""
        every = (each for route in self.routes.values() for each in (route, *route.rules))
        return any(len({c.destination.name for c in (*r.targets, *r.fallback)}) > 1 for r in every)


def compile_table(policy: Policy, secrets: Mapping[str, bytes]) -> Table:
    """Compiles `policy`; `secrets` maps a backend's name to the value of its credential.

    Raises ValueError when a backend with a credential has none in `secrets`: sending none would be a silent failure.
    """
    names = client_credentials(policy)
    destinations = {b.name: _destination(b, secrets.get(b.name), names) for b in policy.backends}
    apis = {d.api for d in destinations.values()}
    limits = limits_of(policy.residency)
    asks_all = _asked(limits)
    routes: dict[tuple[str, str], Route] = {}
    for model in policy.models:
        ways = _Ways(policy, destinations, model.name)
        for api in apis:
            rules = tuple(_rule(name, rule, ways, api) for name, rule in model.named_rules())
            route = _route(model.targets, model.fallback, ways, api, rules)
            if any(each.targets or each.fallback for each in (route, *rules)):
                routes[model.name, api] = route
    listed, default = _listed(policy, destinations), _default(policy, destinations)
    passes = policy.unknown_models == "pass"
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
        residency=limits,
        addresses={backend.name: backend.url for backend in policy.backends},
    )


def client_credentials(policy: Policy) -> tuple[str, ...]:
    """Return the fields in which a client's own credential may stand, and those of other backends' credentials.

    None of them is meant for a provider: all are removed before one sees the request.
    """
    given = (backend.credential for backend in policy.backends)
    named = (credential.field for credential in given if isinstance(credential, Bearer | Header))
    return tuple(dict.fromkeys((*CREDENTIALS, *named)))


def _default(policy: Policy, destinations: Mapping[str, Destination]) -> dict[str, Candidate]:
    if policy.fallback_backend is None:
        return {}
    chosen = destinations[policy.fallback_backend]
    return {chosen.api: Candidate(chosen, None, 1.0, traits_of(policy.backend(chosen.name), None))}


def _listed(policy: Policy, destinations: Mapping[str, Destination]) -> dict[tuple[str, str], tuple[Candidate, ...]]:
    """The backends that list a model, in their order."""
    listed: dict[tuple[str, str], tuple[Candidate, ...]] = {}
    for backend in policy.backends:
        for entry in backend.models:
            candidate = Candidate(destinations[backend.name], None, 1.0, traits_of(backend, entry.name), entry.name)
            key = entry.name, backend.api
            listed[key] = (*listed.get(key, ()), candidate)
    return listed


def _asked(rules: Iterable[RoutingRule | RegionLimit]) -> frozenset[str]:
    """The signals that rules read."""
    return frozenset(name for rule in rules for name in rule.when.signals)


class _Ways(Struct, frozen=True):
    """The ways to serve the model that clients ask for as `asked`."""

    policy: Policy
    destinations: Mapping[str, Destination]
    asked: str

    def to(self, targets: Iterable[Target], api: str) -> tuple[Candidate, ...]:
        """Return the candidates of targets whose backends speak `api`."""
        return tuple(found for each in targets if (found := self._candidate(each)).destination.api == api)

    def _candidate(self, target: Target) -> Candidate:
        traits = traits_of(self.policy.backend(target.backend), target.model or self.asked)
        model = None if target.model == self.asked else target.model
        known = target.model or self.asked
        return Candidate(self.destinations[target.backend], model, float(target.weight), traits, known)


def _rule(name: str, rule: RoutingRule, ways: _Ways, api: str) -> Route:
    found = _route(rule.to, rule.fallback, ways, api)
    sole = None if found.sole is None else replace(found.sole, rule=name)
    return replace(found, sole=sole, rule=name, when=rule.when)


def _route(
    targets: tuple[Target, ...], fallback: tuple[Target, ...], ways: _Ways, api: str, rules: tuple[Route, ...] = ()
) -> Route:
    first, second = ways.to(targets, api), ways.to(fallback, api)
    tried = {each.key for each in first if each.weight > 0}
    second = tuple(each for each in second if each.key not in tried)
    sole = Choice(first[0], "only", plan=(first[0], *second)) if len(first) == 1 else None
    return Route(first, second, sole, rules)


def _destination(backend: Backend, secret: bytes | None, names: tuple[str, ...]) -> Destination:
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
    )
