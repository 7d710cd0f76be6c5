"""Mirrors: where copies of a model's requests go, and which requests are copied."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from extproc.apis.demand import Demand
from extproc.policy import Policy
from extproc.routing.candidates import Candidate
from extproc.routing.narrowing import able, holds
from extproc.routing.residency import Confinement

MIRROR_SUFFIX: Final = ":mirror"
"""Behind a backend's name: the cluster for copies. No backend's name has a colon."""


class MirrorRoute(Struct, frozen=True):
    """Destination of copies of a model's requests. `number`: the model's place in the policy; `share` is in [0, 1]."""

    number: int
    candidate: Candidate
    share: float

    def barred(self, api: str, confinement: Confinement | None, demand: Demand) -> str | None:
        """Return why the target may not or cannot get a request, in a fixed word; None if it can."""
        candidate = self.candidate
        traits = candidate.traits
        if candidate.destination.api != api:
            return "api"
        if confinement is not None and not confinement.admits(traits.region):
            return "residency"
        if not able(candidate, demand.features):
            return "feature"
        if traits.context_tokens is None:
            return None
        if demand.input_tokens is None or not holds(candidate, demand.input_tokens + (demand.max_output_tokens or 0)):
            return "context"
        return None


def mirror_numbers(policy: Policy) -> Mapping[str, str]:
    """Return the backends that get copies, each with the number by which a header field names it."""
    names = {model.mirror.to.backend for model in policy.models if model.mirror is not None}
    return {name: str(number) for number, name in enumerate(sorted(names))}
