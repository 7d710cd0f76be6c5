"""brotli and zstd, where their packages are installed: `brotli` (1.2 or newer) and `zstandard`."""

from functools import cache
from importlib import import_module
from types import ModuleType

from extproc.payload.encodings.inflate import MAX_MEMBERS, damaged

WINDOW = 8 * 1024 * 1024
"""Bytes that a zstd frame may ask the decoder to remember: RFC 9659 allows HTTP no more."""

PIECE = 256
"""Bytes given to zstd at a time. It cannot be told how much to write; but a block writes at most 128 KiB and takes at
least four bytes, so this much writes at most 8 MiB."""


@cache
def brotli() -> ModuleType | None:
    """The package, if it can be told how much to write (older ones cannot: a bomb would go off)."""
    module = _installed("brotli")
    if module is not None:
        try:
            module.Decompressor().process(b"", output_buffer_limit=1)
        except TypeError:
            return None
    return module


@cache
def zstd() -> ModuleType | None:
    """The package. Python's own `compression.zstd` comes with 3.14 only."""
    return _installed("zstandard")


def _installed(name: str) -> ModuleType | None:
    try:
        return import_module(name)
    except ImportError:
        return None


def brotli_compressed(body: bytes) -> bytes:
    """The body in brotli, at its fastest."""
    module = brotli()
    assert module is not None, "nobody asks for a coding that is not known"
    return bytes(module.compress(body, quality=1))


def zstd_compressed(body: bytes) -> bytes:
    """The body in one zstd frame, at its fastest."""
    module = zstd()
    assert module is not None, "nobody asks for a coding that is not known"
    return bytes(module.ZstdCompressor(level=1).compress(body))


class Brotli:
    """RFC 7932."""

    __slots__ = ("_decompressor", "_error")

    def __init__(self) -> None:
        module = brotli()
        assert module is not None, "nobody asks for a coding that is not known"
        self._decompressor = module.Decompressor()
        self._error: type[Exception] = module.error

    @property
    def ended(self) -> bool:
        """See `Decompressor.ended`."""
        return bool(self._decompressor.is_finished())

    def feed(self, data: bytes, most: int) -> bytes:
        """See `Decompressor.feed`."""
        parts: list[bytes] = []
        try:
            while most >= 0:
                part: bytes = self._decompressor.process(data, output_buffer_limit=most + 1)
                parts.append(part)
                most -= len(part)
                data = b""
                if self._decompressor.can_accept_more_data():
                    break
        except self._error:
            raise damaged() from None
        return b"".join(parts)


class Zstd:
    """RFC 8878: one frame, or several."""

    __slots__ = ("_decompressor", "_error", "_frame", "_frames")

    def __init__(self) -> None:
        module = zstd()
        assert module is not None, "nobody asks for a coding that is not known"
        self._decompressor = module.ZstdDecompressor(max_window_size=WINDOW)
        self._error: type[Exception] = module.ZstdError
        self._frame = self._decompressor.decompressobj()
        self._frames = 1

    @property
    def ended(self) -> bool:
        """See `Decompressor.ended`."""
        return bool(self._frame.eof)

    def feed(self, data: bytes, most: int) -> bytes:
        """See `Decompressor.feed`."""
        parts: list[bytes] = []
        for at in range(0, len(data), PIECE):
            piece = data[at : at + PIECE]
            while piece and most >= 0:
                part = self._piece(piece)
                parts.append(part)
                most -= len(part)
                piece = self._frame.unused_data
        return b"".join(parts)

    def _piece(self, piece: bytes) -> bytes:
        if self._frame.eof:
            self._frames += 1
            if self._frames > MAX_MEMBERS:
                raise damaged()
            self._frame = self._decompressor.decompressobj()
        try:
            decoded: bytes = self._frame.decompress(piece)
        except self._error:
            raise damaged() from None
        return decoded
