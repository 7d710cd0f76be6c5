"""Checks that several frames share; each raises what the RFC asks for."""

from typing import Final

from extproc.server.h2.frames import ConnectionFault, ErrorCode, StreamFault
from extproc.server.h2.states import FrameVerdict

_PROTOCOL_ERROR: Final = ErrorCode.PROTOCOL_ERROR


def require_stream(stream_id: int) -> None:
    """The frame belongs to a stream."""
    if not stream_id:
        raise ConnectionFault(_PROTOCOL_ERROR, "a stream's frame on stream 0")


def require_size(payload: bytes, size: int, what: str) -> None:
    """The frame is of the one size that it can have."""
    if len(payload) != size:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, f"{what} of a wrong size")


def unpad(payload: bytes, least: int) -> bytes:
    """The payload without its padding; `least` bytes of it are not for padding to take (RFC 9113, 6.1 and 6.2)."""
    if not payload:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a padded frame without a length of padding")
    end = len(payload) - payload[0]
    if end < 1 + least:
        raise ConnectionFault(_PROTOCOL_ERROR, "more padding than frame")
    return payload[1:end]


def refuse(verdict: FrameVerdict) -> None:
    """Raises what a verdict other than ACCEPT and IGNORE asks for."""
    if verdict is FrameVerdict.STREAM_CLOSED:
        raise StreamFault(ErrorCode.STREAM_CLOSED, "a frame after the stream's end")
    if verdict is FrameVerdict.CONNECTION_STREAM_CLOSED:
        raise ConnectionFault(ErrorCode.STREAM_CLOSED, "a frame on a closed stream")
    if verdict is FrameVerdict.PROTOCOL_ERROR:
        raise ConnectionFault(_PROTOCOL_ERROR, "a frame that this stream cannot take")
