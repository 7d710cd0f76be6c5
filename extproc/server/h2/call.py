"""One gRPC call as its connection keeps it, and what is told of it."""

from collections.abc import Sequence
from typing import Final, Protocol, TypeAlias, final

from msgspec import Struct

from extproc.server.h2.messages import Messages
from extproc.server.h2.stream import Stream


class Handler(Protocol):
    """The handler of a call. Once it has ended the call itself, it is called no more."""

    def receive(self, payload: bytes, /) -> Sequence[bytes]:
        """A message came; what this gives is sent now."""

    def half_closed(self) -> None:
        """There will be no further message."""

    def gone(self) -> None:
        """The call is over before its time."""


class _Nobody:
    """Serves a call that nobody serves (yet)."""

    def receive(self, _payload: bytes, /) -> Sequence[bytes]:
        return ()

    def half_closed(self) -> None:
        pass

    def gone(self) -> None:
        pass


NOBODY: Final = _Nobody()


class Call:
    """A call that was begun."""

    __slots__ = (
        "clogged",
        "compresses",
        "configuration",
        "ended",
        "half_closed",
        "handler",
        "held",
        "id",
        "messages",
        "over",
        "owed",
        "path",
        "paused",
        "stream",
        "timed",
    )

    def __init__(
        self, stream: Stream, path: bytes, *, compresses: bool, timed: bool, configuration: bytes = b""
    ) -> None:
        self.id = stream.id
        self.stream = stream
        self.path = path
        self.configuration = configuration
        """The fingerprint of Envoy's configuration, empty where it sent none."""
        self.compresses = compresses
        """Its messages may be compressed, in whatever way."""
        self.timed = timed
        """It has a deadline."""
        self.messages: Messages | None = None
        """The assembler of messages that come in pieces; None as long as none did."""
        self.handler: Handler = NOBODY
        """The handler that serves it. A call without one is reported by events alone."""
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
        self.held = False
        """For one reason or the other, what comes is kept and not given back."""
        self.owed = 0
        """Bytes received that were not yet given back to the peer's window."""

    @property
    def kept(self) -> int:
        """Bytes of messages that are kept here."""
        return len(self.messages) if self.messages is not None else 0

    def leave(self) -> None:
        """Tells the handler that the call is over.

        The call forgets the handler, which knows the call: what is left of an exchange is freed at once, not by the
        garbage collector, which would stop everything for milliseconds.
        """
        handler, self.handler = self.handler, NOBODY
        handler.gone()

    def hold(self, *, paused: bool | None = None, clogged: bool | None = None) -> None:
        """Sets one reason, and with it whether the call is held."""
        self.paused = self.paused if paused is None else paused
        self.clogged = self.clogged if clogged is None else clogged
        self.held = self.paused or self.clogged


@final
class Started(Struct, frozen=True, gc=False):
    """A call of a method that we serve began."""

    call: Call


@final
class Received(Struct, frozen=True, gc=False):
    """A message came."""

    call: Call
    payload: bytes

    def __repr__(self) -> str:
        return f"Received({self.call.id}, {len(self.payload)} bytes)"


@final
class HalfClosed(Struct, frozen=True, gc=False):
    """The client will send no more; it waits for the rest of the answers and the status."""

    call: Call


@final
class CallAborted(Struct, frozen=True, gc=False):
    """The call is over before its time: reset, past its deadline, or its connection lost. Nothing can be said to it."""

    call: Call


CallEvent: TypeAlias = Started | Received | HalfClosed | CallAborted
