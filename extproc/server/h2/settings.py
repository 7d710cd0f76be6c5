"""SETTINGS: what we ask of the peer, and what the peer asks of us (RFC 9113, 6.5)."""

from typing import Final

from extproc.server.h2 import frames
from extproc.server.h2.frames import ConnectionFault, ErrorCode
from extproc.server.h2.limits import ConnectionLimits

HEADER_TABLE_SIZE: Final = 0x1
ENABLE_PUSH: Final = 0x2
MAX_CONCURRENT_STREAMS: Final = 0x3
INITIAL_WINDOW_SIZE: Final = 0x4
MAX_FRAME_SIZE: Final = 0x5
MAX_HEADER_LIST_SIZE: Final = 0x6


def ours(limits: ConnectionLimits) -> bytes:
    """Our SETTINGS frame, and the update that widens the connection's window, which SETTINGS cannot.

    A header table of size 0 makes every header block say all of itself, so that blocks can be remembered by their
    bytes. MAX_FRAME_SIZE stays at its least, 16 KiB: it bounds what an unfinished frame can make us keep.
    """
    return frames.settings(
        (
            (HEADER_TABLE_SIZE, 0),
            (MAX_CONCURRENT_STREAMS, limits.streams),
            (INITIAL_WINDOW_SIZE, limits.stream_window),
            (MAX_HEADER_LIST_SIZE, limits.header_list),
        )
    ) + frames.window_update(0, limits.connection_window - frames.DEFAULT_WINDOW)


class PeerSettings:
    """The client's SETTINGS, as far as they bind a server."""

    __slots__ = ("frame_size", "window")

    def __init__(self) -> None:
        self.window = frames.DEFAULT_WINDOW
        self.frame_size = frames.DEFAULT_FRAME_SIZE

    def apply(self, payload: bytes) -> int:
        """Takes the values in order, the last of a kind wins; gives by how much stream windows change.

        Only the net change is given: "a sender MUST track the negative flow-control window" (6.9.2), and values in
        between cannot be observed.

        Raises:
            ConnectionFault: a value is out of its range.
        """
        before = self.window
        for key, value in frames.SETTING.iter_unpack(payload):
            if key == INITIAL_WINDOW_SIZE:
                if value > frames.MAX_WINDOW:
                    raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "SETTINGS_INITIAL_WINDOW_SIZE above 2^31-1")
                self.window = value
            elif key == MAX_FRAME_SIZE:
                if not frames.DEFAULT_FRAME_SIZE <= value <= frames.LARGEST_FRAME_SIZE:
                    raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "SETTINGS_MAX_FRAME_SIZE out of range")
                self.frame_size = value
            elif key == ENABLE_PUSH and value > 1:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "SETTINGS_ENABLE_PUSH is neither 0 nor 1")
            # The others bind nobody here: we use no dynamic table, push nothing and send short header lists.
        return self.window - before
