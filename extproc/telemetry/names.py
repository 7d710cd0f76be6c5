"""The names that may be labels: those that the policy holds, as many as it allows."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from extproc.policy import Policy
from extproc.telemetry.snapshot import OTHER

UNKNOWN: Final = "unknown"
"""The label value where there is no name, as Envoy AI Gateway has it."""

WORKER_SHARE: Final = 4
"""Tenants that a worker counts for each one that is shown. Workers see different tenants first; with as many as are
shown, the numbers of a tenant would lack those of the workers that had others before."""


class LabelNames(Struct, frozen=True):
    """Names that may be labels.

    `models`: those of the policy, with their label: the name, or `other` beyond the bound. `providers`: the backends'
    names, with the provider's name for each. `tenants`: how many a worker counts; None if the policy asks for none.
    """

    models: Mapping[str, str] = {}
    providers: Mapping[str, str] = {}
    tenants: int | None = None

    def model(self, name: str | None) -> str:
        """Return the label for a model's name that a client, or a backend, was asked for by."""
        return UNKNOWN if name is None else self.models.get(name, OTHER)


def label_names(policy: Policy) -> LabelNames:
    """Return the names that a policy's metrics may have."""
    settings = policy.telemetry.metrics
    named = dict.fromkeys(_named(policy))
    return LabelNames(
        {name: name if index < settings.models else OTHER for index, name in enumerate(named)},
        {backend.name: backend.api for backend in policy.backends},
        None if policy.tenants is None else settings.tenants * WORKER_SHARE,
    )


def _named(policy: Policy) -> list[str]:
    """Return all names of models that stand in a policy, those of its `models` first."""
    names = [model.name for model in policy.models]
    for model in policy.models:
        lists = (model.targets, model.fallback, *(each for rule in model.rules for each in (rule.to, rule.fallback)))
        names += [target.model for targets in lists for target in targets if target.model is not None]
        copies = (model.canary, model.mirror)
        names += [each.to.model for each in copies if each is not None and each.to.model is not None]
    return names + [model.name for backend in policy.backends for model in backend.models]
