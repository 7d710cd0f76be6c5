"""Events that are added to a stream, and what writes them."""

from collections.abc import Set as AbstractSet
from typing import Protocol

import msgspec
from msgspec import Raw, Struct

from extproc.apis.events.event import Scope, StreamEvent
from extproc.apis.families import ErrorEvent
from extproc.payload.sse_lines import data_lines
from extproc.protocol.errors import ClientError

MAX_MEMBER = 256
"""Bytes of a member that is repeated in an event of ours: identifiers, times, names of models."""

_OBJECT = msgspec.json.Decoder(dict[str, Raw])


class Added(Struct, frozen=True):
    """An event to be added: the JSON it says, and its name where the API names events."""

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
    """Writes events of one API, like those it has seen in one stream."""

    def note(self, event: StreamEvent) -> None:
        """An event of the stream, in its turn; what it says of the answer is remembered."""

    def blocked(self, cut: Cut) -> list[Added]:
        """The end of the answer."""


def data_of(raw: bytes) -> bytes:
    """The data of an event; all of it, if it is a document with no lines around it."""
    if raw.startswith(b"data: ") and raw.find(b"\n") == len(raw) - 2 and raw.endswith(b"\n\n") and b"\r" not in raw:
        return raw[6:-2]  # as nearly all are
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


def told(error_event: ErrorEvent, error: ClientError, number: int = 0) -> Added:
    """The error as the API's clients know it."""
    event = error_event(error, number)
    (line,) = data_lines(event, bom=False)
    return Added(line.value, "error" if event.startswith(b"event:") else "")


class ErrorAtTheEnd:
    """Writes nothing but an error, at the end: for APIs whose streams need no more, and for those of no known API."""

    __slots__ = ("_error_event",)

    def __init__(self, error_event: ErrorEvent) -> None:
        self._error_event = error_event

    def note(self, event: StreamEvent) -> None:
        """See `Scribe.note`."""

    def blocked(self, cut: Cut) -> list[Added]:
        """See `Scribe.blocked`."""
        return [Added(told(self._error_event, cut.error).data, "error")]
