"""Notes on budgets: requests that they do not tell apart, do not see, or forget."""

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final

from extproc.policy.address import is_ip
from extproc.policy.base import Loc, listed, meant
from extproc.policy.budgets import Budget
from extproc.policy.model import Policy
from extproc.policy.names import NO_BACKEND

LONG: Final = 3600.0
"""Seconds of a window from which a restart of the program is likely to fall into one."""


def budget_notes(policy: Policy) -> Iterator[tuple[Loc, str, str]]:
    """Yield each note: its place, what looks wrong, and the fix."""
    for index, budget in enumerate(policy.budgets):
        yield from _subjects(policy, ("budgets", index), budget)
    if not policy.budgets:
        return
    if policy.default_backend not in {None, NO_BACKEND}:
        message = (
            "requests on paths of no API (images, speech, batches) take from no budget: nobody reads what they are"
        )
        yield ("budgets",), message, "write `default_backend: none`, or mean it"
    forgotten = [each.name for each in policy.budgets if each.window == "month" or (each.window or 0) >= LONG]
    if forgotten and policy.state.memory.file is None and policy.state.redis is None:
        message = f"what was spent of {listed(forgotten)} is forgotten when the program ends"
        yield ("state",), message, "write state: {memory: {file: /var/lib/extproc/budgets}}, or mean it"
    if policy.usage is not None and policy.usage.source != "processor":
        blind = [each.name for each in policy.budgets if each.requests is None]
        if blind:
            message = f"{listed(blind)} cannot see the ends of responses: usage is not counted by the processor"
            yield ("usage", "from"), message, "write from: processor; else requests are charged what they reserved"


def _subjects(policy: Policy, place: Loc, budget: Budget) -> Iterator[tuple[Loc, str, str]]:
    """Yield notes on whose budget it is."""
    tenants, per = policy.tenants, (*place, "per")
    if budget.per == "tenant":
        if tenants is None:
            message = "all requests share this budget: no `tenants` says who is calling"
            yield per, message, "write tenants: {from: {header: x-tenant-id}, required: true}, or per: all"
        elif not tenants.requires:
            message = "all requests without a tenant share one budget"
            yield per, message, "write required: true in `tenants`, or mean it"
    if budget.per == "key" and (tenants is None or tenants.source.keys is None):
        message = "all requests share this budget: tenants do not come from virtual keys"
        yield per, message, "write tenants: {from: {keys: keys.jsonl}}, or per: tenant"
    names = [each.name for each in policy.models]
    model = budget.match.model
    if model is not None and model not in names:
        yield (*place, "match", "model"), f"no request matches: there is no model {model}", meant(model, names)
    if budget.per == "model":
        for name in budget.limits:
            if name not in names:
                yield (*place, "limits", name), f"there is no model {name}", meant(name, names)


def state_notes(policy: Policy) -> Iterator[tuple[Loc, str, str]]:
    """Yield each note: its place, what looks wrong, and the fix."""
    redis = policy.state.redis
    if redis is None or redis.password is None:
        return
    address = redis.address
    near = (
        bool(address.path)
        or address.host == "localhost"
        or (is_ip(address.host) and ip_address(address.host).is_loopback)
    )
    if not address.secure and not near:
        message = "this password goes over the network in clear text"
        yield ("state", "redis", "password"), message, "use rediss:// in `url` if you can"
