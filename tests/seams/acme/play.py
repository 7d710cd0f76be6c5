"""An API: its model is in the path, its texts in `say`, and its events are pieces of one text."""

from collections.abc import Mapping, Sequence
from typing import Final

from extproc.ext import (
    Added,
    Api,
    ApiEvents,
    Channel,
    Cut,
    ErrorEvent,
    EventReading,
    EventSource,
    PassageRole,
    ReportedUsage,
    StreamEvent,
    error_added,
    sort_texts,
)


def known(value: Mapping[str, object]) -> bool:
    """Return True for an event of this API: no other API's events have the member `play`."""
    return "play" in value


def read(source: EventSource) -> EventReading:
    """Read an event. Its `play` is the next piece of the text; every other string is a text of its own."""
    found = sort_texts(source, {}, lambda path: (Channel(path, whole=path != ("play",)), False))
    over = isinstance(source.value, dict) and "over" in source.value
    return EventReading("finish" if over else "delta", found.texts, ends=((),) if over else (), opens=(("play",),))


class PlayWriter:
    """Writes what the processor adds to a stream: only its end, if it is blocked."""

    def __init__(self, error_event: ErrorEvent) -> None:
        self._error_event = error_event

    def note(self, event: StreamEvent) -> None:
        """See an event that passes. Nothing of it is repeated at the end."""

    def blocked(self, cut: Cut) -> list[Added]:
        """Return the end that a client of this API expects, and the error."""
        return [Added(b'{"play":"","over":"blocked"}'), error_added(self._error_event, cut.error)]


def role_of(keys: Sequence[str | int | None], body: object) -> PassageRole:  # noqa: ARG001
    """Return the role of a text by its place in the body."""
    return "user" if keys and keys[0] == "say" else "other"


def usage(value: Mapping[str, object]) -> ReportedUsage | None:
    """Return the tokens that an event or a body reports."""
    cost = value.get("cost")
    return ReportedUsage(output_tokens=cost) if type(cost) is int else None


PLAY: Final = Api(
    name="acme.play",
    paths=("/acme/models/{model}:play",),
    root="/acme",
    events=ApiEvents(known, read),
    scribe=PlayWriter,
    usage=usage,
    usage_marks=(b'"cost"',),
    role_of=role_of,
)
