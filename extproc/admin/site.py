"""The admin port: is it alive, is it ready, what does it count, how does it stand; for no browser.

It is read only but for limits of budgets, which need a token.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Protocol

import msgspec
from aiohttp import web

from extproc.admin.budgets import BudgetPages, BudgetSource
from extproc.admin.token import AdminToken
from extproc.protocol.errors import ServeError
from extproc.server import sockets
from extproc.server.listen import Tcp
from extproc.telemetry import Snapshot, exposition

CONNECTIONS_BACKLOG: Final = 32
"""Connections that may wait. Probes and a Prometheus or two come here."""

KEEPALIVE: Final = 15.0
"""Seconds that an idle connection is kept: shorter than what scrapers use, and so no heap of idle ones."""

HEAD_MAX: Final = 4096
"""Bytes of a request line, and of a header; what comes here is a path and a few headers."""

BUSY_MAX: Final = 16
"""Requests that wait for workers' answers at once; more get 503."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class AdminSource(BudgetSource, Protocol):
    """The source of the data that the admin site shows: a supervisor."""

    @property
    def unready(self) -> str | None:
        """Return why no worker takes exchanges; None if one does."""

    async def collect(self) -> Snapshot:
        """The metrics of all workers together."""

    async def status(self) -> dict[str, object]:
        """Return how all stands, without secrets."""


class Site:
    """The pages. `token`: the file without whose content nothing is changed; None if nothing is to be."""

    def __init__(self, source: AdminSource, token: Path | None = None) -> None:
        self._source = source
        self._token = AdminToken(token)
        self._busy = 0

    def application(self, *, loopback: bool) -> web.Application:
        """The pages as an application; on `loopback` it answers only to names of this very host."""
        guards = [_local_names_only] if loopback else []
        app = web.Application(middlewares=guards, client_max_size=HEAD_MAX)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/status", self._status)
        BudgetPages(self._source, self._token).add(app)
        return app

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        why = self._source.unready
        return web.Response(text="ready\n") if why is None else web.Response(status=503, text=f"not ready: {why}\n")

    async def _metrics(self, _: web.Request) -> web.Response:
        async with self._turn():
            body = exposition.text(await self._source.collect())
        return web.Response(body=body, headers={"content-type": exposition.CONTENT_TYPE})

    async def _status(self, _: web.Request) -> web.Response:
        async with self._turn():
            body = msgspec.json.format(msgspec.json.encode(await self._source.status()))
        return web.Response(body=body + b"\n", content_type="application/json")

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if self._busy >= BUSY_MAX:
            raise web.HTTPServiceUnavailable(text="too many requests at once\n")
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1


@asynccontextmanager
async def serving(source: AdminSource, address: Tcp, token: Path | None = None) -> AsyncIterator[Tcp]:
    """The site at `address`; where it really listens. Raises ServeError."""
    app = Site(source, token).application(loopback=_is_loopback(address.host))
    runner = web.AppRunner(
        app,
        access_log=None,
        keepalive_timeout=KEEPALIVE,
        max_line_size=HEAD_MAX,
        max_field_size=HEAD_MAX,
        shutdown_timeout=1.0,
    )
    await runner.setup()
    try:
        yield await _listen(runner, address)
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, address: Tcp) -> Tcp:
    try:
        for each in await asyncio.to_thread(sockets.listening, address, CONNECTIONS_BACKLOG):
            await web.SockSite(runner, each, backlog=CONNECTIONS_BACKLOG).start()
    except OSError as error:
        raise ServeError(f"the admin port cannot listen at {address}: {error.strerror}") from error
    return Tcp(address.host, int(runner.addresses[0][1]))


@web.middleware
async def _local_names_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A page on the web can make a browser on this host ask here, by a name that it has resolve to 127.0.0.1."""
    if not _is_loopback(_name(request.headers.get("host", ""))):
        raise web.HTTPForbidden(text="this port answers to localhost only\n")
    return await handler(request)


def _name(host: str) -> str:
    """The name in a Host header, without the port and the brackets of an IPv6 address."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if ":" in host else host


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
