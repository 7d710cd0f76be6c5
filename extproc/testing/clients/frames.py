"""HTTP/2 frames, split off the byte stream before the h2 library sees them.

The library takes a GOAWAY for the connection's end and refuses every frame after it, even the rest of an answer that a
draining server is still sending (RFC 9113, 6.8). So GOAWAY is kept from it.
"""

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

HEAD: Final = 9
GOAWAY: Final = 7
MAX_FRAME: Final = 16_384
"""The largest frame that a peer may send us, since our SETTINGS say nothing else (RFC 9113, 6.5.2)."""


class NoFrame(Exception):  # noqa: N818  - named for what it says
    """The received frame is longer than any frame may be; in practice it is not HTTP/2 at all."""


class GoAway(Struct, frozen=True):
    """The peer takes no streams after `last`; `code` is 0 when it only drains."""

    last: int
    code: int


class Splitter:
    """Bytes in, whole frames out."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes | GoAway]:
        """The frames that are whole now.

        Raises:
            NoFrame: the next one is too long. The library would wait for the rest of it.
        """
        self._held += data
        while len(self._held) >= HEAD:
            size = int.from_bytes(self._held[:3], "big")
            if size > MAX_FRAME:
                raise NoFrame
            end = HEAD + size
            if len(self._held) < end:
                return
            frame = bytes(self._held[:end])
            del self._held[:end]
            yield _goaway(frame) if frame[3] == GOAWAY and size >= 8 else frame


def _goaway(frame: bytes) -> GoAway:
    last = int.from_bytes(frame[HEAD : HEAD + 4], "big") & 0x7FFF_FFFF
    return GoAway(last, int.from_bytes(frame[HEAD + 4 : HEAD + 8], "big"))
