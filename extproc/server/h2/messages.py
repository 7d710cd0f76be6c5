"""gRPC's length-prefixed messages, put together from pieces cut anywhere."""

from struct import Struct
from typing import Final

from extproc.server.h2.status import Status

_PREFIX: Final = Struct(">BI")
PREFIX_SIZE: Final = 5


def prefixed(message: bytes) -> bytes:
    """A message as it comes over the wire."""
    return _PREFIX.pack(0, len(message)) + message


class MessageFault(Exception):  # noqa: N818  - the peer's fault, not an error of ours
    """A message that cannot be taken; the call ends with this status. The text is fixed."""

    def __init__(self, status: Status, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Messages:
    """Takes the pieces of one call's body, gives its messages."""

    __slots__ = ("_buffer", "_compresses", "_limit")

    def __init__(self, limit: int, *, compresses: bool) -> None:
        # One growing buffer, not a list of pieces: a piece of one byte would cost forty.
        self._buffer = bytearray()
        self._limit = limit
        self._compresses = compresses

    def __len__(self) -> int:
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Takes a piece."""
        self._buffer += data

    def next(self) -> bytes | None:
        """The next message, or None as long as it is not complete.

        Raises:
            MessageFault: it is compressed, or too large; said as soon as its prefix is there.
        """
        buffer = self._buffer
        if len(buffer) < PREFIX_SIZE:
            return None
        flag, length = _PREFIX.unpack_from(buffer)
        if flag:
            raise self._compressed(flag)
        if length > self._limit:
            raise MessageFault(Status.RESOURCE_EXHAUSTED, "message too large")
        end = PREFIX_SIZE + length
        if len(buffer) < end:
            return None
        with memoryview(buffer) as view:
            message = bytes(view[PREFIX_SIZE:end])
        if len(buffer) == end:
            self._buffer = bytearray()  # a buffer that is cleared would keep its size
        else:
            del buffer[:end]
        return message

    def _compressed(self, flag: int) -> MessageFault:
        """By "Compression" in gRPC's specification: which side is at fault depends on what was announced."""
        if flag == 1 and self._compresses:
            return MessageFault(Status.UNIMPLEMENTED, "compressed messages are not supported")
        return MessageFault(Status.INTERNAL, "a message is flagged as compressed, and no encoding was announced")
