"""gzip and deflate, and what every way of decoding has in common."""

import zlib
from typing import Protocol

MAX_MEMBERS = 64
"""Gzip members or zstd frames one behind the other. A writer that flushes by starting anew makes some; each costs a new
state, and an empty one takes only 20 bytes of a body."""

_DICTIONARY = 15  # zlib's largest window, 32 KiB
_GZIP = 16 + _DICTIONARY
_RAW = -_DICTIONARY


class EncodingError(Exception):
    """A body's content-encoding cannot be undone."""


class DecodedTooLargeError(EncodingError):
    """The output is longer than the limit."""


class RatioExceededError(DecodedTooLargeError):
    """The output is within the limit, but longer than honest text could be for its input."""


class DamagedBodyError(EncodingError):
    """The bytes are not in the encoding that they are said to be in, or something stands behind their end."""


class TruncatedBodyError(EncodingError):
    """The body is over, but its encoding is not."""


class Decompressor(Protocol):
    """Undoes one coding."""

    @property
    def ended(self) -> bool:
        """True if what came so far is a whole."""

    def feed(self, data: bytes, most: int) -> bytes:
        """Return what `data` (at least one byte) completes: all of it, or anything longer than `most` bytes.

        It does not become much longer than that, whatever is still to come.

        Raises:
            DamagedBodyError: it is not in this coding.
        """


def damaged() -> DamagedBodyError:
    """The error, which quotes nothing."""
    return DamagedBodyError("the body is not in its encoding")


class Gzip:
    """RFC 1952: one member, or several."""

    __slots__ = ("_inflater", "_members")

    def __init__(self) -> None:
        self._members = 1
        self._inflater = zlib.decompressobj(_GZIP)

    @property
    def ended(self) -> bool:
        """See `Decompressor.ended`."""
        return self._inflater.eof

    def feed(self, data: bytes, most: int) -> bytes:
        """See `Decompressor.feed`."""
        parts: list[bytes] = []
        while data and most >= 0:
            if self._inflater.eof:
                self._members += 1
                if self._members > MAX_MEMBERS:
                    raise damaged()
                self._inflater = zlib.decompressobj(_GZIP)
            part = _inflated(self._inflater, data, most + 1)
            parts.append(part)
            most -= len(part)
            data = self._inflater.unused_data
        return b"".join(parts)


class Deflate:
    """HTTP's deflate: zlib's format (RFC 1950) by the standard, bare deflate (RFC 1951) from some servers."""

    __slots__ = ("_head", "_inflater")

    def __init__(self) -> None:
        self._head = b""
        self._inflater: zlib._Decompress | None = None

    @property
    def ended(self) -> bool:
        """See `Decompressor.ended`."""
        return self._inflater is not None and self._inflater.eof

    def feed(self, data: bytes, most: int) -> bytes:
        """See `Decompressor.feed`."""
        if self._inflater is None:
            data = self._head + data
            if len(data) < 2:
                self._head = data
                return b""
            self._inflater = zlib.decompressobj(_DICTIONARY if _has_header(data) else _RAW)
        if self._inflater.eof:
            raise damaged()
        part = _inflated(self._inflater, data, most + 1)
        if self._inflater.unused_data:
            raise damaged()
        return part


def _has_header(data: bytes) -> bool:
    """True if two bytes are the beginning of zlib's format: the method is deflate, and the check value is right."""
    return data[0] & 0x0F == 8 and int.from_bytes(data[:2]) % 31 == 0


def _inflated(inflater: "zlib._Decompress", data: bytes, most: int) -> bytes:
    try:
        return inflater.decompress(data, most)
    except zlib.error:
        raise damaged() from None
