"""A connection to Redis on which questions follow one another without waiting: each gets its reply in its turn.

The protocol is hiredis's, Redis's own library for it. A client library would wait for each reply, or hold a connection
for each question; and a question that is given up would cost the connection. Here it costs nothing: its reply still
comes, so that what it did can be taken back.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final, TypeAlias, cast

import hiredis

WAITING_MAX: Final = 10_000
"""Questions on their way: a second of what one server can answer. A reply is 200 bytes."""

Word: TypeAlias = bytes | str | int
Late: TypeAlias = Callable[[Any], None]
"""Takes the reply to a question that was given up."""


class RedisError(Exception):
    """A reply that is an error. `code`: its first word, in capitals; the rest may quote what was asked, and is left."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class DisconnectedError(Exception):
    """Raised for a question whose reply did not come: it may have been answered or not."""


class UnsentError(DisconnectedError):
    """Raised for a question that was not even sent."""


class RedisConnection(asyncio.Protocol):
    """One connection. `closed` is called when it has ended."""

    def __init__(self, closed: Callable[["RedisConnection"], None]) -> None:
        self._closed = closed
        self._reader = hiredis.Reader()
        self._waiting: deque[tuple[asyncio.Future[Any], Late | None]] = deque()
        self._transport: asyncio.WriteTransport | None = None
        self._loop = asyncio.get_running_loop()
        self._heard = self._loop.time()

    @property
    def waiting(self) -> int:
        """How many questions wait for their reply."""
        return len(self._waiting)

    @property
    def silent(self) -> float:
        """Seconds for which questions wait and nothing came; 0 if none waits."""
        return self._loop.time() - self._heard if self._waiting else 0.0

    def ask(self, *words: Word, late: Late | None = None) -> "asyncio.Future[Any]":
        """Send a question; the future has its reply, RedisError, DisconnectedError or UnsentError.

        `late` gets the reply if the future was cancelled by then.
        """
        future = self._loop.create_future()
        if self._transport is None or self._transport.is_closing():
            future.set_exception(UnsentError())
            return future
        if not self._waiting:
            self._heard = self._loop.time()
        self._waiting.append((future, late))
        self._transport.write(hiredis.pack_command(words))  # type: ignore[arg-type]
        return future

    def close(self) -> None:
        """End it now; what waits fails."""
        if self._transport is not None:
            self._transport.abort()

    # -- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's are none by their class

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        self._heard = self._loop.time()
        try:
            self._reader.feed(data)
            while self._waiting and (reply := self._reader.gets()) is not False:
                self._answered(reply)
        except hiredis.ProtocolError:
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  - why it ended changes nothing
        """See asyncio."""
        self._transport = None
        waiting, self._waiting = self._waiting, deque()
        for future, _ in waiting:
            if not future.done():
                future.set_exception(DisconnectedError())
        self._closed(self)

    def _answered(self, reply: Any) -> None:
        future, late = self._waiting.popleft()
        if future.done():
            if late is not None and not isinstance(reply, hiredis.ReplyError):
                late(reply)
        elif isinstance(reply, hiredis.ReplyError):
            future.set_exception(RedisError(str(reply).partition(" ")[0]))
        else:
            future.set_result(reply)

    def __repr__(self) -> str:
        return f"RedisConnection({self.waiting})"
