"""The life of a stream as two tables: what a frame may do in each state, and where each step leads.

The states are those of RFC 9113, 5.1, seen from a server that never pushes. Two differ from the figure there:

- "half-closed (local)" does not occur: where we end a stream first, RST_STREAM(NO_ERROR) goes out in the same write
  (RFC 9113, 8.1), so the stream is RESET at once.
- "closed" is two states, as its text has it: after our RST_STREAM the peer may still have frames on their way, which
  are dropped (RESET); when the peer itself ended the stream, or knows that it has ended, they are its fault (CLOSED).
"""

from enum import IntEnum
from types import MappingProxyType
from typing import Final

from extproc.protocol.enums import plain
from extproc.server.h2 import frames


@plain
class StreamState(IntEnum):
    """The state of a stream."""

    IDLE = 0
    OPEN = 1
    HALF_CLOSED = 2
    """The client has ended its side; ours is open. "Half-closed (remote)" in the RFC."""
    RESET = 3
    CLOSED = 4


@plain
class FrameVerdict(IntEnum):
    """The verdict on a frame."""

    ACCEPT = 0
    IGNORE = 1
    """Only what it does to the connection is done: HPACK state and the connection's window."""
    STREAM_CLOSED = 2
    """A stream error of that type."""
    CONNECTION_STREAM_CLOSED = 3
    """A connection error of type STREAM_CLOSED."""
    PROTOCOL_ERROR = 4
    """A connection error of that type."""


@plain
class StreamTransition(IntEnum):
    """A step of a stream from one state to another."""

    OPENED = 0
    PEER_ENDED = 1
    PEER_RESET = 2
    WE_ENDED = 3
    WE_RESET = 4


_A, _I = FrameVerdict.ACCEPT, FrameVerdict.IGNORE
_S, _C, _P = FrameVerdict.STREAM_CLOSED, FrameVerdict.CONNECTION_STREAM_CLOSED, FrameVerdict.PROTOCOL_ERROR

# CONTINUATION is judged before its stream is: outside a header block it is an error everywhere (RFC 9113, 6.10).
STREAM_FRAMES: Final = (
    frames.DATA,
    frames.HEADERS,
    frames.PRIORITY,
    frames.RST_STREAM,
    frames.PUSH_PROMISE,
    frames.WINDOW_UPDATE,
)
"""The columns of the table."""

VERDICTS: Final = MappingProxyType(
    {
        #                  DATA HEADERS PRIORITY RST PUSH WINDOW
        StreamState.IDLE: dict(zip(STREAM_FRAMES, (_P, _A, _I, _P, _P, _P), strict=True)),
        StreamState.OPEN: dict(zip(STREAM_FRAMES, (_A, _A, _I, _A, _P, _A), strict=True)),
        StreamState.HALF_CLOSED: dict(zip(STREAM_FRAMES, (_S, _S, _I, _A, _P, _A), strict=True)),
        StreamState.RESET: dict(zip(STREAM_FRAMES, (_I, _I, _I, _I, _P, _I), strict=True)),
        StreamState.CLOSED: dict(zip(STREAM_FRAMES, (_C, _C, _I, _I, _P, _I), strict=True)),
    }
)

STEPS: Final = MappingProxyType(
    {
        (StreamState.IDLE, StreamTransition.OPENED): StreamState.OPEN,
        (StreamState.OPEN, StreamTransition.PEER_ENDED): StreamState.HALF_CLOSED,
        (StreamState.OPEN, StreamTransition.PEER_RESET): StreamState.CLOSED,
        (StreamState.OPEN, StreamTransition.WE_RESET): StreamState.RESET,
        (StreamState.HALF_CLOSED, StreamTransition.PEER_RESET): StreamState.CLOSED,
        (StreamState.HALF_CLOSED, StreamTransition.WE_ENDED): StreamState.CLOSED,
        # The peer has ended: all that can still come (RST_STREAM, WINDOW_UPDATE) is ignored in CLOSED as well.
        (StreamState.HALF_CLOSED, StreamTransition.WE_RESET): StreamState.CLOSED,
        (StreamState.RESET, StreamTransition.PEER_ENDED): StreamState.CLOSED,
        (StreamState.RESET, StreamTransition.PEER_RESET): StreamState.CLOSED,
    }
)
"""Steps that are not here do not happen; taking one is a bug of ours and raises KeyError."""
