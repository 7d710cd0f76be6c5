"""A socket that sends and receives at the same time, each call bounded in time."""

import select
import socket
import struct
from typing import Final, Literal

from msgspec import Struct

CONNECT_WITHIN: Final = 5.0
"""Seconds to connect to this machine."""

READ_SIZE: Final = 64 * 1024


class Turn(Struct, frozen=True):
    """The result of one wait: how many bytes were sent, and which came (None: nothing; b"": the peer closed)."""

    sent: int = 0
    came: bytes | None = None


class Wire:
    """One TCP connection. ConnectionResetError comes out of `turn` when the peer resets it."""

    def __init__(self, port: int, host: str) -> None:
        self._socket = socket.create_connection((host, port), timeout=CONNECT_WITHIN)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.broken = False
        """The peer takes no more bytes from us; there may still be some to read."""

    def turn(self, out: bytes, seconds: float, *, read: bool = True) -> Turn:
        """Wait until something can be sent or was received, `seconds` at the most, and do that."""
        sending = bool(out) and not self.broken
        readable, writable, _ = select.select(
            [self._socket] if read else [], [self._socket] if sending else [], [], max(0.0, seconds)
        )
        sent = self._send(out) if writable else 0
        came = self._socket.recv(READ_SIZE) if readable else None
        return Turn(sent, came)

    def _send(self, out: bytes) -> int:
        try:
            return self._socket.send(out)
        except BlockingIOError:
            return 0
        except ConnectionError:
            self.broken = True
            return 0

    def leave(self, how: Literal["reset", "close"]) -> None:
        """Close the connection; a reset makes the kernel tell the peer so, and forget what was not yet sent."""
        if how == "reset":
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()
