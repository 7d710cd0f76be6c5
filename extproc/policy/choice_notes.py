"""Notes on the choice of backends: requests that residency leaves without any, and scores that are never given."""

from collections.abc import Iterable, Iterator

from extproc.policy.base import Loc, listed
from extproc.policy.conditions import Condition
from extproc.policy.model import Policy
from extproc.policy.names import OWN_ROUTES
from extproc.policy.parts import parts_of
from extproc.policy.residency import named_limits
from extproc.policy.virtual import Target

Note = tuple[Loc, str, str]


def finding_notes(policy: Policy) -> Iterator[Note]:
    """Notes on conditions about findings that choose a backend, where no pipeline could have any for them."""
    steps = [each.step for each in parts_of(policy).steps if each.side == "request"]
    if any(step.mode != "shadow" for step in steps):
        return
    none = "all processors for requests are in shadow" if steps else "no pipeline inspects requests"
    mend = (
        "take `mode: shadow` from those that are to decide"
        if steps
        else "add a pipeline with processors under `request`"
    )
    for place, owner, when in _deciding(policy):
        if "findings" in when.signals:
            yield place, f"{owner} reads findings, which are always empty: {none}", mend


def _deciding(policy: Policy) -> Iterator[tuple[Loc, str, Condition]]:
    """Return the conditions that choose a backend: their places, and whose they are."""
    for index, model in enumerate(policy.models):
        for position, (name, rule) in enumerate(model.named_rules()):
            yield ("models", index, "rules", position, "when"), f"rule {name}", rule.when
    for index, (name, limit) in enumerate(named_limits(policy.residency)):
        yield ("residency", index, "when"), f"rule {name} of residency", limit.when
    for index, server in enumerate(() if policy.mcp is None else policy.mcp.servers):
        if server.when is not None:
            yield ("mcp", "servers", index, "when"), f"server {server.name}", server.when


def residency_notes(policy: Policy) -> Iterator[Note]:
    """Notes on each rule of residency: its place, what looks wrong, and the fix."""
    rules = tuple(named_limits(policy.residency))
    for index, (name, rule) in enumerate(rules):
        place = ("residency", index, "regions")
        within = frozenset(rule.regions)
        left = [owner for owner, targets in _served(policy) if not _any_in(policy, targets, within)]
        if left:
            message = f"while {name} applies, no backend of {listed(left)} is in {listed(rule.regions)}: 503 residency"
            yield place, message, "add such a backend to `targets` or `fallback`, or mean it"
        if policy.default_backend == OWN_ROUTES:
            message = f"while {name} applies, requests that Envoy's own routes lead get 503: their region is unknown"
            yield place, message, "name a backend in `default_backend`, or mean it"
        for other, each in rules[:index]:
            if within.isdisjoint(each.regions):
                message = f"where {other} applies as well, no region is left: 503 residency"
                yield place, message, "name a region that both allow, or mean it"
    yield from _late(policy)


def strategy_notes(policy: Policy) -> Iterator[Note]:
    """Notes on models whose strategy weighs what the policy does not say."""
    for index, model in enumerate(policy.models):
        balance = model.balance
        if model.strategy != "balanced" or (balance is not None and not balance.quality):
            continue
        targets = (*model.targets, *(target for rule in model.rules for target in rule.to))
        without = [each.backend for each in targets if not _rated(policy, each, model.name)]
        if without:
            message = f"targets without a declared quality get none: {listed(dict.fromkeys(without))}"
            yield ("models", index, "strategy"), message, "add `quality` to the models of these backends"


def _rated(policy: Policy, target: Target, asked: str) -> bool:
    entries = policy.backend(target.backend).models
    return any(each.name == (target.model or asked) and each.quality is not None for each in entries)


def _served(policy: Policy) -> Iterator[tuple[str, tuple[Target, ...]]]:
    """Return whom lists of targets belong to, and the targets."""
    for model in policy.models:
        yield f"model {model.name}", (*model.targets, *model.fallback)
        for name, rule in model.named_rules():
            yield f"rule {name} of {model.name}", (*rule.to, *rule.fallback)


def _any_in(policy: Policy, targets: Iterable[Target], regions: frozenset[str]) -> bool:
    return any(policy.backend(each.backend).region in regions for each in targets)


def _late(policy: Policy) -> Iterator[Note]:
    """Pipelines whose requests would go on early, if nothing had to wait for their findings."""
    rules = [rule.when for model in policy.models for rule in model.rules]
    if not any("findings" in when.signals for when in (*rules, *(each.when for each in policy.residency))):
        return
    for index, pipeline in enumerate(policy.pipelines):
        if pipeline.forward == "eager" and pipeline.request:
            message = "requests wait for all processors all the same: rules read findings to choose the backend"
            yield ("pipelines", index, "forward"), message, "write forward: wait, or take findings out of the rules"
