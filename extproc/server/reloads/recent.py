"""Plans that are not in force (any more, or yet) and under which exchanges go on.

A later attempt of a request, and its copy, is an exchange of its own between Envoy and the processor, and may come to
another worker than the request did. It names the plan of its request, which this worker may have replaced before, or
may only have prepared.
"""

from copy import copy
from typing import Final

from extproc.transaction import Plan

PLANS_KEPT: Final = 128
"""Plans that are kept when others were put in force. A kept plan has no pipelines and takes some 50 KB; 100 reloads in
a minute are far from anybody's day. Attempts under an older one end closed."""


class RecentPlans:
    """The plans of a worker beside the one in force. `now` is in seconds on the worker's clock."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Plan, float]] = {}
        self.offered: Plan | None = None
        """The plan that is to be put in force next: another worker may have it in force already."""

    def __len__(self) -> int:
        return len(self._kept)

    def retire(self, plan: Plan, now: float) -> None:
        """Keep a plan that was in force until now, for as long as its exchanges may last."""
        self.offered = None
        for version in [each for each, (_, until) in self._kept.items() if until <= now]:
            del self._kept[version]
        kept = kept_for_upstream(plan)
        if kept is None:
            return
        while len(self._kept) >= PLANS_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[plan.version] = kept, now + plan.limits.exchange_timeout

    def find(self, version: str) -> Plan | None:
        """Return a plan that is not in force, by its version."""
        if self.offered is not None and self.offered.version == version:
            return self.offered
        kept = self._kept.get(version)
        return None if kept is None else kept[0]


def kept_for_upstream(plan: Plan) -> Plan | None:
    """Return a plan without what judges, so that many may be kept long; None if it has no attempts and no copies."""
    if plan.retries is None and not plan.mirrors:
        return None
    kept = copy(plan)
    kept.pipelines, kept.guards, kept.stages, kept.steerings = (), (), (), {}
    kept._screened, kept._claims = {}, {}  # noqa: SLF001  - caches of the plan, which the copy must not share
    return kept
