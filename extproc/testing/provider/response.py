"""HTTP/1.1 as it goes out: one body or a stream of events, at the pace and with the faults that were ordered."""

import asyncio
import itertools
import zlib
from asyncio import StreamReader, StreamWriter
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Final

from msgspec import Struct

from extproc.testing.provider.orders import Orders
from extproc.testing.provider.request import PIECE, Field

TRAILER: Final = "x-provider-trailer"

_GZIP: Final = 16 + zlib.MAX_WBITS


class PeerDisconnectedError(Exception):
    """The peer left before it had the whole answer."""


class Link(Struct, frozen=True):
    """One connection."""

    number: int
    reader: StreamReader
    writer: StreamWriter

    @property
    def lost(self) -> bool:
        """True if the peer has closed its side. No client of ours half-closes, so it does not want the rest."""
        return self.reader.at_eof() or self.writer.is_closing()

    async def write(self, data: bytes) -> None:
        """Write, and wait until the peer takes it.

        Raises:
            PeerDisconnectedError: there is nobody any more.
        """
        if self.lost:
            raise PeerDisconnectedError
        try:
            self.writer.write(data)
            await self.writer.drain()
        except ConnectionError as error:
            raise PeerDisconnectedError from error

    async def cut(self) -> None:
        """End the connection in the middle of whatever it is in, after all that was written has gone out."""
        self.writer.transport.set_write_buffer_limits(high=0)
        await self.write(b"")
        self.writer.transport.abort()

    async def until_lost(self) -> None:
        """Wait until the peer leaves; what it still sends is read and forgotten."""
        while await self.reader.read(PIECE):
            pass


class ProviderResponse(Struct, frozen=True):
    """A status, headers, and either a body or the events of a stream (each as its bytes)."""

    status: int
    headers: tuple[Field, ...] = ()
    body: bytes = b""
    events: Iterable[bytes] | None = None


async def send(link: Link, answer: ProviderResponse, orders: Orders, *, bodiless: bool = False) -> bool:
    """Write an answer as ordered; True when the connection can carry another.

    Raises:
        PeerDisconnectedError: the peer left.
    """
    await _pause(orders.slow)
    chunked = answer.events is not None or orders.chunked or orders.trailers
    body = _zipped(answer.body) if orders.gzip and answer.events is None else answer.body
    head = _head(answer, orders, None if chunked else len(body))
    if not chunked and not orders.split and orders.cut is None:
        await link.write(head if bodiless else head + body)  # in one go, as servers do
        return not orders.close
    await link.write(head)
    if bodiless:
        return not orders.close
    pieces = [body] if answer.events is None else _event_pieces(answer.events, orders)
    for number, piece in enumerate(_split(_cut_bytes(pieces, answer, orders), orders.split)):
        await _pause(orders.gap if number else 0)
        await link.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
    if orders.cut is not None:
        await link.cut()
        return False
    if chunked:
        await link.write(b"0\r\n%b\r\n" % (f"{TRAILER}: end\r\n".encode() if orders.trailers else b""))
    return not orders.close


async def _pause(seconds: float) -> None:
    if seconds:
        await asyncio.sleep(seconds)


def _head(answer: ProviderResponse, orders: Orders, length: int | None) -> bytes:
    fields = [*answer.headers]
    if orders.gzip:
        fields.append(("content-encoding", "gzip"))
    if orders.trailers:
        fields.append(("trailer", TRAILER))
    if orders.close:
        fields.append(("connection", "close"))
    fields.append(("transfer-encoding", "chunked") if length is None else ("content-length", str(length)))
    lines = [f"HTTP/1.1 {answer.status} {_reason(answer.status)}", *(f"{name}: {value}" for name, value in fields)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def _event_pieces(events: Iterable[bytes], orders: Orders) -> Iterator[bytes]:
    wanted = itertools.islice(events, orders.cut)
    return _zipped_stream(wanted, whole=orders.cut is None) if orders.gzip else iter(wanted)


def _cut_bytes(pieces: Iterable[bytes], answer: ProviderResponse, orders: Orders) -> Iterable[bytes]:
    """A body that is no stream is cut by bytes; a stream was cut by events."""
    if answer.events is not None or orders.cut is None:
        return pieces
    return [b"".join(pieces)[: orders.cut]]


def _split(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Pieces of `size` bytes across the bounds of the given ones; those themselves when it is 0. Never an empty one."""
    if not size:
        yield from filter(None, pieces)
        return
    held = bytearray()
    for piece in pieces:
        held += piece
        while len(held) >= size:
            yield bytes(held[:size])
            del held[:size]
    if held:
        yield bytes(held)


def _zipped(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=_GZIP)
    return packer.compress(body) + packer.flush()


def _zipped_stream(pieces: Iterable[bytes], *, whole: bool) -> Iterator[bytes]:
    """Each piece can be read as it arrives, as providers do it; the end mark comes only when nothing was cut."""
    packer = zlib.compressobj(wbits=_GZIP)
    for piece in pieces:
        yield packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH)
    if whole:
        yield packer.flush()
