"""The fate of a body whose processors fail: `on_failure`, in one place."""

from collections.abc import Iterable

from extproc.inspection.stage import CompiledProcessor
from extproc.inspection.verdict import Blocked, Failure


def settle(
    failed: Iterable[CompiledProcessor], reason: str
) -> tuple[tuple[Failure, ...], Blocked | None, frozenset[str]]:
    """Resolve failures into records, a block (if any) and the names of the stand-ins to run."""
    failures: list[Failure] = []
    blocked: Blocked | None = None
    called: set[str] = set()
    for each in failed:
        standing_in = each.stand_in is not None and not each.shadow
        allowed = each.shadow or each.allows_failure or standing_in
        failures.append(Failure(each.name, reason, allowed))
        if standing_in and each.stand_in is not None:
            called.add(each.stand_in)
        elif not allowed and blocked is None:
            blocked = Blocked(each.name, "failure")
    return tuple(failures), blocked, frozenset(called)


def uncalled(called: frozenset[str]) -> Blocked | None:
    """Return the block for stand-ins that cannot run: one that fails has nobody in its own place."""
    return Blocked(min(called), "failure") if called else None
