"""One gRPC call as its connection keeps it, and what is told of it."""

from typing import TypeAlias

from msgspec import Struct

from extproc.server.h2.messages import Messages


class Call:
    """A call that was begun. `handler` is for whoever serves it to keep what it needs."""

    __slots__ = (
        "answered",
        "clogged",
        "ended",
        "half_closed",
        "handler",
        "id",
        "messages",
        "over",
        "owed",
        "path",
        "paused",
    )

    def __init__(self, stream_id: int, path: bytes, messages: Messages) -> None:
        self.id = stream_id
        self.path = path
        self.messages = messages
        self.handler: object = None
        self.answered = False
        """Response headers are out."""
        self.ended = False
        """The client has said its last, though some of it may still be kept here."""
        self.half_closed = False
        """`HalfClosed` was told."""
        self.over = False
        """The call has ended: nothing is sent on it, and nothing told of it, from now on."""
        self.paused = False
        """Its consumer is not ready for more."""
        self.clogged = False
        """The peer does not take its answers."""
        self.owed = 0
        """Bytes received that were not yet given back to the peer's window."""

    @property
    def held(self) -> bool:
        """What comes is kept, and not given back, until the reason is gone."""
        return self.paused or self.clogged


class Started(Struct, frozen=True, gc=False):
    """A call of a method that we serve began."""

    call: Call


class Received(Struct, frozen=True, gc=False):
    """A message came."""

    call: Call
    payload: bytes

    def __repr__(self) -> str:
        return f"Received({self.call.id}, {len(self.payload)} bytes)"


class HalfClosed(Struct, frozen=True, gc=False):
    """The client will send no more; it waits for the rest of the answers and the status."""

    call: Call


class Gone(Struct, frozen=True, gc=False):
    """The call is over before its time: reset, past its deadline, or its connection lost. Nothing can be said to it."""

    call: Call


CallEvent: TypeAlias = Started | Received | HalfClosed | Gone
