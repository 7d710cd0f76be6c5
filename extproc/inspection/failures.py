"""The fate of a body or a stream whose processors fail: `on_failure`, in one place."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import TypeAlias

from extproc.inspection.stage import CompiledProcessor
from extproc.inspection.verdict import Blocked, Failure

Settlement: TypeAlias = tuple[tuple[Failure, ...], Blocked | None, frozenset[str]]
"""Failures as records, what blocks (if anything), and the names of the stand-ins to run."""


def settle(failed: Iterable[tuple[CompiledProcessor, str]], able: AbstractSet[str] = frozenset()) -> Settlement:
    """Resolve failures, each with its reason. `able`: the stand-ins that can run; one that cannot blocks."""
    failures: list[Failure] = []
    blocked: Blocked | None = None
    called: set[str] = set()
    for each, reason in failed:
        failures.append(Failure(each.name, reason, not each.blocks_on_failure))
        if each.blocks_on_failure:
            blocked = blocked or Blocked(each.name, "failure")
        elif each.stand_in is not None and not each.shadow:
            called.add(each.stand_in)
    if blocked is None and not called <= able:
        blocked = Blocked(min(called - able), "failure")
    return tuple(failures), blocked, frozenset(called)
