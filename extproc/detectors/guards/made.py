"""The detector of a guard that the policy names, with the credentials and certificates that were read for it."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from extproc.detectors.contract import GuardDetector, GuardDialect
from extproc.detectors.guards import webhook
from extproc.detectors.service import GuardCertificates, GuardService, limits_of
from extproc.policy.guards import Guard, Webhook
from extproc.policy.parts import PlacedStep
from extproc.policy.secrets import guard_of

_DIALECTS: Final[Mapping[type[Guard], Callable[[Any], tuple[tuple[str, ...], GuardDialect]]]] = {
    Webhook: lambda _: (webhook.KINDS, webhook.WebhookDialect()),
}
"""For each kind of guard, the kinds of its findings and its contract."""


def made_guard(placed: PlacedStep, step: Guard, read: Mapping[str, bytes]) -> GuardDetector:
    """Return the detector of a guard. `read`: see `policy.secrets`."""
    kinds, dialect = _DIALECTS[type(step)](step)
    roles = None if step.roles is None else frozenset(step.roles)
    return GuardDetector(kinds, _service(placed, step, read), dialect, roles, step.sample)


def _service(placed: PlacedStep, step: Guard, read: Mapping[str, bytes]) -> GuardService:
    def found(what: str) -> bytes | None:
        return read.get(guard_of(placed.pipeline, placed.side, step.name, what))

    credential = found("credential")
    fields: tuple[tuple[str, str], ...] = ()
    if step.credential is not None and credential is not None:
        fields = ((step.credential.field, step.credential.scheme + credential.decode("ascii")),)
    address, certificates = step.address, None
    if address.secure:
        name = (step.tls.sni if step.tls is not None else None) or address.host
        certificates = GuardCertificates(name, found("ca"), found("cert"), found("key"))
    return GuardService(address, limits_of(step), fields, certificates)
