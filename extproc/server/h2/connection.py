"""The HTTP/2 connection of a server, without I/O: bytes and the time go in, events and bytes come out.

What may come when is said by two tables: `handlers.PHASES` for the connection and `states.VERDICTS` for its streams.
"""

from typing import Final

from extproc.server.h2 import core, frames
from extproc.server.h2.core import ConnectionPhase, Core
from extproc.server.h2.events import ConnectionEvent, GrpcMessage, Reset
from extproc.server.h2.frames import ConnectionFault, ErrorCode, StreamFault
from extproc.server.h2.handlers import PHASES
from extproc.server.h2.limits import ConnectionLimits
from extproc.server.h2.messages import PREFIX_SIZE
from extproc.server.h2.stream import Stream

_header: Final = frames.HEADER.unpack_from
_message_header: Final = frames.MESSAGE_HEADER.unpack_from
_READY: Final = ConnectionPhase.READY


class Connection:
    """One client's connection. Times are monotonic seconds of any origin.

    After each call, what `data_to_send` gives is to be written, in one piece. Methods that name a stream do nothing if
    it is over: its owner may not know yet.
    """

    __slots__ = ("_longest", "_preface", "_rest", "core")

    def __init__(self, limits: ConnectionLimits, now: float) -> None:
        self.core = Core(limits, now)
        """The connection's state; for `Calls`, which asks once per message and cannot pay for a detour."""
        self._preface = frames.PREFACE
        self._rest = b""
        # Of a message in a frame of its own; a longer one is refused by whoever puts it together.
        self._longest = min(limits.message + PREFIX_SIZE, frames.DEFAULT_FRAME_SIZE)

    @property
    def over(self) -> bool:
        """The connection is to be closed once what there is to send is written."""
        return self.core.over

    @property
    def wake_at(self) -> float:
        """When `tick` is to be called; infinity if nothing is waited for. Never too late, sometimes too early."""
        return self.core.timers.first

    def receive(self, data: bytes, now: float) -> list[ConnectionEvent]:
        """Takes what was read, cut anywhere; gives what it meant. Never raises for what a peer sends."""
        state = self.core
        if not state.over:
            state.now = now
            try:
                self._parse(data)
            except ConnectionFault as fault:
                state.terminate(fault.code, fault.reason)
        events, state.events = state.events, []
        return events

    def tick(self, now: float) -> list[ConnectionEvent]:
        """Does what is due by now."""
        state = self.core
        state.now = now
        for key in state.timers.due(now):
            if key > 0:
                self._stalled(key)
            elif key == core.DRAIN:
                state.drain_further()
            elif key == core.SETTINGS_ACK:
                state.terminate(ErrorCode.SETTINGS_TIMEOUT, "SETTINGS not acknowledged in time")
            else:
                state.terminate(ErrorCode.ENHANCE_YOUR_CALM, "preface or header block not complete in time")
        return self._events()

    def send(self, stream_id: int, message: bytes, now: float) -> int:
        """Sends a gRPC message, or queues what the peer's windows do not allow yet.

        Returns how many bytes wait on the stream now; past `ConnectionLimits.write_high` send no more until it is
        `Writable`. -1: the stream is over, or it was reset just now because too much waits; no event tells of that.
        """
        core = self.core
        stream = core.streams.open.get(stream_id)
        if stream is None:
            return -1
        try:
            core.sending.message(stream, message, now)
        except StreamFault as fault:
            core.reset(stream, fault.code)
            return -1
        return stream.queued

    def finish(self, stream_id: int, block: bytes, *, at_once: bool = False) -> None:
        """Ends a stream with trailers, after what waits on it; `at_once` drops that."""
        stream = self.core.streams.open.get(stream_id)
        if stream is None:
            return
        if at_once:
            self.core.sending.forget(stream)
        if stream.queued:
            stream.trailers = block
        else:
            self.core.finish(stream, block)

    def reset(self, stream_id: int, code: ErrorCode) -> None:
        """Ends a stream with RST_STREAM."""
        stream = self.core.streams.open.get(stream_id)
        if stream is not None:
            self.core.reset(stream, code)

    def consumed(self, stream_id: int, size: int) -> None:
        """So many bytes of `Data` are done with, and the peer may send as many more."""
        core = self.core
        stream = core.streams.open.get(stream_id)
        if stream is not None:  # else all it held was given back when it ended
            core.receiving.consumed(stream, size)

    def keep(self, stream_id: int, size: int) -> None:
        """Take back that the bytes of a `GrpcMessage` counted as consumed: `consumed` is to be said of them."""
        core = self.core
        stream = core.streams.open.get(stream_id)
        if stream is not None:
            core.receiving.hold(stream, size)

    def block(self) -> None:
        """The socket takes no more: from now on messages wait here, where they are bounded."""
        self.core.sending.block()

    def unblock(self, now: float) -> list[ConnectionEvent]:
        """The socket takes more again."""
        self.core.now = now
        self.core.sending.unblock(self.core.events, now)
        return self._events()

    def drain(self, now: float) -> None:
        """No new streams; the connection is `over` when those that there are have ended."""
        self.core.now = now
        self.core.drain()

    def close(self, code: ErrorCode, reason: str) -> None:
        """Ends the connection now. `reason` is fixed text."""
        self.core.terminate(code, reason)

    def data_to_send(self) -> bytes:
        """Return what is to be written since the last call, updates of windows included."""
        core = self.core
        receiving, out = core.receiving, core.sending.out
        if (receiving.due or receiving.window <= receiving.low) and not core.over:
            receiving.settle()
        if not out:
            return b""
        data = b"".join(out)
        out.clear()
        return data

    def _events(self) -> list[ConnectionEvent]:
        events, self.core.events = self.core.events, []
        return events

    def _stalled(self, stream_id: int) -> None:
        stream: Stream = self.core.streams.open[stream_id]
        self.core.events.append(Reset(stream_id, ErrorCode.ENHANCE_YOUR_CALM, by_peer=False))
        self.core.reset(stream, ErrorCode.ENHANCE_YOUR_CALM)

    def _parse(self, data: bytes) -> None:
        """Takes the frames out of `data` one after the other; an unfinished one is kept for the next call."""
        if self._preface or self._rest:
            data = self._rest + self._match_preface(data)
        state, longest = self.core, self._longest
        streams, receiving = state.streams.open, state.receiving
        end = len(data)
        at = 0
        while end - at >= 9:
            if end - at >= 14:
                # Short for what `handlers` does with DATA, where a frame is one message of a stream in plain state.
                word, flags, stream_id, compressed, size = _message_header(data, at)
                size += PREFIX_SIZE
                # Size and type at once: the number of DATA is 0.
                if word == size << 8 and not flags and not compressed and at + 9 + size <= end:
                    stream = streams.get(stream_id)
                    if (
                        stream is not None
                        and stream.plain
                        and size <= stream.window
                        and size <= receiving.window
                        and size <= longest
                        and state.phase is _READY
                    ):
                        receiving.window -= size
                        stream.window = left = stream.window - size
                        if left <= receiving.stream_low:
                            receiving.due.append(stream)
                        start = at + 14
                        at += 9 + size
                        state.events.append(GrpcMessage(stream_id, data[start:at]))
                        continue
            stop = self._frame(data, at, end)
            if not stop:
                break
            at = stop
        self._rest = data[at:]

    def _frame(self, data: bytes, at: int, end: int) -> int:
        """Takes any frame, and gives its end; 0 if that has not come yet."""
        word, flags, stream_id = _header(data, at)
        start = at + 9
        length = word >> 8
        if length > 16_384:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a frame above SETTINGS_MAX_FRAME_SIZE")
        stop: int = start + length
        if stop > end:
            return 0
        state = self.core
        stream_id &= 0x7FFFFFFF
        try:
            PHASES[state.phase][word & 0xFF](state, flags, stream_id, data[start:stop])
        except StreamFault as fault:
            state.fault(stream_id, fault)
        return stop

    def _match_preface(self, data: bytes) -> bytes:
        """Takes the client's preface off; the first byte that differs is enough (RFC 9113, 3.4)."""
        size = min(len(data), len(self._preface))
        if data[:size] != self._preface[:size]:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "not an HTTP/2 client")
        self._preface = self._preface[size:]
        return data[size:]
