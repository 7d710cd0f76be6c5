"""Notes of `extproc check` on a file of virtual keys: who may read it, and what its keys ask for in vain."""

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from extproc.policy import Policy, Unusable
from extproc.policy.base import listed
from extproc.policy.names import NO_BACKEND
from extproc.policy.virtual_keys import KeyRing

NAMED_MOST: Final = 5
"""Keys that a note names; the others are counted."""

_PLACE: Final = ("tenants", "from", "keys")


def key_notes(policy: Policy, ring: KeyRing | None, now: float) -> Iterator[Unusable]:
    """Yield the notes on a policy's keys, as they are at `now` (Unix time)."""
    path = None if policy.tenants is None else policy.tenants.source.keys
    if path is None or ring is None or policy.tenants is None:
        return
    yield from _mode(path)
    good = [each for each in ring.keys if each.revoked is None and not each.expired(now)]
    if not good:
        yield Unusable(_PLACE, "no key in it is good", f"make one: extproc key new --file {path} --tenant NAME")
    if not policy.tenants.requires:
        yield Unusable(("tenants", "required"), "a request without a key is served, to whoever sends it", "mean it")
    unknown = [each.id for each in good if policy.tenants.rejects_unknown and each.tenant not in policy.tenants.known]
    if unknown:
        yield Unusable(_PLACE, f"tenants of these keys are not in `tenants.known`: {_some(unknown)}", "add them there")
    served = {each.name for each in policy.models}
    lost = [each.id for each in good if policy.unknown_models == "reject" and set(each.models or ()) - served]
    if lost:
        yield Unusable(
            _PLACE, f"these keys name models that the policy does not have: {_some(lost)}", "check the names"
        )
    per_key = {each.name for each in policy.budgets if each.per == "key"}
    vain = [each.id for each in good if each.budgets.keys() - per_key]
    if vain:
        message = f"these keys have limits of budgets that no `per: key` budget of the policy has: {_some(vain)}"
        yield Unusable(_PLACE, message, "check the names, or add the budget")
    if policy.default_backend not in {None, NO_BACKEND} and any(each.models is not None for each in good):
        message = (
            "on paths of no API (images, speech, batches) a key's models do not hold: nobody reads what is asked for"
        )
        yield Unusable(_PLACE, message, "write `default_backend: none`, or mean it")


def _mode(path: Path) -> Iterator[Unusable]:
    """Yield what is wrong with who may read the file, or write it."""
    try:
        mode = path.stat().st_mode
    except OSError:  # it was read a moment ago
        return
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        yield Unusable(_PLACE, "others may write this file, and give themselves keys", f"chmod 600 {path}")
    elif mode & stat.S_IROTH:
        yield Unusable(_PLACE, "everybody on this machine may read this file", f"chmod 600 {path}")


def _some(ids: list[str]) -> str:
    more = len(ids) - NAMED_MOST
    return listed(ids[:NAMED_MOST]) + (f" and {more} more" if more > 0 else "")
