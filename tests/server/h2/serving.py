"""A real listener on a real loop, and two kinds of clients: grpcio, and raw frames over a socket."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from extproc.server import listen as addresses
from extproc.server import tasks
from extproc.server.h2 import frames
from extproc.server.h2.limits import ConnectionLimits
from extproc.server.h2.listener import H2Transport, serve
from extproc.server.listen import Tcp, Unix
from extproc.server.log import Log, Sink
from extproc.server.runtime import Runtime
from extproc.server.tls import TlsContent
from extproc.server.transport import Binding
from tests.server.h2.client import Frame, greeting
from tests.server.support import Decider, plan

PATIENCE = 20.0
"""Seconds that any scene may take."""


def play(scene: Callable[[], Awaitable[None]], *, uvloop: bool = True) -> None:
    """Runs a scene in a loop of its own."""

    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE):
            await scene()

    tasks.run(bounded(), uvloop=uvloop)


@asynccontextmanager
async def serving(
    limits: ConnectionLimits | None = None,
    *,
    policy: str = "",
    listen: str = "127.0.0.1:0",
    tls: TlsContent | None = None,
    begin: Any = Decider,
    log: Log | None = None,
) -> AsyncIterator[H2Transport]:
    """A transport whose exchanges do as their path says; it closes `log`."""
    log = log or Log(Sink("none"))
    runtime = Runtime(plan(policy), log, begin=begin)
    transport = await serve(runtime, Binding(addresses.parse(listen), tls), limits)
    try:
        yield transport
    finally:
        await transport.close()
        log.close()


class Raw:
    """A client that sends bytes and reads frames."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def frame(self) -> Frame:
        """The next frame. Raises IncompleteReadError or ConnectionError at the end."""
        word, flags, stream_id = frames.HEADER.unpack(await self.reader.readexactly(9))
        return Frame(word & 0xFF, flags, stream_id, await self.reader.readexactly(word >> 8))

    async def until(self, kind: int, stream_id: int | None = None) -> Frame:
        """The next frame of a kind."""
        while True:
            found = await self.frame()
            if found.kind == kind and stream_id in (None, found.stream_id):
                return found

    async def rest(self) -> list[Frame]:
        """All frames to the end of the connection."""
        found = []
        try:
            while True:
                found.append(await self.frame())
        except (asyncio.IncompleteReadError, ConnectionError):
            return found


@asynccontextmanager
async def raw(
    transport: H2Transport, *, window: int | None = 1 << 30, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Raw]:
    """A raw client; with a `window` it has said its greeting."""
    match transport.endpoint:
        case Tcp(host, port):
            name = "localhost" if tls is not None else None
            streams = await asyncio.open_connection(host, port, ssl=tls, server_hostname=name)
        case Unix(path):
            streams = await asyncio.open_unix_connection(path)
    client = Raw(*streams)
    if window is not None:
        client.send(greeting(window))
    try:
        yield client
    finally:
        client.writer.transport.abort()
