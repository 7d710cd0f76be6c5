"""The sending half of a connection: what goes out, within the windows that the peer gives (RFC 9113, 5.2)."""

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

from extproc.server.h2 import fields, frames
from extproc.server.h2.events import ConnectionEvent, Writable
from extproc.server.h2.frames import ConnectionFault, ErrorCode, StreamFault
from extproc.server.h2.limits import ConnectionLimits
from extproc.server.h2.settings import PeerSettings
from extproc.server.h2.stream import Stream
from extproc.server.h2.timers import Timers

_PREFIX: Final = 5
"""Bytes before a gRPC message: a flag and a length."""

_HEAD: Final = frames.MESSAGE_HEADER.pack
"""The start of a DATA frame that holds one whole message: size and type, flags, stream; then the prefix."""

_HEADERS: Final = frames.HEADER.pack
_END: Final = frames.END_HEADERS | frames.END_STREAM


class Sending:
    """Bytes on their way out, and the queues of streams whose windows are used up.

    A stream is in one of three places: nothing of it waits; it waits for its own window; or it stands in line, one
    frame at a turn, for the connection's window or for the socket.
    """

    __slots__ = ("_blocked", "_finish", "_limits", "_line", "_stalls", "_told_table", "out", "peer", "queued", "window")

    def __init__(self, limits: ConnectionLimits, stalls: Timers, finish: Callable[[Stream, bytes], None]) -> None:
        self._limits = limits
        self._stalls = stalls
        self._finish = finish
        self._line: OrderedDict[int, Stream] = OrderedDict()
        self._blocked = False
        self._told_table = False
        self.peer = PeerSettings()
        self.window = frames.DEFAULT_WINDOW
        self.out: list[bytes | memoryview] = []
        """Bytes to be written, in order; see `Connection.data_to_send`."""
        self.queued = 0
        """Bytes that wait on all streams together."""

    def direct(self, stream: Stream, payload: bytes) -> bool:
        """Sends a gRPC message as one frame, which is what happens to nearly all; False if something is in its way."""
        length = len(payload)
        size = length + _PREFIX
        if (
            size > stream.send_window  # which is below 0 where the stream is over
            or size > self.window
            or stream.queued
            or self._blocked
            or size > self.peer.frame_size
        ):
            return False
        stream.send_window -= size
        self.window -= size
        self.out += (_HEAD(size << 8, 0, stream.id, 0, length), payload)
        return True

    def message(self, stream: Stream, payload: bytes, now: float) -> None:
        """Sends a gRPC message, or as much of it as the windows allow; the rest waits.

        Raises:
            StreamFault: more would wait than the limits allow.
        """
        if self.direct(stream, payload):
            return
        size = len(payload) + _PREFIX
        # One answer may have any size: nothing waits before it, and most of it may go out at once.
        if (stream.queued and stream.queued + size > self._limits.write_limit) or (
            self.queued and self.queued + size > self._limits.write_total
        ):
            raise StreamFault(ErrorCode.ENHANCE_YOUR_CALM, "too many answers wait for the peer")
        self._enqueue(stream, (b"\x00" + frames.UINT32.pack(len(payload)), payload), now)
        self._pump([], now)

    def headers(self, stream: Stream, block: bytes, *, end: bool) -> None:
        """Sends a header block, which no window holds back.

        The first of a connection says that our encoder has no dynamic table. The peer may bound that table to anything
        at any time, and must be told of a table that shrinks (RFC 7541, 4.2); one of size 0 never has to.
        """
        if not self._told_table:
            self._told_table = True
            block = fields.NO_TABLE + block
        flags = _END if end else frames.END_HEADERS
        self.out += (_HEADERS(len(block) << 8 | frames.HEADERS, flags, stream.id), block)

    def forget(self, stream: Stream) -> None:
        """Drops what waits on a stream that is over."""
        self.queued -= stream.queued
        stream.queued = 0
        stream.queue = None
        stream.trailers = None
        self._line.pop(stream.id, None)
        self._stalls.drop(stream.id)

    def forget_all(self) -> None:
        """Drops what waits anywhere: the connection is over."""
        self.queued = 0
        self._line.clear()

    def widen(self, stream: Stream | None, increment: int, events: list[ConnectionEvent], now: float) -> None:
        """WINDOW_UPDATE, for a stream or (None) for the connection.

        Raises:
            StreamFault, ConnectionFault: by whose window overflows or whose increment is 0.
        """
        fault = ConnectionFault if stream is None else StreamFault
        if increment == 0:
            raise fault(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE by 0")
        window = (self.window if stream is None else stream.send_window) + increment
        if window > frames.MAX_WINDOW:
            raise fault(ErrorCode.FLOW_CONTROL_ERROR, "window above 2^31-1")
        if stream is None:
            self.window = window
        else:
            stream.send_window = window
            self._line_up(stream)
        if self._line:
            self._pump(events, now)

    def shift(self, streams: list[Stream], delta: int, events: list[ConnectionEvent], now: float) -> None:
        """SETTINGS_INITIAL_WINDOW_SIZE changed: every stream's window changes by the difference (RFC 9113, 6.9.2).

        Raises:
            ConnectionFault: a window overflows.
        """
        for stream in streams:
            stream.send_window += delta
            if stream.send_window > frames.MAX_WINDOW:
                raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "window above 2^31-1 by SETTINGS")
            self._line_up(stream)
        self._pump(events, now)

    def block(self) -> None:
        """The socket takes no more for now."""
        self._blocked = True

    def unblock(self, events: list[ConnectionEvent], now: float) -> None:
        """The socket takes more again."""
        self._blocked = False
        self._pump(events, now)

    def _enqueue(self, stream: Stream, parts: tuple[bytes, bytes], now: float) -> None:
        if not stream.queued:
            self._stalls.set(stream.id, now + self._limits.stall)
        queue = stream.queue = stream.queue or deque()
        for part in parts:
            if part:
                queue.append(memoryview(part))
                stream.queued += len(part)
                self.queued += len(part)
        if stream.queued > self._limits.write_high:
            stream.clogged = True
        self._line_up(stream)

    def _line_up(self, stream: Stream) -> None:
        if stream.queued and stream.send_window > 0:
            self._line[stream.id] = stream

    def _pump(self, events: list[ConnectionEvent], now: float) -> None:
        """Lets the streams in line send, a frame each in turn, until the connection's window or the line is empty."""
        line = self._line
        moved: dict[int, Stream] = {}
        while line and self.window > 0 and not self._blocked:
            stream = line.popitem(last=False)[1]
            if stream.send_window <= 0:
                continue  # SETTINGS lowered it while the stream stood in line
            self._send_frame(stream)
            moved[stream.id] = stream
            self._line_up(stream)
        for stream in moved.values():
            self._settle(stream, events, now)

    def _settle(self, stream: Stream, events: list[ConnectionEvent], now: float) -> None:
        """After progress: the stall's time starts anew, and what waited for the queue to shrink is done."""
        if stream.queued:
            self._stalls.set(stream.id, now + self._limits.stall)
        else:
            self._stalls.drop(stream.id)
        if stream.clogged and stream.queued <= self._limits.write_low:
            stream.clogged = False
            events.append(Writable(stream.id))
        if not stream.queued and stream.trailers is not None:
            self._finish(stream, stream.trailers)

    def _send_frame(self, stream: Stream) -> None:
        size = min(stream.queued, stream.send_window, self.window, self.peer.frame_size)
        self.out.append(frames.header(frames.DATA, 0, stream.id, size))
        stream.send_window -= size
        self.window -= size
        stream.queued -= size
        self.queued -= size
        queue = stream.queue
        assert queue is not None
        while size:
            part = queue.popleft()
            if len(part) > size:
                queue.appendleft(part[size:])
                part = part[:size]
            self.out.append(part)
            size -= len(part)
