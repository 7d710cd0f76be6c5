"""A pipeline without the processors that an overloaded worker may skip."""

from collections.abc import Iterator, Sequence

from extproc.policy import pipelines as policy
from extproc.policy.processors import Processor


def skippable(listed: Sequence[Processor]) -> Iterator[str]:
    """Yield the names of the processors that may be skipped, and of those that stand in for nobody else."""
    kept = {each.stand_in for each in listed if each.on_overload == "run"}
    for each in listed:
        if each.on_overload == "skip":
            yield each.name
            if each.stand_in is not None and each.stand_in not in kept:
                yield each.stand_in


def lean(source: policy.Pipeline) -> policy.Pipeline | None:
    """Return the pipeline as an overloaded worker runs it; None if none of its processors may be skipped."""
    sides = {}
    for side in ("request", "response"):
        listed: Sequence[Processor] = getattr(source, side)
        left = frozenset(skippable(listed))
        sides[side] = tuple(each for each in listed if each.name not in left)
    if all(len(kept) == len(getattr(source, side)) for side, kept in sides.items()):
        return None
    return source.model_copy(update=sides)
