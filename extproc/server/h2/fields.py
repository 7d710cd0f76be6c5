"""Header blocks of ours: literals without indexing, so that they are constants and no state is kept for them."""

from collections.abc import Iterable
from typing import Final

_LONGEST: Final = 8_192
"""A block must fit into one frame of the least size that any peer takes, with room for several fields."""

NO_TABLE: Final = b"\x20"
"""A dynamic table size update to 0 (RFC 7541, 6.3)."""


def encode(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A block of literal fields with literal names (RFC 7541, 6.2.2), no Huffman coding."""
    return b"".join(b"\x00" + _string(name) + _string(value) for name, value in fields)


def status(code: int) -> bytes:
    """The `:status` field, which comes first in a response."""
    return b"\x88" if code == 200 else b"\x08" + _string(b"%d" % code)  # entry 8 of the static table is `:status: 200`


def _string(text: bytes) -> bytes:
    length = len(text)
    if length > _LONGEST:
        raise ValueError(f"a field of {length} bytes; {_LONGEST} are the most")
    if length < 127:
        return bytes((length,)) + text
    rest = length - 127  # an integer with a 7-bit prefix (RFC 7541, 5.1)
    prefix = bytearray((127,))
    while rest >= 128:
        prefix.append(rest & 127 | 128)
        rest >>= 7
    prefix.append(rest)
    return bytes(prefix) + text
