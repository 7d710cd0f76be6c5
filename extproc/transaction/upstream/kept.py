"""What is kept of a plan that others were put in force after, for attempts and copies of requests that began under it."""

from copy import copy

from extproc.transaction.plan import Plan


def kept_for_upstream(plan: Plan) -> Plan | None:
    """Return a plan without what judges, so that many may be kept long; None if it has no attempts and no copies."""
    if plan.retries is None and not plan.mirrors:
        return None
    kept = copy(plan)
    kept.pipelines, kept.guards, kept.stages, kept.steerings = (), (), (), {}
    kept._screened, kept._claims = {}, {}  # noqa: SLF001  - caches of the plan, which the copy must not share
    return kept
