"""The stand-in provider as a server: connections, requests one after the other, answers."""

import asyncio
import itertools
import ssl
from asyncio import IncompleteReadError, StreamReader, StreamWriter
from collections import deque
from types import TracebackType
from typing import Final, Self

import msgspec

from extproc.testing.provider.answer import JSON, Who
from extproc.testing.provider.exchange import ProviderExchange
from extproc.testing.provider.orders import Orders, parse
from extproc.testing.provider.record import RecordedRequest, Records, dump
from extproc.testing.provider.request import HEAD_LIMIT, Head, IncomingBody, Violation, read_head
from extproc.testing.provider.response import Link, PeerDisconnectedError, ProviderResponse, send

HEALTH: Final = "/healthz"
RECORDS: Final = "/_records"
"""Targets that are for whoever runs the provider, not for its clients: they are neither recorded nor disturbed."""

BACKLOG: Final = 4096
"""Connections that may wait to be taken: as many as Envoy opens at once under load."""

MAX_VIOLATIONS: Final = 100
"""Violations that are kept: one is already a failed test."""


class Provider:
    """A stand-in for an LLM provider: an HTTP/1.1 server that answers alike to alike and remembers what it was sent.

    `name` is shown in every answer (header `x-provider`, JSON `provider`). `do` is what it does to every request unless
    the request says otherwise (see `orders`). Port 0 takes a free one. `models` is what `/models` lists.
    `tls` is a server's context, for https.
    """

    def __init__(
        self,
        name: str = "provider",
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        do: str = "",
        models: tuple[str, ...] = ("stand-in",),
        tls: ssl.SSLContext | None = None,
        store: Records | None = None,
    ) -> None:
        self.name = name
        self.host = host
        self.port = port
        self.store = store or Records()
        self._tls = tls
        self._who = Who(name, models, parse(do))
        self._server: asyncio.Server | None = None
        self._open = False
        self._numbers = itertools.count(1)
        self._links: dict[int, tuple[Link, asyncio.Task[object]]] = {}
        self._violations: deque[str] = deque(maxlen=MAX_VIOLATIONS)
        self.connections = 0
        """Number of connections opened so far."""
        self.gone = 0
        """Number of times that a peer left before it had the whole of a response."""

    def wait_for(self, count: int, within: float = 5.0) -> tuple[RecordedRequest, ...]:
        """The records once there are `count` of them; blocks its thread, so not for the thread the provider runs in.

        Raises:
            TimeoutError: there were fewer after `within` seconds.
        """
        return self.store.wait_for(lambda records: len(records) >= count, within)

    def clear(self) -> None:
        """Forget what it was sent."""
        self.store.clear()

    @property
    def url(self) -> str:
        """Return where it listens, without a path."""
        return f"{'https' if self._tls else 'http'}://{self.host}:{self.port}"

    @property
    def records(self) -> tuple[RecordedRequest, ...]:
        """Return what it was sent, in the order in which the requests ended."""
        return self.store.all()

    @property
    def violations(self) -> tuple[str, ...]:
        """Return what came that is not HTTP/1.1: a peer that has lost track of where a body ends."""
        return tuple(self._violations)

    @property
    def open_connections(self) -> int:
        """Return how many connections are open now."""
        return len(self._links)

    def order(self, do: str) -> None:
        """Change what it does to every request from now on.

        Raises:
            OrderError: there is no such order.
        """
        self._who = msgspec.structs.replace(self._who, orders=parse(do))

    async def start(self) -> Self:
        """Listen."""
        self._open = True
        self._server = await asyncio.start_server(
            self._connected, self.host, self.port, ssl=self._tls, limit=HEAD_LIMIT, backlog=BACKLOG
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        """Stop listening and end every connection at once, whatever it is in."""
        if self._server is None:
            return
        self._open = False
        self._server.close()
        open_now = list(self._links.values())
        for link, task in open_now:
            link.writer.transport.abort()
            task.cancel()
        await asyncio.gather(*(task for _, task in open_now), return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _connected(self, reader: StreamReader, writer: StreamWriter) -> None:
        if not self._open:  # accepted in the moment of stopping
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None, "streams call this in a task"
        link = Link(next(self._numbers), reader, writer)
        self._links[link.number] = (link, task)
        self.connections += 1
        try:
            await self._serve(link)
        except asyncio.CancelledError:
            pass  # `stop` did it; raised on, Python 3.11 would report the task as failed
        finally:
            del self._links[link.number]
            writer.close()

    async def _serve(self, link: Link) -> None:
        try:
            while (head := await read_head(link.reader)) is not None:
                if not await self._exchange(link, head):
                    return
        except PeerDisconnectedError:
            self.gone += 1
        except (IncompleteReadError, ConnectionError):
            pass  # the request's record says that it is not complete
        except Violation as violation:
            await self._complain(link, violation)

    async def _complain(self, link: Link, violation: Violation) -> None:
        self._violations.append(str(violation))
        try:
            await send(link, ProviderResponse(violation.status, body=str(violation).encode()), Orders(close=True))
        except PeerDisconnectedError:
            self.gone += 1

    async def _exchange(self, link: Link, head: Head) -> bool:
        """One request and its answer; True when another may follow on this connection."""
        if head.path in {HEALTH, RECORDS}:
            async for _ in IncomingBody(link.reader, head).pieces():
                pass
            return await self._control(link, head)
        return await ProviderExchange(self._who, link, head, self.store).run()

    async def _control(self, link: Link, head: Head) -> bool:
        """Answer whoever runs the provider."""
        if head.path == HEALTH:
            return await send(link, ProviderResponse(200, body=b"ok\n"), Orders(), bodiless=head.method == "HEAD")
        if head.method == "DELETE":
            self.store.clear()
            return await send(link, ProviderResponse(204), Orders(), bodiless=True)
        return await send(link, ProviderResponse(200, (JSON,), body=dump(self.store.all())), Orders())
