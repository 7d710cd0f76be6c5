"""Undoing a body's content-encoding, whole or as it streams, without letting it grow past its bounds.

What was decoded and edited goes on as it is: the caller drops `content-encoding` (and `content-length`). Only a body
that grew much by decoding is encoded again, so that nobody sends a little to have much sent on. A body that nobody
edits goes on in the bytes it came in, encoded as they are.
"""

import gzip
import re
import zlib

from extproc.payload.encodings import brotli_zstd as optional
from extproc.payload.encodings import inflate
from extproc.payload.encodings.inflate import (
    DamagedBodyError,
    DecodedTooLargeError,
    Decompressor,
    EncodingError,
    RatioExceededError,
    TruncatedBodyError,
)
from extproc.protocol.meter import Meter

__all__ = [
    "DamagedBodyError",
    "DecodedTooLargeError",
    "Decoder",
    "EncodingError",
    "RatioExceededError",
    "TruncatedBodyError",
    "UnknownEncodingError",
    "codings",
    "decode",
    "encode",
]

MAX_CODINGS = 3
"""Encodings on top of each other. One is usual, a second comes from a proxy that encodes what is encoded already."""

MAX_RATIO = 256
"""Bytes decoded for each byte that came, through all codings of the chain together, unless a policy says otherwise.
JSON and prose shrink to a tenth, the most repetitive responses to a hundredth; deflate can write 1,032 for one, brotli
and zstd many thousands."""

PIECE = 4096
"""Bytes encoded after which the ratio is looked at: always at the same places of a body, however it is cut, so that one
that is taken whole is taken in pieces, too."""

RATIO_FLOOR = 1024 * 1024
"""Bytes decoded up to which the ratio does not count: small bodies of blanks and zeros are no bombs."""

BYTES_A_STEP = 256
"""Bytes decoded that count as a step of a meter: gzip writes some 330 in a microsecond."""

_SEPARATOR = re.compile(r"[ \t]*,[ \t]*")
_ALIASES = {"x-gzip": "gzip", "x-deflate": "deflate", "x-br": "br"}


class UnknownEncodingError(EncodingError):
    """The body's encoding cannot be undone here: it is not known, or its package is not installed."""


def codings(content_encoding: str) -> tuple[str, ...]:
    """The codings of a content-encoding field (several such fields joined by commas), in the order they were applied.

    Raises:
        UnknownEncodingError: one cannot be undone here, or there are more than `MAX_CODINGS`.
    """
    words = (word.lower() for word in _SEPARATOR.split(content_encoding.strip(" \t")))
    found = tuple(_ALIASES.get(word, word) for word in words if word not in {"", "identity"})
    if len(found) > MAX_CODINGS or not all(map(_known, found)):
        raise UnknownEncodingError("the body's encoding cannot be undone here")
    return found


def _known(coding: str) -> bool:
    match coding:
        case "gzip" | "deflate":
            return True
        case "br":
            return optional.brotli() is not None
        case "zstd":
            return optional.zstd() is not None
    return False


def _codec(coding: str) -> Decompressor:
    match coding:
        case "gzip":
            return inflate.Gzip()
        case "deflate":
            return inflate.Deflate()
        case "br":
            return optional.Brotli()
    return optional.Zstd()


class Decoder:
    """Decodes a body chunk by chunk; what comes out depends only on what went in so far, not on the cuts.

    `limit`: bytes that may come out of it and of each of its stages, or None for a stream without end. In any case
    `ratio` bounds every stage by the bytes that came into the first (see `MAX_RATIO`). After an error it takes no more.
    """

    __slots__ = ("_failed", "_limit", "_meter", "_ratio", "_read", "_stages")

    def __init__(
        self, encodings: tuple[str, ...], limit: int | None, meter: Meter | None = None, ratio: int = MAX_RATIO
    ) -> None:
        self._stages = [_Stage(_codec(coding)) for coding in reversed(encodings)]
        self._limit = limit
        self._ratio = ratio
        self._meter = meter
        self._read = 0
        self._failed: EncodingError | None = None

    def feed(self, data: bytes) -> bytes:
        """All that these bytes complete.

        Raises:
            DecodedTooLargeError, DamagedBodyError: from then on, always.
            SpentError: the meter has no steps left.
        """
        self._refuse()
        if not self._stages:
            return data
        parts: list[bytes] = []
        at = 0
        try:
            while at < len(data):
                end = at + PIECE - self._read % PIECE
                parts.append(self._piece(data[at:end]))
                at = end
        except EncodingError as error:
            self._failed = type(error)(*error.args)  # the traceback of `error` holds the body
            raise
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _piece(self, data: bytes) -> bytes:
        self._read += len(data)
        most = max(RATIO_FLOOR, self._ratio * PIECE * -(-self._read // PIECE))
        error: type[DecodedTooLargeError] = RatioExceededError
        if self._limit is not None and self._limit <= most:
            most, error = self._limit, DecodedTooLargeError
        for stage in self._stages:
            if data:
                data = stage.feed(data, most, error)
                if self._meter is not None:
                    self._meter.spend(len(data) // BYTES_A_STEP)
        return data

    def close(self) -> None:
        """The body is over.

        Raises:
            TruncatedBodyError: it ends in the middle. A body of no bytes at all is whole.
            DecodedTooLargeError, DamagedBodyError: it was refused before.
        """
        self._refuse()
        for stage in self._stages:
            stage.close()

    def _refuse(self) -> None:
        if self._failed is not None:
            raise type(self._failed)(*self._failed.args)


class _Stage:
    """One coding, and how much it has written."""

    __slots__ = ("_codec", "_read", "_written")

    def __init__(self, codec: Decompressor) -> None:
        self._codec = codec
        self._read = False
        self._written = 0

    def feed(self, data: bytes, most: int, error: type[DecodedTooLargeError]) -> bytes:
        """Return what `data` completes. Raises `error` if more than `most` bytes came out of the stage in all."""
        self._read = True
        decoded = self._codec.feed(data, most - self._written)
        self._written += len(decoded)
        if self._written > most:
            raise error("the decoded body is too large")
        return decoded

    def close(self) -> None:
        if self._read and not self._codec.ended:
            raise TruncatedBodyError("the body ends in the middle of its encoding")


def decode(
    body: bytes, encodings: tuple[str, ...], limit: int, meter: Meter | None = None, ratio: int = MAX_RATIO
) -> bytes:
    """A whole body decoded; the same object when there is nothing to undo.

    Costs about 3 ms a decoded MB (gzip).

    Raises:
        EncodingError, SpentError: see `Decoder`.
    """
    decoder = Decoder(encodings, limit, meter, ratio)
    decoded = decoder.feed(body)
    decoder.close()
    return decoded


def encode(body: bytes, encodings: tuple[str, ...]) -> bytes:
    """The body in these codings, each as fast as it can be done. Costs about 8 ms a MB (gzip)."""
    for coding in encodings:
        match coding:
            case "gzip":
                body = gzip.compress(body, compresslevel=1, mtime=0)
            case "deflate":
                body = zlib.compress(body, level=1)
            case "br":
                body = optional.brotli_compressed(body)
            case _:
                body = optional.zstd_compressed(body)
    return body
