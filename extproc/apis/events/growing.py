"""Events of which a few members grow from event to event, and all others come whole."""

from collections.abc import Callable, Container
from typing import TypeAlias

from extproc.apis.events.documents import tells
from extproc.apis.events.event import Channel, Kind, Scope
from extproc.apis.events.source import EventReading, EventSource, Text, Uses, placed, sort

Growth: TypeAlias = Callable[[Scope], Channel | None]
"""From a string's path in the event to the channel on which it is a piece; None for a string that comes whole."""


def read(
    source: EventSource,
    uses: Uses,
    growth: Growth,
    *,
    whole: Container[str],
    recurring: Container[str] = (),
    ends: tuple[Scope, ...] = (),
) -> EventReading:
    """Read an event; `source.value` is an object. `ends`: see `StreamEvent`.

    `whole`: names of members whose texts are known to come whole, with all that lies in them. `recurring`: those of
    them in which several events may have a text in the same place. An event with a text that is nowhere known is
    doubted.
    """
    value = source.value
    assert isinstance(value, dict)

    def place(path: Scope) -> tuple[Channel, bool]:
        grown = growth(path)
        if grown is not None:
            return grown, False
        own = placed(value, path)
        again = any(step in recurring for step in path)
        return Channel.recurring(own) if again else Channel(own, whole=True), False

    found = sort(source, uses, place)
    failed = value.get("error") is not None
    pieces = any(not text.channel.whole for text in found.texts)
    return EventReading(
        _kind(failed=failed, finished=bool(ends), pieces=pieces),
        found.texts,
        ends=((),) if failed else ends,
        unread=tuple(found.unread),
        varying=found.varying(source.leaves),
        quiet=tuple(found.quiet),
        doubt="" if failed or all(_known(text, whole) for text in found.texts) else "stream",
    )


def _known(text: Text, whole: Container[str]) -> bool:
    grows = not text.channel.whole or text.form == "tokens"
    return grows or any(step in whole for step in text.path) or not tells(text)


def _kind(*, failed: bool, finished: bool, pieces: bool) -> Kind:
    if failed:
        return "error"
    if finished:
        return "finish"
    return "delta" if pieces else "other"
