"""The script of a raw client: a request, and its body in steps."""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from extproc.testing.clients.answer import Field


class Pause(Struct, frozen=True):
    """Send nothing for so many seconds. With `read` False nothing is read either: a slow reader."""

    seconds: float
    read: bool = True


class Until(Struct, frozen=True):
    """Go on only when the answer's headers and so many bytes of its body have come, or the answer has ended."""

    size: int = 0


class When(Struct, frozen=True):
    """Go on only when `holds()` is true, or the answer has ended; meanwhile what comes is read."""

    holds: Callable[[], bool]


class End(Struct, frozen=True):
    """The request ends here. Where a script has none, it ends after the last piece."""


class Disconnect(Struct, frozen=True):
    """Leave, in the middle of whatever is going on.

    "reset": HTTP/1.1 resets the connection (RST), HTTP/2 the stream (CANCEL). "close": the connection is closed (FIN).
    """

    how: Literal["reset", "close"] = "reset"


ScriptStep: TypeAlias = bytes | Pause | Until | When | End | Disconnect


class ClientRequest(Struct, frozen=True):
    """A request. `body` is the whole of it, or a script; each piece is a chunk (HTTP/1.1) or DATA frames (HTTP/2).

    `length`: send a content-length, of all pieces together, and of one byte more when the script aborts before the
    request's end; without it HTTP/1.1 sends chunks. A request with trailers has none. Nothing is sent that is not asked
    for, but for `host` (`:authority`) where no header says it.
    """

    method: str = "POST"
    target: str = "/"
    headers: tuple[Field, ...] = ()
    body: bytes | Sequence[ScriptStep] = b""
    trailers: tuple[Field, ...] = ()
    length: bool = True

    @property
    def chunked(self) -> bool:
        """True if the body is framed by chunks in HTTP/1.1."""
        return bool(self.trailers) or (not self.length and bool(self.body))

    @property
    def size(self) -> int:
        """Bytes of body as a content-length says it."""
        steps = list(self.steps())
        kept = any(isinstance(step, End) for step in steps)
        return sum(len(step) for step in steps if isinstance(step, bytes)) + (not kept)

    def steps(self) -> Iterator[ScriptStep]:
        """The script, which ends the request somewhere unless it aborts."""
        steps = [self.body] if isinstance(self.body, bytes) else list(self.body)
        yield from steps
        if not any(isinstance(step, End | Disconnect) for step in steps):
            yield End()

    def header(self, name: str) -> str | None:
        """The first value of a header, by its lower-case name."""
        return next((value for key, value in self.headers if key.lower() == name), None)
