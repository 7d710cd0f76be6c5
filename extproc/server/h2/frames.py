"""HTTP/2 frames as bytes: the numbers of RFC 9113 and how each frame that we send is written."""

from collections.abc import Iterable
from enum import IntEnum
from struct import Struct
from typing import Final

from extproc.protocol.enums import plain

# Plain integers, not an enum: the receive loop compares them once a frame.
DATA: Final = 0x0
HEADERS: Final = 0x1
PRIORITY: Final = 0x2
RST_STREAM: Final = 0x3
SETTINGS: Final = 0x4
PUSH_PROMISE: Final = 0x5
PING: Final = 0x6
GOAWAY: Final = 0x7
WINDOW_UPDATE: Final = 0x8
CONTINUATION: Final = 0x9

END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
PRIORITY_FLAG: Final = 0x20

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADER_SIZE: Final = 9
STREAM_ID: Final = 0x7FFFFFFF
"""Mask of a stream identifier: the reserved bit is ignored (RFC 9113, 4.1)."""
MAX_STREAM_ID: Final = 0x7FFFFFFF
MAX_WINDOW: Final = 0x7FFFFFFF
DEFAULT_WINDOW: Final = 65_535
DEFAULT_FRAME_SIZE: Final = 16_384
LARGEST_FRAME_SIZE: Final = 16_777_215

HEADER: Final = Struct(">IBI")
"""A frame's header; the first word is the length (24 bits) and the type (8 bits)."""
UINT32: Final = Struct(">I")
SETTING: Final = Struct(">HI")
MESSAGE_HEADER: Final = Struct(">IBIBI")
_WORD_FRAME: Final = Struct(">IBII")
_GOAWAY: Final = Struct(">IBIII")


@plain
class ErrorCode(IntEnum):
    """Why a stream or a connection ended (RFC 9113, 7)."""

    NO_ERROR = 0x0
    PROTOCOL_ERROR = 0x1
    INTERNAL_ERROR = 0x2
    FLOW_CONTROL_ERROR = 0x3
    SETTINGS_TIMEOUT = 0x4
    STREAM_CLOSED = 0x5
    FRAME_SIZE_ERROR = 0x6
    REFUSED_STREAM = 0x7
    CANCEL = 0x8
    COMPRESSION_ERROR = 0x9
    CONNECT_ERROR = 0xA
    ENHANCE_YOUR_CALM = 0xB
    INADEQUATE_SECURITY = 0xC
    HTTP_1_1_REQUIRED = 0xD


def header(kind: int, flags: int, stream_id: int, length: int) -> bytes:
    """The nine bytes before a frame's payload."""
    return HEADER.pack(length << 8 | kind, flags, stream_id)


def headers(stream_id: int, block: bytes, *, end: bool) -> bytes:
    """HEADERS with a whole header block; our blocks are short, so there is never a CONTINUATION."""
    return header(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream_id, len(block)) + block


def rst_stream(stream_id: int, code: int) -> bytes:
    """RST_STREAM."""
    return _WORD_FRAME.pack(4 << 8 | RST_STREAM, 0, stream_id, code)


def window_update(stream_id: int, increment: int) -> bytes:
    """WINDOW_UPDATE; stream 0 is the connection."""
    return _WORD_FRAME.pack(4 << 8 | WINDOW_UPDATE, 0, stream_id, increment)


def ping(payload: bytes, *, ack: bool) -> bytes:
    """PING with its eight bytes."""
    return header(PING, ACK if ack else 0, 0, 8) + payload


def goaway(last_stream_id: int, code: int, reason: bytes = b"") -> bytes:
    """GOAWAY. `reason` is fixed text of ours: it shows in the peer's log."""
    return _GOAWAY.pack((8 + len(reason)) << 8 | GOAWAY, 0, 0, last_stream_id, code) + reason


def settings(values: Iterable[tuple[int, int]]) -> bytes:
    """SETTINGS."""
    payload = b"".join(SETTING.pack(key, value) for key, value in values)
    return header(SETTINGS, 0, 0, len(payload)) + payload


SETTINGS_ACK: Final = header(SETTINGS, ACK, 0, 0)


class ConnectionFault(Exception):  # noqa: N818  - a fault of the peer's, not an error of ours
    """The connection ends with GOAWAY. `reason` is fixed text and holds nothing the peer sent."""

    def __init__(self, code: ErrorCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class StreamFault(Exception):  # noqa: N818  - as above
    """The stream ends with RST_STREAM; the connection lives on."""

    def __init__(self, code: ErrorCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
