"""The receiving half of flow control: what the peer may send, given back only once it was consumed."""

from typing import Final

from extproc.server.h2 import frames
from extproc.server.h2.frames import ConnectionFault, ErrorCode, StreamFault
from extproc.server.h2.limits import ConnectionLimits
from extproc.server.h2.states import StreamState
from extproc.server.h2.stream import Stream

_OPEN: Final = StreamState.OPEN


class Receiving:
    """The windows of the connection and its streams. Updates go out when half a window is due: rarely.

    What was received is held or consumed. Only what is held is counted, since nearly nothing is: what a window lacks
    besides that was consumed, and is owed to the peer.
    """

    __slots__ = (
        "_limit",
        "_out",
        "_step",
        "_stream_limit",
        "_stream_step",
        "due",
        "held",
        "low",
        "stream_low",
        "window",
    )

    def __init__(self, limits: ConnectionLimits, out: list[bytes | memoryview]) -> None:
        self.window = limits.connection_window
        """Bytes that the peer may still send on all streams together."""
        self.held = 0
        """Received and not yet consumed, on all streams together."""
        self.due: list[Stream] = []
        """Streams to which something may be owed: those of which something came while their window was low."""
        self._limit = limits.connection_window
        self._step = limits.connection_window // 2
        self.low = self._limit - self._step
        """Above this, the connection's window is not low, and no update is due for it."""
        self._stream_limit = limits.stream_window
        self._stream_step = max(1, limits.stream_window // 2)
        self.stream_low = self._stream_limit - self._stream_step
        """Above this, a stream's window is not low: whatever is held, no update is due."""
        self._out = out

    def drop(self, size: int) -> None:
        """A DATA frame came that its stream does not take.

        Raises:
            ConnectionFault: it exceeds the connection's window.
        """
        self.window -= size
        if self.window < 0:
            raise _overrun()

    def take(self, stream: Stream, size: int, held: int) -> None:
        """Counts a DATA frame, padding included (RFC 9113, 6.9.1). `held` of it stays until `consumed`.

        Raises:
            ConnectionFault: it exceeds the connection's window.
            StreamFault: it exceeds the stream's window.
        """
        self.window -= size
        if self.window < 0:
            raise _overrun()
        if size > stream.window:
            raise StreamFault(ErrorCode.FLOW_CONTROL_ERROR, "DATA beyond the stream's window")
        stream.window -= size
        self.hold(stream, held)
        if stream.window <= self.stream_low:
            self.due.append(stream)

    def hold(self, stream: Stream, size: int) -> None:
        """So much of what came on a stream is kept for now."""
        stream.held += size
        self.held += size

    def consumed(self, stream: Stream, size: int) -> None:
        """So much of what a stream holds is done with."""
        self.hold(stream, -size)
        if stream.window <= self.stream_low:
            self.due.append(stream)

    def settle(self) -> None:
        """Gives back what is owed, where it is enough to be worth a frame; to be called when all was dealt with."""
        if self.window <= self.low and (owed := self._limit - self.window - self.held) >= self._step:
            self._out.append(frames.window_update(0, owed))
            self.window += owed
        if self.due:
            for stream in self.due:
                self._settle(stream)
            self.due.clear()

    def _settle(self, stream: Stream) -> None:
        owed = self._stream_limit - stream.window - stream.held
        if owed >= self._stream_step and stream.state is _OPEN:  # else the peer sends no more on it
            self._out.append(frames.window_update(stream.id, owed))
            stream.window += owed


def _overrun() -> ConnectionFault:
    return ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "DATA beyond the connection's window")
