"""Events of which a few members grow from event to event, and all others come whole."""

from collections.abc import Callable
from typing import TypeAlias

from extproc.llm.streams.event import Channel, Kind, Scope
from extproc.llm.streams.reading import Reading, Roles, Source, placed, sort

Growth: TypeAlias = Callable[[Scope], Channel | None]
"""From a string's path in the event to the channel on which it is a piece; None for a string that comes whole."""


def read(source: Source, roles: Roles, growth: Growth, ends: tuple[Scope, ...] = ()) -> Reading:
    """Read an event; `source.value` is an object. `ends`: see `StreamEvent`."""
    value = source.value
    assert isinstance(value, dict)

    def place(path: Scope) -> tuple[Channel, bool]:
        return growth(path) or Channel(placed(value, path), whole=True), False

    found = sort(source, roles, place)
    failed = value.get("error") is not None
    pieces = any(not text.channel.whole for text in found.texts)
    return Reading(
        _kind(failed=failed, finished=bool(ends), pieces=pieces),
        found.texts,
        ends=((),) if failed else ends,
        unread=tuple(found.unread),
        varying=found.varying(source.leaves),
        quiet=tuple(found.quiet),
    )


def _kind(*, failed: bool, finished: bool, pieces: bool) -> Kind:
    if failed:
        return "error"
    if finished:
        return "finish"
    return "delta" if pieces else "other"
