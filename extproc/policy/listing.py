"""Checks of lists of pipelines and processors: names that repeat, stand-ins, and what belongs to one side only."""

from collections.abc import Iterator
from typing import Any, Final

from pydantic_core import PydanticCustomError

from extproc.policy.base import Loc, items, listed, meant, part, refusal, states
from extproc.policy.names import RESERVED_PROCESSORS
from extproc.policy.settings import Limits
from extproc.policy.units import GIB, size, written_size

PlacedError = tuple[Loc, PydanticCustomError]
"""A fault and its place in the policy."""

SIDES: Final = ("request", "response")


def pipelines(policy: object) -> Iterator[PlacedError]:
    """Everything that no pipeline and no processor can see by itself. Reads models and plain data alike."""
    seen: set[str] = set()
    for index, pipeline in enumerate(items(policy, "pipelines")):
        place: Loc = ("pipelines", index)
        name = part(pipeline, "name")
        if isinstance(name, str):
            if name in seen:
                error = refusal(f"there is already a pipeline of the name {listed([name])}", "rename one of them")
                yield (*place, "name"), error
            seen.add(name)
        for side in SIDES:
            processors = items(pipeline, side)
            yield from _names((*place, side), processors)
            yield from _stand_ins((*place, side), processors)
        yield from _one_sided((*place, "response"), items(pipeline, "response"))
        yield from _for_responses((*place, "request"), items(pipeline, "request"))
        yield from _limit(place, pipeline, part(policy, "limits"))


def called(processor: object) -> str | None:
    """A processor's name, which is the word in `use` unless it says another."""
    name = part(processor, "name") if states(processor, "name") else part(processor, "use")
    return name if isinstance(name, str) else None


def _names(place: Loc, processors: list[Any]) -> Iterator[PlacedError]:
    seen: set[str] = set()
    for index, processor in enumerate(processors):
        name = called(processor)
        if name is None:
            continue
        if name in seen:
            error = refusal(
                f"there is already a processor of the name {listed([name])} in this list",
                "give one of them a `name` of its own",
            )
            yield (*place, index, "name"), error
        seen.add(name)


def _stand_ins(place: Loc, processors: list[Any]) -> Iterator[PlacedError]:
    names = [name for processor in processors if (name := called(processor)) is not None]
    following: dict[str, str] = {}
    for index, processor in enumerate(processors):
        own, other = called(processor), part(processor, "on_failure")
        if not isinstance(other, str) or own is None or other in RESERVED_PROCESSORS:
            continue
        at = (*place, index, "on_failure")
        if other == own:
            yield at, refusal("a processor cannot stand in for itself", "write block, allow or another processor")
        elif other not in names:
            known = [*sorted(RESERVED_PROCESSORS), *(name for name in names if name != own)]
            yield at, refusal(f"there is no processor {listed([other])} in this list", meant(other, known))
        elif _leads_to(other, own, following):
            yield at, refusal("these processors stand in for each other in a circle", "write block or allow here")
        else:
            following.setdefault(own, other)


def _leads_to(start: str, end: str, following: dict[str, str]) -> bool:
    """True if stand-ins lead from one processor to another. There is no circle in `following`."""
    at: str | None = start
    while at is not None and at != end:
        at = following.get(at)
    return at == end


def _one_sided(place: Loc, processors: list[Any]) -> Iterator[PlacedError]:
    for index, processor in enumerate(processors):
        if part(processor, "restore") is True:
            error = refusal("only what a request says can be restored", "delete it here, and write it in `request`")
            yield (*place, index, "restore"), error
        if part(processor, "use") == "topics":
            error = refusal("topics are those of requests", "delete it here, and write it in `request`")
            yield (*place, index, "use"), error
        for name in ("max_messages", "max_images"):
            if part(processor, "use") == "size" and part(processor, name) is not None:
                error = refusal(f"{name} is for requests", "delete it here, and write it in `request`")
                yield (*place, index, name), error


def _for_responses(place: Loc, processors: list[Any]) -> Iterator[PlacedError]:
    for index, processor in enumerate(processors):
        if part(processor, "use") == "leaked_prompt":
            error = refusal("only a response can leak a prompt", "delete it here, and write it in `response`")
            yield (*place, index, "use"), error


def _limit(place: Loc, pipeline: object, limits: object) -> Iterator[PlacedError]:
    if not states(pipeline, "body_limit"):
        return
    wanted = _bytes(part(pipeline, "body_limit"))
    most = _bytes(part(limits, "request_body")) if states(limits, "request_body") else Limits().request_body
    if wanted is not None and most is not None and most < wanted <= GIB:  # beyond, the field says so itself
        error = refusal(
            f"limits.request_body refuses bodies beyond {written_size(most)} before this counts",
            f"write at most {written_size(most)}, or raise limits.request_body",
        )
        yield (*place, "body_limit"), error


def _bytes(value: object) -> int | None:
    """A size as a model or as a file has it; None where it is none."""
    try:
        found = size(value)
    except PydanticCustomError:
        return None
    return found if isinstance(found, int) else None
