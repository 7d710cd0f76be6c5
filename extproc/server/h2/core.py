"""The state of a connection, and the ways to end a stream or the whole of it. Frames act on this; so does its owner."""

from enum import IntEnum
from typing import Final

from extproc.protocol.enums import plain
from extproc.server.h2 import frames, settings
from extproc.server.h2.blocks import HeaderBlocks
from extproc.server.h2.events import ConnectionEvent, Reset, Terminated
from extproc.server.h2.frames import ConnectionFault, ErrorCode, StreamFault
from extproc.server.h2.limits import ConnectionLimits, RateMeter
from extproc.server.h2.receiving import Receiving
from extproc.server.h2.sending import Sending
from extproc.server.h2.states import StreamState, StreamTransition
from extproc.server.h2.stream import NO_WINDOW, Stream
from extproc.server.h2.streams import Streams
from extproc.server.h2.timers import Timers

# Keys of the connection's timers; a stream's number is the key of its stall.
PREFACE: Final = -1
SETTINGS_ACK: Final = -2
HEADER_BLOCK: Final = -3
DRAIN: Final = -4

DRAIN_PING: Final = b"extdrain"


@plain
class ConnectionPhase(IntEnum):
    """The phase of the connection: which frames may come next, whatever the stream."""

    FIRST = 0
    """The preface is read; SETTINGS must follow (RFC 9113, 3.4)."""
    READY = 1
    BLOCK = 2
    """In a header block: nothing but its CONTINUATION may come (RFC 9113, 4.3)."""


class Core:
    """The state of one connection. `now` is the time of the call that is being served."""

    __slots__ = (
        "ack_due",
        "block",
        "block_ended",
        "block_frames",
        "block_stream",
        "blocks",
        "draining",
        "events",
        "idle_frames",
        "limits",
        "now",
        "over",
        "phase",
        "pings",
        "receiving",
        "resets",
        "sending",
        "settings",
        "streams",
        "timers",
        "updates",
    )

    def __init__(self, limits: ConnectionLimits, now: float) -> None:
        self.limits = limits
        self.now = now
        self.events: list[ConnectionEvent] = []
        self.over = False
        self.phase = ConnectionPhase.FIRST
        self.draining: int | None = None
        """None; or the highest stream number that is still taken."""
        self.ack_due = True
        """Our SETTINGS is not acknowledged yet."""
        self.timers = Timers()
        self.streams = Streams(limits.remembered_resets)
        self.sending = Sending(limits, self.timers, self.finish)
        self.receiving = Receiving(limits, self.sending.out)
        self.blocks = HeaderBlocks(limits)
        # A header block that is not complete yet.
        self.block = bytearray()
        self.block_stream = 0
        self.block_ended = False
        self.block_frames = 0
        self.pings = RateMeter(limits.pings, "too many PINGs", now)
        self.settings = RateMeter(limits.settings, "too many SETTINGS", now)
        self.updates = RateMeter(limits.updates, "too many WINDOW_UPDATEs", now)
        self.resets = RateMeter(limits.resets, "too many streams reset", now)
        self.idle_frames = RateMeter(limits.idle_frames, "too many frames that say nothing", now)
        self.sending.out.append(settings.ours(limits))
        self.timers.set(PREFACE, now + limits.preface)
        self.timers.set(SETTINGS_ACK, now + limits.settings_ack)

    def finish(self, stream: Stream, trailers: bytes) -> None:
        """Ends our side with trailers, and with it the stream."""
        self.sending.headers(stream, trailers, end=True)
        if stream.state is StreamState.OPEN:
            # "A server MAY request that the client abort transmission of a request without error" (RFC 9113, 8.1).
            self.reset(stream, ErrorCode.NO_ERROR)
        else:
            self.end(stream, StreamTransition.WE_ENDED)

    def reset(self, stream: Stream, code: ErrorCode) -> None:
        """Ends a stream with RST_STREAM."""
        self.sending.out.append(frames.rst_stream(stream.id, code))
        self.end(stream, StreamTransition.WE_RESET)

    def end(self, stream: Stream, step: StreamTransition) -> None:
        """A stream is over: what it held of the connection's window is given back, what waited is dropped."""
        self.streams.end(stream, step)
        if stream.queued:
            self.sending.forget(stream)
        stream.send_window = NO_WINDOW
        if stream.held:
            self.receiving.hold(stream, -stream.held)
        if self.draining is not None and not self.streams.open:
            self._drained()

    def fault(self, stream_id: int, fault: StreamFault) -> None:
        """Answers a stream error.

        Raises:
            ConnectionFault: there is no such stream, or there are too many such errors.
        """
        stream = self.streams.open.get(stream_id)
        if stream is None:
            raise ConnectionFault(fault.code, fault.reason) from None
        if stream.announced:
            self.events.append(Reset(stream_id, fault.code, by_peer=False))
        self.reset(stream, fault.code)
        self.resets.count(self.now)

    def terminate(self, code: ErrorCode, reason: str) -> None:
        """Ends the connection with GOAWAY."""
        if self.over:
            return
        self.sending.out.append(frames.goaway(self.streams.last, code, reason.encode("ascii")))
        self._close(code, reason)

    def drain(self) -> None:
        """First of two GOAWAYs: stop opening streams, those on their way are still taken (RFC 9113, 6.8)."""
        if self.over or self.draining is not None:
            return
        self.draining = frames.MAX_STREAM_ID
        self.sending.out.append(frames.goaway(frames.MAX_STREAM_ID, ErrorCode.NO_ERROR))
        self.sending.out.append(frames.ping(DRAIN_PING, ack=False))
        self.timers.set(DRAIN, self.now + self.limits.drain_ping)

    def drain_further(self) -> None:
        """Second GOAWAY: the peer has the first, or had time to. Streams after the last one are refused from now on."""
        if self.draining != frames.MAX_STREAM_ID:
            return
        self.timers.drop(DRAIN)
        self.draining = self.streams.last
        self.sending.out.append(frames.goaway(self.streams.last, ErrorCode.NO_ERROR))
        if not self.streams.open:
            self._drained()

    def _drained(self) -> None:
        if self.draining != frames.MAX_STREAM_ID and not self.over:
            self._close(ErrorCode.NO_ERROR, "drained")

    def _close(self, code: ErrorCode, reason: str) -> None:
        self.over = True
        for stream in self.streams.open.values():
            stream.send_window = NO_WINDOW
        self.streams.open.clear()
        self.sending.forget_all()
        self.timers.clear()
        self.events.append(Terminated(code, reason))
