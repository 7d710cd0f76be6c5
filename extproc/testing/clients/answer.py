"""The response that a raw client received."""

import json
from enum import Enum
from typing import Any, TypeAlias

from msgspec import Struct

Field: TypeAlias = tuple[str, str]


class Ending(Enum):
    """The way in which a response ended."""

    COMPLETE = "complete"
    TRUNCATED = "truncated"
    """The connection was closed in the middle, or before anything came."""
    RESET = "reset"
    """The peer reset the connection or the stream."""
    GARBLED = "garbled"
    """The received bytes are not HTTP."""
    TIMEOUT = "timeout"
    ABORTED = "aborted"
    """We left, as we were told."""


class Piece(Struct, frozen=True):
    """Bytes of a body that arrived together, and when: seconds since the request was begun."""

    data: bytes
    at: float


class ClientResponse(Struct, frozen=True):
    """An answer, or as much of one as came: `status` is 0 when no headers did.

    `interim` are the 1xx before it; `sent` is whether all of the request went out; `surplus` is what came on an
    HTTP/1.1 connection behind the answer's end, where nothing may. `code` is the HTTP/2 error of a reset or a GOAWAY.
    """

    status: int = 0
    headers: tuple[Field, ...] = ()
    headers_at: float = 0.0
    pieces: tuple[Piece, ...] = ()
    trailers: tuple[Field, ...] = ()
    ending: Ending = Ending.TRUNCATED
    interim: tuple[int, ...] = ()
    sent: bool = False
    surplus: bytes = b""
    code: int | None = None
    goaway: bool = False

    @property
    def complete(self) -> bool:
        """True if it ended as it should, with nothing behind it."""
        return self.ending is Ending.COMPLETE and not self.surplus

    @property
    def body(self) -> bytes:
        """All of the body that came."""
        return b"".join(piece.data for piece in self.pieces)

    def header(self, name: str) -> str | None:
        """The first value of a header, whatever the case of its name."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def json(self) -> Any:
        """The body as JSON; ValueError when it is none."""
        return json.loads(self.body)

    def events(self) -> list[bytes]:
        """The data of a stream's events, in order; an event that was not ended is left out, as a browser would."""
        blocks = self.body.replace(b"\r\n", b"\n").split(b"\n\n")[:-1]
        lines = [line for block in blocks for line in block.split(b"\n")]
        return [line.removeprefix(b"data: ") for line in lines if line.startswith(b"data: ")]
