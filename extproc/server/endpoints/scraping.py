"""Reads the metrics of endpoints, and the files that list them, as long as a policy has pools."""

import asyncio
from collections.abc import Iterable
from typing import Final, Protocol

import aiohttp
from yarl import URL

from extproc.policy.endpoints import EndpointMetrics, EndpointPool
from extproc.routing.endpoints.book import EndpointBook, EndpointState
from extproc.routing.endpoints.scrape import PAGE_MAX, read_metrics
from extproc.server.endpoints.listing import ListingError, read_listing
from extproc.server.runtime import Runtime
from extproc.server.tasks import cancel, spawn
from extproc.telemetry.families import SCRAPES

TICK: Final = 0.05
"""Seconds between looks at which endpoints are due: the shortest interval that a policy may have."""

FILE_EVERY: Final = 1.0
"""Seconds between readings of a file of endpoints. Whoever writes it takes longer to start a server."""

CONNECTIONS: Final = 64
"""Readings that are under way at the same time, over all pools of a worker. A page takes a few milliseconds."""

_FIELDS: Final = {"accept": "text/plain", "accept-encoding": "identity", "user-agent": "extproc"}


class _Page(Protocol):
    """The body of a response, as it is read here."""

    async def read(self, n: int = -1) -> bytes:
        """Return the next bytes, at most that many; none at the end."""


class EndpointScraper:
    """Keeps the books of the pools in force up to date. To be used in one loop."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._pools: tuple[EndpointPool, ...] = ()
        self._task: asyncio.Task[None] | None = None
        self._session: aiohttp.ClientSession | None = None
        self._due: dict[tuple[str, str], float] = {}
        self._files: dict[str, tuple[float, str | None]] = {}
        self._underway: set[asyncio.Task[None]] = set()

    def keep(self, pools: Iterable[EndpointPool]) -> None:
        """Look after these pools from now on, and no longer after others."""
        self._pools = tuple(pools)
        now, books = self._runtime.clock(), self._runtime.shared.books
        for name in set(books) - {pool.name for pool in self._pools}:
            del books[name]
        for pool in self._pools:
            self._runtime.shared.book(pool, now).configure(pool, now)
            self._files.pop(pool.name, None)
            self._list(pool, now)
        if self._pools and self._task is None:
            self._task = spawn(self._run())

    async def close(self) -> None:
        """End all that is under way."""
        tasks = [*self._underway, *([self._task] if self._task is not None else [])]
        await cancel(*tasks)
        self._task = None
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _run(self) -> None:
        while True:
            now = self._runtime.clock()
            for pool in self._pools:
                self._list(pool, now)
                if pool.metrics is not None:
                    self._begin(pool, pool.metrics, now)
            await asyncio.sleep(TICK)

    def _list(self, pool: EndpointPool, now: float) -> None:
        """Read a file again that is due; what is wrong with it is logged once."""
        last, problem = self._files.get(pool.name, (now - FILE_EVERY, None))
        if pool.file is None or now - last < FILE_EVERY:
            return
        try:
            self._runtime.shared.book(pool, now).relist(read_listing(pool.file), now)
            found = None
        except ListingError as error:
            found = str(error)
            if found != problem:
                self._runtime.log.event("endpoints_unreadable", {"pool": pool.name, "problem": found})
        self._files[pool.name] = now, found

    def _begin(self, pool: EndpointPool, metrics: EndpointMetrics, now: float) -> None:
        """Begin to read the metrics of the endpoints that are due."""
        book = self._runtime.shared.book(pool, now)
        if len(self._due) > 4 * CONNECTIONS and len(self._due) > 2 * len(book):
            self._due = {key: at for key, at in self._due.items() if at > now}
        for state in book.current(now):
            if len(self._underway) >= CONNECTIONS:
                return
            key = (pool.name, state.address)
            if self._due.get(key, now) <= now:
                self._due[key] = now + metrics.interval + metrics.timeout  # until it has ended
                task = spawn(self._scrape(pool, metrics, book, state))
                self._underway.add(task)
                task.add_done_callback(self._underway.discard)

    async def _scrape(
        self, pool: EndpointPool, metrics: EndpointMetrics, book: EndpointBook, state: EndpointState
    ) -> None:
        began = self._runtime.clock()
        result = await self._read(metrics, book, state)
        self._runtime.metrics.counter(SCRAPES).add(pool.name, result)
        self._due[pool.name, state.address] = began + metrics.interval

    async def _read(self, metrics: EndpointMetrics, book: EndpointBook, state: EndpointState) -> str:
        """Read one page; return what became of it, a fixed word."""
        try:
            async with asyncio.timeout(metrics.timeout):
                async with self._client().get(_url(state.address, metrics), allow_redirects=False) as response:
                    if response.status != 200:
                        return "status"
                    page = await _bounded(response.content)
        except TimeoutError:
            return "timeout"
        except (aiohttp.ClientError, OSError):
            return "unreachable"
        if page is None:
            return "too_large"
        sample = read_metrics(page, self._runtime.clock())
        if sample is None:
            return "malformed"
        book.sampled(state.address, sample)
        return "ok"

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS),
                headers=_FIELDS,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),  # each reading has its own
                trust_env=False,
                auto_decompress=False,
            )
        return self._session


def _url(endpoint: str, metrics: EndpointMetrics) -> URL:
    host, _, port = endpoint.rpartition(":")
    return URL(f"http://{host}:{metrics.port or port}{metrics.path}")


async def _bounded(content: _Page) -> bytes | None:
    """Return a page; None if it is larger than `PAGE_MAX`."""
    pieces, size = [], 0
    while piece := await content.read(64 * 1024):
        size += len(piece)
        if size > PAGE_MAX:
            return None
        pieces.append(piece)
    return b"".join(pieces)
