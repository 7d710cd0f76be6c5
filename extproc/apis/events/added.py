"""What every dialect can add to a stream."""

from collections.abc import Set as AbstractSet
from typing import Protocol

import msgspec
from msgspec import Raw, Struct

from extproc.apis.api import Dialect
from extproc.apis.claims import DIALECTS
from extproc.apis.events.event import Scope, StreamEvent
from extproc.payload.sse_lines import data_lines
from extproc.protocol.errors import ClientError

MAX_MEMBER = 256
"""Bytes of a member that is repeated in an event of ours: identifiers, times, names of models."""

_OBJECT = msgspec.json.Decoder(dict[str, Raw])


class Added(Struct, frozen=True):
    """An event to be added: the JSON it says, and its name where the dialect names events."""

    data: bytes
    name: str = ""


class Cut(Struct, frozen=True):
    """An answer that is blocked, and why.

    `begun`: the parts that the client has seen begin and not end. `number`: the sequence number that is due. `event`:
    the one in which it happened, which the client does not see.
    """

    error: ClientError
    begun: AbstractSet[Scope]
    number: int
    event: StreamEvent | None


class Scribe(Protocol):
    """Writes events in one dialect, like those it has seen."""

    def note(self, event: StreamEvent) -> None:
        """An event of the stream, in its turn; what it says of the answer is remembered."""

    def blocked(self, cut: Cut) -> list[Added]:
        """The end of the answer."""


def dialect(name: str) -> Dialect | None:
    """The dialect of that name."""
    return next((each for each in DIALECTS if each.name == name), None)


def data_of(raw: bytes) -> bytes:
    """The data of an event; all of it, if it is a document with no lines around it."""
    lines = data_lines(raw, bom=True)
    return b"\n".join(line.value for line in lines) if lines else raw


def members(raw: bytes) -> dict[str, Raw]:
    """The members of the object that an event's data is; none, if it is no object."""
    try:
        return _OBJECT.decode(data_of(raw))
    except ValueError:
        return {}


def inner(value: Raw | None) -> dict[str, Raw]:
    """The members of an object in an object."""
    try:
        return {} if value is None else _OBJECT.decode(value)
    except ValueError:
        return {}


def short(found: dict[str, Raw]) -> dict[str, Raw]:
    """Those of the members that are worth remembering; copies, so that the event can go."""
    return {name: value.copy() for name, value in found.items() if len(bytes(value)) <= MAX_MEMBER}


def told(dialect_: Dialect, error: ClientError, number: int = 0) -> Added:
    """The error in the dialect's own words."""
    event = dialect_.error_event(error, number)
    (line,) = data_lines(event, bom=False)
    return Added(line.value, "error" if event.startswith(b"event:") else "")
