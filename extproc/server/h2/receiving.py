"""The receiving half of flow control: what the peer may send, given back only once it was consumed."""

from typing import Final

from extproc.server.h2 import frames
from extproc.server.h2.faults import ConnectionFault, StreamFault
from extproc.server.h2.frames import ErrorCode
from extproc.server.h2.limits import Limits
from extproc.server.h2.states import State
from extproc.server.h2.stream import Stream

_OPEN: Final = State.OPEN


class Receiving:
    """The windows of the connection and its streams. Updates go out when half a window is due: rarely."""

    __slots__ = ("_connection_step", "_out", "_owed", "_stream_step", "window")

    def __init__(self, limits: Limits, out: list[bytes | memoryview]) -> None:
        self.window = limits.connection_window
        """What the peer may still send on all streams together."""
        self._owed = 0
        self._connection_step = limits.connection_window // 2
        self._stream_step = max(1, limits.stream_window // 2)
        self._out = out

    def count(self, size: int) -> None:
        """A DATA frame came that its stream does not take.

        Raises:
            ConnectionFault: it exceeds the connection's window.
        """
        self.window -= size
        if self.window < 0:
            raise _overrun()

    def hold(self, stream: Stream, size: int, padding: int) -> None:
        """Counts a DATA frame, padding included (RFC 9113, 6.9.1). It stays until `consumed`, but for the padding.

        Raises:
            ConnectionFault: it exceeds the connection's window.
            StreamFault: it exceeds the stream's window.
        """
        self.window -= size
        if self.window < 0:
            raise _overrun()
        if size > stream.window:
            self.give(size)
            raise StreamFault(ErrorCode.FLOW_CONTROL_ERROR, "DATA beyond the stream's window")
        stream.window -= size
        stream.unconsumed += size
        if padding:
            self.consumed(stream, padding)

    def consumed(self, stream: Stream, size: int) -> None:
        """So much of what a stream holds is done with."""
        stream.unconsumed -= size
        self._owed = owed = self._owed + size  # `give`, without the call: this is done for every message
        if owed >= self._connection_step:
            self.give(0)
        if stream.state is _OPEN:  # else the peer sends no more on it
            stream.owed += size
            if stream.owed >= self._stream_step:
                self._out.append(frames.window_update(stream.id, stream.owed))
                stream.window += stream.owed
                stream.owed = 0

    def give(self, size: int) -> None:
        """So much is done with on the connection."""
        self._owed += size
        if self._owed >= self._connection_step:
            self._out.append(frames.window_update(0, self._owed))
            self.window += self._owed
            self._owed = 0


def _overrun() -> ConnectionFault:
    return ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "DATA beyond the connection's window")
