"""A worker as a process of its own, forked from the template.

Its supervisor tells it what to do over a socket, and it ends at once when that is closed: without its supervisor nobody
would watch it, and an operator who kills the supervisor wants the port back.
"""

import asyncio
import gc
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Sequence
from typing import Final, assert_never

from extproc.protocol.errors import ServeError
from extproc.server.control import (
    Commit,
    ControlChannel,
    Drain,
    Draining,
    HealthNews,
    LoadNews,
    Order,
    PolicyPrepared,
    Prepare,
    Ready,
    Report,
    ReportStatus,
    ShareHealth,
    Start,
    StartFailed,
    Stop,
    TellRelief,
    WorkerStatus,
    orders,
)
from extproc.server.log import Log, Sink
from extproc.server.plugins import PluginError
from extproc.server.policies import Sealed
from extproc.server.runtime import Runtime
from extproc.server.tasks import cancel, run, spawn
from extproc.server.tls import TlsContent
from extproc.server.worker import STUCK_GRACE, Worker, start_worker
from extproc.transaction import Plan
from extproc.transaction.load import WorkerLoad

FAILED: Final = 1

ORPHANED: Final = 3.0
"""Seconds that a worker has to end by itself without its supervisor, and to take its socket away: what is open then
ends as errors, and takes a fraction of a second to tell."""


COLLECTIONS: Final = (2_000, 5, 200)
"""Objects more than before at which the youngest are looked through; so many times until the middle ones are, too; and
again until all are. 2,000 objects are 150 open exchanges and 0.2 ms of standing still, 10,000 a millisecond. All of
them (20 ms with 10,000 exchanges open) are looked through when two million were added: for garbage, hardly ever."""


class WorkerProcess:
    """Carries out a supervisor's orders on one worker."""

    def __init__(self, supervisor: ControlChannel[Order, Report], worker: Worker) -> None:
        self._supervisor = supervisor
        self._worker = worker
        self._prepared: tuple[Plan, TlsContent | None] | None = None
        self._draining = False
        self._ended = asyncio.Event()

    async def serve(self) -> None:
        """Until drained or stopped."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._terminate)
        _collect_seldom()
        self._supervisor.send(Ready(self._worker.endpoint))
        self._worker.on_stuck = self._give_way
        self._worker.runtime.watch.changed = self._tell_load
        self._worker.runtime.share = lambda changes: self._supervisor.send(HealthNews(changes))
        obeying = spawn(self._obey())
        await self._ended.wait()
        await cancel(obeying)
        self._supervisor.send(self._told(0))
        await self._supervisor.flush()

    def _tell_load(self, load: WorkerLoad) -> None:
        self._supervisor.send(LoadNews(load.cause if load.refuses else None))

    def _give_way(self) -> None:
        """End soon, as threads that nobody can stop are of no more use: the supervisor starts another worker."""
        self._drain()
        asyncio.get_running_loop().call_later(STUCK_GRACE, self._worker.hurry)

    def _terminate(self) -> None:
        """SIGTERM: the first drains, the second ends what is left."""
        if self._draining:
            self._worker.hurry()
        else:
            self._drain()

    def _drain(self) -> None:
        if not self._draining:
            self._draining = True
            self._supervisor.send(Draining())
            spawn(self._finish())

    async def _finish(self) -> None:
        try:
            await self._worker.drain()
        finally:
            self._ended.set()

    async def _obey(self) -> None:
        try:
            while (order := await self._supervisor.receive()) is not None:
                await self._carry_out(order)
        finally:
            self._drain()
            self._worker.hurry()

    async def _carry_out(self, order: Order) -> None:
        match order:
            case ReportStatus(ticket=ticket):
                self._supervisor.send(self._told(ticket))
            case TellRelief(room=room):
                self._worker.runtime.shared.load.alone = not room
            case ShareHealth(changes=changes):
                self._worker.runtime.shared.health.take(changes)
            case Prepare():
                self._supervisor.send(await self._prepare(order))
            case Commit():
                self._commit()
            case Drain():
                self._drain()
            case Stop():
                self._drain()
                self._worker.hurry()
            case Start():
                pass  # it has
            case _:
                assert_never(order)

    async def _prepare(self, order: Prepare) -> PolicyPrepared:
        try:
            # In a thread: a large policy takes a second, and exchanges are going on meanwhile.
            plan = await asyncio.to_thread(order.sealed.open)
        except Exception as error:  # noqa: BLE001  - whatever is wrong with a new policy, the old one goes on
            return PolicyPrepared(f"{type(error).__name__} while compiling the policy")
        self._prepared = (plan, order.tls)
        self._worker.runtime.recent.offered = plan
        return PolicyPrepared()

    def _commit(self) -> None:
        if self._prepared is not None:
            self._worker.swap(*self._prepared)
            self._prepared = None
        runtime = self._worker.runtime
        runtime.log.reopen()
        if runtime.audit is not None:
            runtime.audit.reopen()

    def _told(self, ticket: int) -> WorkerStatus:
        runtime = self._worker.runtime
        return WorkerStatus(
            ticket,
            runtime.open,
            runtime.snapshot(),
            runtime.backends(),
            runtime.envoys(),
            runtime.steering(),
            None if runtime.audit is None else runtime.audit.blocked,
            runtime.shared.unaudited,
        )


async def serve(end: socket.socket, plans: Sequence[tuple[Sealed, Plan]] = ()) -> int:
    """A worker under the supervisor at the other end of the socket; its exit code. `plans` are compiled already."""
    supervisor = await orders(end)
    start = await supervisor.receive()
    if not isinstance(start, Start):
        return FAILED
    # Grpc writes to stderr in a format of its own; we say what matters. But that a handshake failed, it alone knows.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE" if start.binding.tls is None else "ERROR")
    log: Log | None = None
    try:
        log = Log(Sink(start.log), start.log_format, worker=start.index)
        runtime = Runtime(_plan(start.sealed, plans), log, start=start.start, index=start.index, place=start.place)
        worker = await start_worker(runtime, start.binding, start.transport)
        await WorkerProcess(supervisor, worker).serve()
    except (ServeError, OSError, PluginError) as error:
        supervisor.send(StartFailed(error.render() if isinstance(error, PluginError) else str(error)))
        await supervisor.flush()
        return FAILED
    finally:
        if log is not None:
            log.close()
        supervisor.close()
    return 0


def _collect_seldom() -> None:
    """Looks for garbage less often, and never among what lives as long as the worker.

    Exchanges leave no garbage: their objects are freed by their counts. So what the collector walks are open exchanges
    when they become more, and it must not stop the others for long while it does.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTIONS)


def _plan(sealed: Sealed, plans: Sequence[tuple[Sealed, Plan]]) -> Plan:
    """Return the plan of a policy, compiled only if it is none of `plans`."""
    return next((plan for each, plan in plans if each == sealed), None) or sealed.open()


def end_without(supervisor: int) -> None:
    """Ends this process when the supervisor has gone and it did not end by itself: its loop may be busy."""
    hung_up = select.poll()
    hung_up.register(supervisor, 0)  # the end of the other side is told in any case
    hung_up.poll()
    time.sleep(ORPHANED)
    os._exit(FAILED)


def work(end: socket.socket, plans: Sequence[tuple[Sealed, Plan]]) -> int:
    """Run a worker, in a process of its own, under the supervisor at the other end; its exit code."""
    watched = os.dup(end.fileno())  # as long as the process lives, whenever the other is closed
    threading.Thread(target=end_without, args=(watched,), daemon=True).start()
    return run(serve(end, plans))
