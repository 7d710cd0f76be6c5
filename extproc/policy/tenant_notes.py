"""Notes on tenants: what a policy asks about them that can never be so."""

from collections.abc import Iterator
from typing import Final

from extproc.policy.base import Loc, meant
from extproc.policy.model import Policy
from extproc.policy.names import NO_BACKEND
from extproc.policy.parts import conditions_of
from extproc.policy.signals import TENANT
from extproc.policy.tenants import Tenants

_DECLARE: Final = "say who is calling: tenants: {from: {header: x-tenant-id}}"


def tenant_notes(policy: Policy) -> Iterator[tuple[Loc, str, str]]:
    """Yield each note: its place, what looks wrong, and the fix."""
    tenants = policy.tenants
    attributes = sorted({name for known in tenants.known.values() for name in known} if tenants is not None else ())
    for loc, when in conditions_of(policy):
        if tenants is None and (when.attributes or TENANT.name in when.signals):
            yield loc, "the tenant is always empty here: no `tenants` says who is calling", _DECLARE
            continue
        for name in sorted(when.attributes):
            if name not in attributes:
                message = f"tenant.{name} is always empty: no tenant in `tenants.known` has it"
                mend = meant(name, attributes) if attributes else f"write known: {{NAME: {{{name}: VALUE}}}}"
                yield loc, message, mend
    if tenants is not None and tenants.models:
        yield from _unlimited(policy, tenants)
    for index, pipeline in enumerate(policy.pipelines):
        wanted = pipeline.match.tenant
        if wanted is None:
            continue
        place = ("pipelines", index, "match", "tenant")
        if tenants is None:
            yield place, "no request gets here: no `tenants` says who is calling", _DECLARE
        elif tenants.rejects_unknown and wanted not in tenants.known:
            yield place, f"no request gets here: {wanted} is not in `tenants.known`", meant(wanted, tenants.known)


def _unlimited(policy: Policy, tenants: Tenants) -> Iterator[tuple[Loc, str, str]]:
    """Requests that the lists of models do not limit."""
    place = ("tenants", "models")
    if not tenants.requires:
        yield place, "a request without a tenant may ask for all models", "write required: true, or mean it"
    if policy.default_backend not in {None, NO_BACKEND}:
        message = "on paths of no API (images, speech, batches) these lists do not hold: nobody reads what is asked for"
        yield place, message, "write `default_backend: none`, or mean it"
