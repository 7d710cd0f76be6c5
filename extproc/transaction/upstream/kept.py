"""The part of a plan that is kept when others are in force: for attempts and copies of its requests."""

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
