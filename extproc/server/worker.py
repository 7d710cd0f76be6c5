"""A worker: one loop, one listening transport, one plan in force. A process has one; a test or an embedder may, too."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Final

from extproc.protocol.effects import AbortCode
from extproc.protocol.errors import ServeError
from extproc.server import listen as addresses
from extproc.server import transport as transports
from extproc.server.inspections import Pool
from extproc.server.listen import Listen, Tcp
from extproc.server.log import Log, Sink
from extproc.server.runtime import SWEEP_EVERY, Begin, Runtime
from extproc.server.tasks import spawn
from extproc.server.tls import TlsContent
from extproc.server.transport import DEFAULT_TRANSPORT, SOCKET_MODE, Binding, Transport
from extproc.transaction import Plan, Transaction

if TYPE_CHECKING:
    from extproc.server.audit.writer import AuditWriter
    from extproc.server.endpoints import EndpointScraper
    from extproc.server.keys import KeyWatch

DRAIN_TIMEOUT: Final = "drain_timeout"
"""The reason of exchanges that were still open when `limits.drain_timeout` was over."""

LEAVE: Final = 2.0
"""Seconds from saying NOT_SERVING to taking nothing new, where somebody asks for that at all: Envoy's health check,
each second in our bootstrap, moves new exchanges elsewhere meanwhile, and none fails. (Grpc drops a call that arrives
in the very moment in which it is told to stop; Envoy does not try that one again.) Part of `limits.drain_timeout`."""

STUCK_GRACE: Final = 2.0
"""Seconds that open exchanges have to end once the worker's threads are stuck. Those that need a thread have failed as
the policy says, and so would each new one; a longer wait would keep the next worker away."""

STOPPED: Final = "stopped"
"""The reason of exchanges that were open when the worker was told to stop at once."""


class Worker:
    """Serves until it is drained or closed. Both may be called at any time and more than once."""

    def __init__(self, runtime: Runtime, transport: Transport, keys: "KeyWatch | None" = None) -> None:
        self.runtime = runtime
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._idle = asyncio.Event()
        self._hurry = asyncio.Event()
        self._stack = AsyncExitStack()
        self.webhook: Tcp | None = None
        """Where other gateways' questions are answered, if they are."""
        self._pool = Pool(self._loop, runtime.clock, runtime.asked)
        runtime.circuits = self._pool.guards.circuits
        self._pool.guards.keep(runtime.plan.guards)
        self._scraper: EndpointScraper | None = None
        self._keep_endpoints(runtime.plan)
        self._keys = keys
        self._keep_audit(runtime.plan)
        if runtime.audit is not None:
            runtime.audit.wait()
        runtime.traces.keep(runtime.plan)
        runtime.on_idle = self._idle.set
        runtime.submit = self._pool.submit
        runtime.watch.queued = lambda: self._pool.load
        self.on_stuck: Callable[[], None] = self._close_soon
        """Called once when all threads of a lane are at work on what was given up: somebody should replace the worker.
        By itself it closes."""
        self._stuck = False
        self._timer = self._loop.call_later(SWEEP_EVERY, self._sweep, self._loop.time() + SWEEP_EVERY)

    @property
    def endpoint(self) -> Listen:
        """Return where it listens; `str()` of it is how an operator writes it."""
        return self._transport.endpoint

    def swap(self, plan: Plan, tls: TlsContent | None = None) -> None:
        """Puts another plan in force. Exchanges that are open keep theirs."""
        self.runtime.swap(plan)
        self._pool.guards.keep(plan.guards)
        self._keep_endpoints(plan)
        self._keep_keys(plan)
        self._keep_audit(plan)
        self.runtime.traces.keep(plan)
        if tls is not None:
            self._transport.renew(tls)

    def _keep_endpoints(self, plan: Plan) -> None:
        """Have the metrics of the plan's endpoints read, if it has pools."""
        if self._scraper is None and plan.pools is not None:
            # Only who has pools needs an HTTP client.
            self._scraper = import_module("extproc.server.endpoints").EndpointScraper(self.runtime)
        if self._scraper is not None:
            self._scraper.keep(() if plan.pools is None else plan.pools.every)

    def _keep_keys(self, plan: Plan) -> None:
        """Have the file of virtual keys watched, if the plan has one."""
        path = None if plan.calling is None else plan.calling.key_file
        if self._keys is None and path is not None:
            self._keys = _watch(self.runtime)
        if self._keys is not None:
            self._keys.keep(path)

    def _keep_audit(self, plan: Plan) -> None:
        """Have records written as the plan says; those of exchanges that end later are written so, too."""
        runtime = self.runtime
        if runtime.audit is not None and plan.audit is not None:
            runtime.audit.configure(plan.audit)
        elif runtime.audit is not None:
            runtime.audit.retire()
            runtime.audit, runtime.shared.unaudited = None, False
        elif plan.audit is not None:
            # Only who keeps a record needs its thread.
            writer: type[AuditWriter] = import_module("extproc.server.audit.writer").AuditWriter
            open_most = plan.limits.open_exchanges
            runtime.audit = writer(plan.audit, runtime.index, runtime.shared, runtime.log, open_most)

    async def answer_webhooks(self, address: Tcp) -> None:
        """Answer other gateways' questions at an address, too, until closed. Raises ServeError."""
        # Only who asks for it needs an HTTP server.
        answering = import_module("extproc.server.guards.endpoint").answering
        self.webhook = await self._stack.enter_async_context(answering(self.runtime, self._pool.submit, address))

    async def drain(self) -> None:
        """Says so, then takes nothing new, then ends what is open after `limits.drain_timeout` as errors."""
        runtime = self.runtime
        runtime.health.drain()
        end = self._loop.time() + runtime.plan.limits.drain_timeout
        if runtime.health.asked:
            await self._wait(min(LEAVE, runtime.plan.limits.drain_timeout), self._hurry)
        runtime.draining = True
        await self._transport.drain()
        if runtime.open:
            self._idle.clear()
            await self._wait(end - self._loop.time(), self._hurry, self._idle)
        await self.close(DRAIN_TIMEOUT)

    def hurry(self) -> None:
        """Makes a drain that is under way end at once."""
        self._hurry.set()

    async def close(self, reason: str = STOPPED) -> None:
        """Ends what is open as errors, and frees the endpoint."""
        runtime = self.runtime
        runtime.draining = True
        runtime.health.drain()
        runtime.abort_all(AbortCode.UNAVAILABLE, reason)
        self._timer.cancel()
        await self._stack.aclose()
        self._pool.close()
        if runtime.audit is not None:
            await asyncio.to_thread(runtime.audit.close)
        if self._scraper is not None:
            await self._scraper.close()
        if self._keys is not None:
            await self._keys.close()
        await runtime.ledgers.close()
        await runtime.traces.close()
        await self._transport.close()

    async def _wait(self, seconds: float, *events: asyncio.Event) -> None:
        waiting = [asyncio.ensure_future(event.wait()) for event in events]
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for one in waiting:
            one.cancel()

    def _sweep(self, due: float) -> None:
        now = self._loop.time()
        self._timer = self._loop.call_later(SWEEP_EVERY, self._sweep, now + SWEEP_EVERY)
        self.runtime.sweep(self.runtime.clock(), now - due)
        if self._pool.stuck and not self._stuck:
            self._stuck = True
            self.runtime.log.event("worker_stuck", {})
            self.on_stuck()

    def _close_soon(self) -> None:
        spawn(self.close())


def _watch(runtime: Runtime) -> "KeyWatch":
    # Only who has virtual keys needs it.
    found: KeyWatch = import_module("extproc.server.keys").KeyWatch(runtime)
    return found


async def start_worker(runtime: Runtime, binding: Binding, transport: str = DEFAULT_TRANSPORT) -> Worker:
    """A worker that listens. Raises ServeError."""
    calling, keys = runtime.plan.calling, None
    if calling is not None and calling.key_file is not None:
        keys = _watch(runtime)
        keys.begin(calling.key_file)
    worker = Worker(runtime, await transports.serve(transport, runtime, binding), keys)
    if binding.webhook is not None:
        try:
            await worker.answer_webhooks(binding.webhook)
        except ServeError:
            await worker.close()
            raise
    return worker


@asynccontextmanager
async def running_worker(
    plan: Plan,
    listen: str = "127.0.0.1:0",
    *,
    transport: str = DEFAULT_TRANSPORT,
    tls: TlsContent | None = None,
    log: Log | None = None,
    begin: Begin = Transaction,
) -> AsyncIterator[Worker]:
    """A worker in the running loop, closed at the end. `str(worker.endpoint)` is where it listens. Raises ServeError.

    Without `log` nothing is logged.
    """
    lines = log or Log(Sink("none"))
    runtime = Runtime(plan, lines, begin=begin)
    worker = await start_worker(runtime, Binding(addresses.parse(listen), tls, SOCKET_MODE), transport)
    try:
        yield worker
    finally:
        await worker.close()
        if log is None:
            lines.close()
