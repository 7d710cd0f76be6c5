"""Events that are whole documents: all of their strings come whole."""

import re

from extproc.apis.events.event import Channel
from extproc.apis.events.source import EventReading, EventSource, Text, Uses, sort

_NAMING = frozenset({"type", "event", "object", "kind", "id", "role", "status", "state", "model", "method"})
"""Members that name things. A text that grows has another name in all known APIs."""

_WORD = re.compile(r"[A-Za-z0-9_.:/-]{0,64}")
"""A name, a type or an identifier."""


def read(source: EventSource, uses: Uses) -> EventReading:
    """All strings are texts that come whole, save what `uses` knows."""
    found = sort(source, uses, lambda path: (Channel(path, whole=True), False))
    value = source.value
    failed = isinstance(value, dict) and (value.get("error") is not None or value.get("type") == "error")
    return EventReading(
        "error" if failed else "other", found.texts, unread=tuple(found.unread), quiet=tuple(found.quiet)
    )


def tells(text: Text) -> bool:
    """True if a text says more than a name, a type or a state: another event may go on with it."""
    names = bool(text.path) and text.path[-1] in _NAMING
    return not (names and _WORD.fullmatch(text.text))


def any_tells(reading: EventReading) -> bool:
    """True if one of the texts that come whole tells something."""
    return any(text.channel.whole and tells(text) for text in reading.texts)
