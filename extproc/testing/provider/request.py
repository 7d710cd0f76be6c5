"""HTTP/1.1 as it comes in, read strictly and without losing anything.

Not aiohttp's parser, which the rest of the package would use: it drops a request's trailers, and what this provider is
for is to be a witness of what Envoy wrote, framing and trailers included. It has one kind of peer, so it is short: what
is not plainly HTTP/1.1 is a violation, which the provider counts, for it means that somebody lost track of a body.
"""

import re
from asyncio import IncompleteReadError, LimitOverrunError, StreamReader
from collections.abc import AsyncIterator
from typing import Final, Literal, TypeAlias

from msgspec import Struct

Field: TypeAlias = tuple[str, str]
Framing: TypeAlias = Literal["none", "length", "chunked"]

HEAD_LIMIT: Final = 256 * 1024
"""Bytes of a request's head, or of its trailers: four times what Envoy lets through by default."""

PIECE: Final = 64 * 1024
"""Bytes read at once."""

_REQUEST_LINE: Final = re.compile(r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e\x80-\xff]+) (HTTP/1\.[01])")
_FIELD: Final = re.compile(r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*?)[ \t]*")
_LENGTH: Final = re.compile(r"[0-9]{1,15}")
_CHUNK: Final = re.compile(rb"([0-9A-Fa-f]{1,12})(?:[ \t]*;[^\r\n]*)?\r\n")


class Violation(Exception):  # noqa: N818  - named for what it says
    """The peer's bytes are not HTTP/1.1. `status` is the answer it gets; the text is fixed."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


class Head(Struct, frozen=True):
    """A request's head, and how its body is framed. `length` counts only where `framing` is "length"."""

    method: str
    target: str
    version: str
    headers: tuple[Field, ...]
    framing: Framing
    length: int

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    def get(self, name: str) -> str:
        """The first value of a header by its lower-case name, or an empty string."""
        return next((value for key, value in self.headers if key.lower() == name), "")


async def read_head(reader: StreamReader) -> Head | None:
    """The next request's head; None when the peer ended the connection where it may.

    Raises:
        Violation: what came is no head.
    """
    try:
        block = await reader.readuntil(b"\r\n\r\n")
    except LimitOverrunError:
        raise Violation("a head that is too long", 431) from None
    except IncompleteReadError as error:
        if error.partial.strip(b"\r\n"):
            raise Violation("a head that stops in the middle") from None
        return None
    first, *lines = block[:-4].lstrip(b"\r\n").decode("latin-1").split("\r\n")
    line = _REQUEST_LINE.fullmatch(first)
    if line is None:
        raise Violation("a request line that is none")
    if line[3] != "HTTP/1.1":
        raise Violation("a version other than HTTP/1.1", 505)
    headers = tuple(_field(text) for text in lines)
    framing, length = _framing(headers)
    return Head(line[1], line[2], line[3], headers, framing, length)


def _field(line: str) -> Field:
    found = _FIELD.fullmatch(line)
    if found is None or "\r" in line or "\n" in line or "\0" in line:
        raise Violation("a header field that is none")
    return found[1], found[2]


def _framing(headers: tuple[Field, ...]) -> tuple[Framing, int]:
    lengths = [value for name, value in headers if name.lower() == "content-length"]
    codings = [value.lower() for name, value in headers if name.lower() == "transfer-encoding"]
    if codings and lengths:
        raise Violation("content-length and transfer-encoding in one request")  # RFC 9112 6.1: an attempt at smuggling
    if codings:
        return ("chunked", 0) if codings == ["chunked"] else _bad("a transfer-encoding other than chunked")
    if not lengths:
        return "none", 0
    if len(lengths) > 1 or _LENGTH.fullmatch(lengths[0]) is None:
        return _bad("a content-length that is none, or two of them")
    return "length", int(lengths[0])


def _bad(text: str) -> tuple[Framing, int]:
    raise Violation(text)


class IncomingBody:
    """A request's body as it comes. `trailers` are there once `pieces` is used up."""

    def __init__(self, reader: StreamReader, head: Head) -> None:
        self._reader = reader
        self._head = head
        self.trailers: tuple[Field, ...] = ()

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body in pieces as they arrive.

        Raises:
            IncompleteReadError: the peer left in the middle.
            Violation: a chunk that is none.
        """
        if self._head.framing == "length":
            async for piece in self._exactly(self._head.length):
                yield piece
        elif self._head.framing == "chunked":
            while size := await self._chunk_size():
                async for piece in self._exactly(size):
                    yield piece
                if await self._reader.readexactly(2) != b"\r\n":
                    raise Violation("a chunk longer than it says")
            self.trailers = await self._read_trailers()

    async def _exactly(self, count: int) -> AsyncIterator[bytes]:
        while count:
            piece = await self._reader.read(min(count, PIECE))
            if not piece:
                raise IncompleteReadError(b"", count)
            count -= len(piece)
            yield piece

    async def _chunk_size(self) -> int:
        found = _CHUNK.fullmatch(await self._line())
        if found is None:
            raise Violation("a chunk size that is none")
        return int(found[1], 16)

    async def _read_trailers(self) -> tuple[Field, ...]:
        trailers: list[Field] = []
        size = 0
        while (line := await self._line()) != b"\r\n":
            size += len(line)
            if size > HEAD_LIMIT:
                raise Violation("trailers that are too long", 431)
            trailers.append(_field(line[:-2].decode("latin-1")))
        return tuple(trailers)

    async def _line(self) -> bytes:
        try:
            return await self._reader.readuntil(b"\r\n")
        except LimitOverrunError:
            raise Violation("a line that is too long", 431) from None
