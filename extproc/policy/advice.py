"""Notes: what a policy may say, but rarely means."""

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import ip_address

from extproc.policy.address import Address
from extproc.policy.audit_notes import audit_notes
from extproc.policy.backends import Backend
from extproc.policy.base import Loc, listed, meant
from extproc.policy.budget_notes import budget_notes, state_notes
from extproc.policy.choice_notes import finding_notes, residency_notes, strategy_notes
from extproc.policy.comparison_notes import comparison_notes
from extproc.policy.mcp_checks import MCP_API
from extproc.policy.model import Policy
from extproc.policy.names import CONTROL_PREFIX
from extproc.policy.parts import conditions_of
from extproc.policy.pipelines import Match, Pipeline
from extproc.policy.response_notes import keepalive_notes, usage_notes
from extproc.policy.retry_notes import retry_notes
from extproc.policy.signals import HEADERS, INTENT
from extproc.policy.tenant_notes import tenant_notes
from extproc.policy.virtual import Target, VirtualModel

Note = tuple[Loc, str, str]


def advice(policy: Policy) -> Iterator[Note]:
    """Each note: its place, what looks wrong, and the mend."""
    for index, backend in enumerate(policy.backends):
        if backend.credential is not None and not backend.address.secure and not _loopback(backend.address):
            place = ("backends", index, "credential")
            yield place, "this credential goes over the network in clear text", "use https in `url` if you can"
        if not backend.address.prefix and backend.address.secure and backend.api != MCP_API:
            message = "this url has no path: what follows /v1 in a client's path stands at the root there"
            yield ("backends", index, "url"), message, f"write {backend.url.rstrip('/')}/v1 if its API is below /v1"
    for index, model in enumerate(policy.models):
        for at, targets in _lists(("models", index), model):
            for position, target in enumerate(targets):
                yield from _unlisted((*at, position), policy.backend(target.backend), target.model or model.name)
        if model.canary is not None:
            tried, at = model.canary.to, ("models", index, "canary", "to")
            yield from _unlisted(at, policy.backend(tried.backend), tried.model or model.name)
        if model.mirror is not None:
            copied, at = model.mirror.to, ("models", index, "mirror", "to")
            yield from _unlisted(at, policy.backend(copied.backend), copied.model or model.name)
        yield from _unasked(("models", index, "rules"), model)
        yield from _unserved(policy, ("models", index), model)
    yield from finding_notes(policy)
    yield from residency_notes(policy)
    yield from strategy_notes(policy)
    yield from retry_notes(policy)
    yield from _own_headers(policy)
    yield from _unread_intents(policy)
    yield from _unverified(policy)
    yield from tenant_notes(policy)
    yield from state_notes(policy)
    yield from budget_notes(policy)
    yield from usage_notes(policy)
    yield from comparison_notes(policy)
    yield from _unreached(policy.pipelines)
    yield from _weaker(policy.pipelines)
    yield from keepalive_notes(policy.pipelines)
    of_models = [each.name for each in policy.backends if each.api != MCP_API]
    if policy.default_backend is None and of_models:
        message = "requests on paths of no API get 404"
        yield ("backends",), message, f"write `default_backend: {of_models[0]}` to send them there, or none"
    yield from _unnamed_servers(policy)
    yield from audit_notes(policy)
    if not policy.models and policy.unknown_models == "reject" and of_models:
        yield ("unknown_models",), "every model is unknown, so every request is rejected", "add `models`, or write pass"


def _unnamed_servers(policy: Policy) -> Iterator[Note]:
    """Backends that are MCP servers behind no path."""
    servers = () if policy.mcp is None else policy.mcp.servers
    named = {name for each in servers for name in (each.backend, *each.fallback)}
    for index, backend in enumerate(policy.backends):
        if backend.api == MCP_API and backend.name not in named:
            yield ("backends", index), "no request reaches this MCP server", "name it in `mcp.servers`"


def _lists(place: Loc, model: VirtualModel) -> Iterator[tuple[Loc, tuple[Target, ...]]]:
    """Every list of targets of a model, with its place."""
    for index, rule in enumerate(model.rules):
        yield (*place, "rules", index, "to"), rule.to
        yield (*place, "rules", index, "fallback"), rule.fallback
    yield (*place, "targets"), model.targets
    yield (*place, "fallback"), model.fallback


def _own_headers(policy: Policy) -> Iterator[Note]:
    """Conditions and matches about header fields that only the processor sets."""
    named: list[tuple[Loc, Iterable[str]]] = [
        (loc, when.named.get(HEADERS.name, ())) for loc, when in conditions_of(policy)
    ]
    for index, pipeline in enumerate(policy.pipelines):
        named.append((("pipelines", index, "match", "headers"), pipeline.match.headers))
    steering = set(policy.steering.headers)
    for loc, names in named:
        for name in sorted(names):
            if name.startswith(CONTROL_PREFIX) or name in steering:
                message = f"the field {name} is the processor's own: only a client could set it before, as it likes"
                yield loc, message, "ask for a field that a trusted proxy sets, or for signals such as model"


def _unverified(policy: Policy) -> Iterator[Note]:
    """Backends behind another project's routes, whose clusters nobody named."""
    steering = policy.steering
    missing = [backend.name for backend in policy.backends if backend.name not in steering.clusters]
    if steering.foreign and missing:
        message = (
            f"steering cannot be verified for {listed(missing)}: by: {steering.by} leads to clusters of other names"
        )
        yield ("steering", "by"), message, "write the names of the clusters that serve them into steering.clusters"


def _unread_intents(policy: Policy) -> Iterator[Note]:
    if policy.intents is None or INTENT.name in policy.recorded_signals:
        return
    if not any(INTENT.name in when.signals for _, when in conditions_of(policy)):
        message = "nothing reads the signal intent, so these classes are not looked for"
        yield ("intents",), message, "ask for it in a rule, such as when: 'intent == \"code\"', or delete them"


def _unasked(place: Loc, model: VirtualModel) -> Iterator[Note]:
    names = [name for name, _ in model.named_rules()]
    first: dict[str, int] = {}
    for index, rule in enumerate(model.rules):
        condition = rule.when.text.strip()
        before = first.setdefault("true" if "true" in first else condition, index)
        if before != index:
            message = f"no request gets here: rule {names[before]} before it applies to all of them"
            yield (*place, index), message, "put this one first, or delete it"


def _unserved(policy: Policy, place: Loc, model: VirtualModel) -> Iterator[Note]:
    """Rules, or targets beside rules, without a candidate for an API that others of the model serve."""
    if not model.rules:
        return
    served = [
        ((*place, "rules", index, "to"), f"rule {name}", (*rule.to, *rule.fallback))
        for index, (name, rule) in enumerate(model.named_rules())
    ]
    served.append(
        ((*place, "targets"), f"model {model.name}, where no rule applies,", (*model.targets, *model.fallback))
    )
    apis = [frozenset(policy.backend(target.backend).api for target in targets) for _, _, targets in served]
    for api in sorted(frozenset[str]().union(*apis)):
        for (at, owner, _), its in zip(served, apis, strict=True):
            if api not in its:
                message = f"{owner} has no target for the API {api}, so these requests get 404"
                yield at, message, f"add a backend with api: {api}, here or in `fallback`"


def _unlisted(place: Loc, backend: Backend, name: str) -> Iterator[Note]:
    # No error: the list says what models cost, and an operator may price a few of many.
    names = [model.name for model in backend.models]
    if names and name not in names:
        yield (*place, "model"), f"backend {backend.name} lists models, but not {name}", meant(name, names)


def _unreached(pipelines: Sequence[Pipeline]) -> Iterator[Note]:
    for index, pipeline in enumerate(pipelines):
        before = next((other for other in pipelines[:index] if _covers(other.match, pipeline.match)), None)
        if before is not None:
            message = f"no request gets here: pipeline {before.name} matches all of them before"
            yield ("pipelines", index), message, "put this one first, or delete it"


def _covers(first: Match, second: Match) -> bool:
    """True if each request that the second holds for is one of the first."""
    return (
        second.path.lower().startswith(first.path.lower())
        and first.headers.items() <= second.headers.items()
        and first.route_name in {None, second.route_name}
        and first.tenant in {None, second.tenant}
    )


def _weaker(pipelines: Sequence[Pipeline]) -> Iterator[Note]:
    for index, pipeline in enumerate(pipelines):
        for side, processors in (("request", pipeline.request), ("response", pipeline.response)):
            for position, processor in enumerate(processors):
                other = next((each for each in processors if each.name == processor.stand_in), None)
                if other is not None and processor.enforced and not other.enforced:
                    place = ("pipelines", index, side, position, "on_failure")
                    message = f"when this fails, {other.name} only reports, and the content passes"
                    yield place, message, "name a processor that masks or blocks, or write allow to say so"


def _loopback(address: Address) -> bool:
    return ip_address(address.host).is_loopback if address.numeric else address.host == "localhost"
