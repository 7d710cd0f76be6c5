"""A policy's backends and models, made ready for choosing among them once a request."""

from collections.abc import Mapping

from msgspec import Struct

from extproc.policy import Backend, Bearer, Header, Policy, Target
from extproc.protocol.headers import Field

CLIENT_CREDENTIALS = ("authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie", "proxy-authorization")
"""What a client proves itself with, to the gateway: never meant for a provider, and removed before one sees it."""


class Destination(Struct, frozen=True):
    """A backend as a request sees it: what to set and what to take out. Has no rendering: it holds a credential."""

    name: str
    api: str
    authority: bytes
    prefix: str
    credential: tuple[Field, ...]
    removes: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Destination({self.name})"


class Candidate(Struct, frozen=True):
    """One way to serve a model: where, and under which name there (None: the name that was asked for)."""

    destination: Destination
    model: str | None
    weight: float


class Choice(Struct, frozen=True):
    """What was chosen. `why` is one of `only`, `weighted`, `fallback`, `listed`, `default`; `rerouted`: not as written.

    `skipped` names the backends that would have been in the running but are known to be down.
    """

    candidate: Candidate
    why: str
    skipped: tuple[str, ...] = ()

    @property
    def rerouted(self) -> bool:
        """Whether a backend that is down changed the choice."""
        return bool(self.skipped)


class Route(Struct, frozen=True):
    """The ways to serve one virtual model: weighted targets, then fallbacks in order.

    `sole` is the choice where there is one target, as long as it is up.
    """

    targets: tuple[Candidate, ...]
    fallback: tuple[Candidate, ...]
    sole: Choice | None


class Table(Struct, frozen=True):
    """What selection looks up. `routes` is by (asked model, API dialect family); `listed` says who serves a name."""

    routes: Mapping[tuple[str, str], Route]
    names: tuple[str, ...]
    passes: bool
    listed: Mapping[tuple[str, str], Candidate]
    default: Mapping[str, Candidate]

    @property
    def chooses(self) -> bool:
        """Whether any model has more than one way to be served, so that knowing who is down changes anything."""
        return any(len({c.destination.name for c in (*r.targets, *r.fallback)}) > 1 for r in self.routes.values())


def compile_table(policy: Policy, secrets: Mapping[str, bytes]) -> Table:
    """Compiles `policy`; `secrets` maps a backend's name to the value of its credential.

    Raises ValueError when a backend with a credential has none in `secrets`: sending none would be a silent failure.
    """
    destinations = {b.name: _destination(b, secrets.get(b.name)) for b in policy.backends}
    apis = {d.api for d in destinations.values()}
    routes: dict[tuple[str, str], Route] = {}
    for model in policy.models:
        for api in apis:
            targets = _candidates(model.targets, destinations, api)
            fallback = _candidates(model.fallback, destinations, api)
            if targets or fallback:
                sole = Choice(targets[0], "only") if len(targets) == 1 else None
                routes[model.name, api] = Route(targets, fallback, sole)
    listed: dict[tuple[str, str], Candidate] = {}
    for backend in policy.backends:
        for entry in backend.models:
            candidate = Candidate(destinations[backend.name], None, 1.0)
            listed.setdefault((entry.name, backend.api), candidate)
    return Table(
        routes=routes,
        names=tuple(m.name for m in policy.models),
        passes=policy.unknown_models == "pass",
        listed=listed,
        default=_default(policy, destinations),
    )


def _default(policy: Policy, destinations: Mapping[str, Destination]) -> dict[str, Candidate]:
    if policy.fallback_backend is None:
        return {}
    chosen = destinations[policy.fallback_backend]
    return {chosen.api: Candidate(chosen, None, 1.0)}


def _candidates(
    targets: tuple[Target, ...], destinations: Mapping[str, Destination], api: str
) -> tuple[Candidate, ...]:
    found = (Candidate(destinations[t.backend], t.model, float(t.weight)) for t in targets)
    return tuple(c for c in found if c.destination.api == api)


def _destination(backend: Backend, secret: bytes | None) -> Destination:
    credential = backend.credential
    removes: tuple[str, ...] = () if credential == "client" else CLIENT_CREDENTIALS
    fields: tuple[Field, ...] = ()
    if isinstance(credential, Bearer | Header):
        if secret is None:
            raise ValueError(f"no credential was resolved for backend {backend.name}")
        fields = ((credential.field, credential.scheme.encode("ascii") + secret),)
    return Destination(
        name=backend.name,
        api=backend.api,
        authority=backend.address.authority.encode("ascii"),
        prefix=backend.address.prefix,
        credential=fields,
        removes=tuple(name for name in removes if name not in {n for n, _ in fields}),
    )
