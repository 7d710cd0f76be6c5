"""The supervisor: keeps N workers running, has them change their policy together, and ends them in order.

It serves nothing itself and imports no grpc, so that nothing of a transport can take it down.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from extproc import __version__
from extproc.policy.collector import collector_of
from extproc.policy.redis_state import redis_access
from extproc.protocol.errors import ServeError
from extproc.routing.health import Ailing, BackendHealth, HealthChange
from extproc.server.child import LINGER, Child, WorkerState
from extproc.server.control import Start
from extproc.server.files import forget, private_place
from extproc.server.forker import Forker
from extproc.server.listen import Listen, Tcp
from extproc.server.log import Log, LogFormat
from extproc.server.policies import ActivePolicy
from extproc.server.relief import tell_relief, unready
from extproc.server.reloads.life import Cause, PolicyLife
from extproc.server.tasks import cancel, spawn
from extproc.server.template import Template
from extproc.server.tls import TlsFiles
from extproc.server.transport import DEFAULT_TRANSPORT, SOCKET_MODE, Binding
from extproc.telemetry import Metrics, Snapshot, Totals
from extproc.telemetry.families import EXPORTS, LOG_DROPPED, MISCONFIGURED, RESTARTS, WORKERS
from extproc.telemetry.lines import LogValue
from extproc.telemetry.snapshot import merged
from extproc.transaction.steering.witness import VERIFIED

if TYPE_CHECKING:
    from extproc.server.otlp import MetricsExport
    from extproc.server.state.desk import BudgetDesk

WORKERS_MAX: Final = 256
"""More than the cores of any one machine that this runs on; each worker adds 20 to 60 MiB."""

START_TIMEOUT: Final = 60.0
"""Seconds for all workers to listen; each takes about one on a machine that is not busy."""

PING_EVERY: Final = 1.0
FROZEN_AFTER: Final = 5.0
"""Seconds between questions to a worker, and for its answer, before it is killed. A worker answers between two
messages; the longest takes well under a second. Its end frees its clients: with 10 s here they waited for the
connection's keepalive, 10.2 s (decision 0149)."""

STOP_MARGIN: Final = 10.0
"""Seconds past `limits.drain_timeout` after which a worker that has not ended is killed."""

_STATES: Final = ("down", "avoided", "probing", "up")
"""The states of a backend, the worst first."""


class Options(Struct, frozen=True):
    """The options of `extproc serve`."""

    policy: Path
    listen: Listen
    workers: int = 1
    transport: str = DEFAULT_TRANSPORT
    tls_files: TlsFiles | None = None
    socket_mode: int = SOCKET_MODE
    log: str = "-"
    log_format: LogFormat = "json"
    webhook: Tcp | None = None
    watch: bool = False
    """Reload when the policy's files change."""


class Supervisor:
    """Workers under one policy. Raises ServeError or PolicyError when made of what cannot be served.

    `template` is one that was started before, for the same transport.
    """

    def __init__(self, options: Options, log: Log, template: Template | None = None) -> None:
        if not 1 <= options.workers <= WORKERS_MAX:
            raise ServeError(f"{options.workers} workers: write 1 to {WORKERS_MAX}")
        self._options = options
        self._log = log
        self._forker = Forker(template or Template(options.transport), options.transport, log)
        self._metrics = Metrics()
        self._health = BackendHealth()
        self.life = PolicyLife(options.policy, options.tls_files, self._forker, log, self._metrics, self._health)
        self._totals = Totals(self.life.loaded.policy.telemetry.metrics.tenants)
        self.life.taken = self._taken
        self._changed = asyncio.Event()
        self._stopping = asyncio.Event()
        self._collecting: asyncio.Task[None] | None = None
        self._export: MetricsExport | None = None
        self._place = private_place(os.environ)
        self._desk: BudgetDesk | None = None
        self._children = [self._child(index) for index in range(options.workers)]
        self.life.workers = self._children

    @property
    def unready(self) -> str | None:
        """Return why no worker takes exchanges; None if one does."""
        return "stopping" if self._stopping.is_set() else unready(self._children)

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Return where the workers listen."""
        return tuple(child.endpoint for child in self._children)

    async def run(self, announce: Callable[[tuple[str, ...]], None]) -> None:
        """Serves until told to stop; `announce` is told the endpoints once all workers listen. Raises ServeError."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        loop.add_signal_handler(signal.SIGHUP, lambda: spawn(self.reload()))
        self._log.event("start", {"version": __version__, "pid": os.getpid(), "policy": self.life.loaded.digest})
        forking = spawn(self._forker.keep(lambda: self.life.config.sealed))
        keeping = [spawn(child.keep()) for child in self._children]
        watching = [spawn(self._watch(child)) for child in self._children]
        if self._options.watch:
            watching.append(spawn(self.life.watch()))
        try:
            await self._started()
            self._keep_export()
            if not self._stopping.is_set():
                self._log.event("ready", {"endpoints": list(self.endpoints), "policy": self.life.loaded.digest})
                announce(self.endpoints)
            await self._stopping.wait()
            await self._drain(keeping)
        finally:
            for child in self._children:
                child.abandon()
            await asyncio.wait(keeping, timeout=LINGER)
            if self._export is not None:
                await self._export.close()
            await cancel(*keeping, *watching)
            self._forker.stop()
            await forking
            forget(self._place)
            self._log.event("stopped", {})

    def stop(self) -> None:
        """Drains; called again, ends at once."""
        if not self._stopping.is_set():
            self._stopping.set()
            self._changed.set()
            return
        for child in self._children:
            child.stop()

    async def reload(self, cause: Cause = "signal") -> bool:
        """Reads policy, credentials and certificates anew, and puts them in force everywhere or nowhere."""
        return await self.life.reload(cause)

    def _taken(self, loaded: ActivePolicy) -> None:
        """A policy is in force: what the supervisor itself goes by changes with it."""
        self._totals.tenants.most = loaded.policy.telemetry.metrics.tenants
        self._keep_export()

    async def collect(self) -> Snapshot:
        """The metrics of all, as fresh as the workers answer. Readers at the same time share one question."""
        if self._collecting is None or self._collecting.done():
            self._collecting = spawn(self.life.ask_workers())
        await asyncio.shield(self._collecting)
        self.life.measure()
        self._metrics.counter(RESTARTS)[()] = sum(child.restarts for child in self._children)
        self._metrics.counter(LOG_DROPPED)[()] = self._log.dropped
        for result, number in ({} if self._export is None else self._export.counts).items():
            self._metrics.counter(EXPORTS)["metrics", result] = number
        self._metrics.gauge(
            WORKERS, {(s.value,): float(sum(child.state is s for child in self._children)) for s in WorkerState}
        )
        return merged((self._metrics.snapshot(), self._totals.all()))

    def _keep_export(self) -> None:
        """Have metrics exported, if the policy names a collector for them."""
        collector = collector_of(self.life.loaded.policy, self.life.loaded.sealed.secrets)
        if self._export is None and collector is not None:
            # Only who has a collector needs the messages of its protocol.
            self._export = import_module("extproc.server.otlp").MetricsExport(self.collect, self._log)
        if self._export is not None:
            self._export.keep(collector)

    def budgets(self) -> "BudgetDesk":
        """Return the budgets of the policy in force, to be read and changed."""
        loaded = self.life.loaded
        access = redis_access(loaded.policy.state.redis, loaded.sealed.secrets)
        if self._desk is None:
            desk = import_module("extproc.server.state.desk")  # only who asks for budgets needs it
            self._desk = desk.BudgetDesk(loaded.policy, self._place, time.time, access)
        self._desk.renew(loaded.policy, access)
        return self._desk

    def told(self, event: str, details: Mapping[str, LogValue]) -> None:
        """Write a line of the log."""
        self._log.event(event, details)

    async def status(self) -> dict[str, object]:
        """Return what there is to know at a glance; no secret is part of it."""
        await self.collect()
        policy = self.life.loaded.policy
        return {
            "version": __version__,
            "ready": self.unready is None,
            "unready": self.unready,
            "policy": self.life.status(),
            "plugins": list(self.life.loaded.plugins),
            "last_reload": self.life.last,
            "transport": self._options.transport,
            "workers": [_described(child) for child in self._children],
            "backends": {backend.name: self._down_at(backend.name) for backend in policy.backends},
            "health": self._ailing(),
            "envoy": {
                "needs": self.life.loaded.fingerprint,
                "seen_s_ago": _rounded(self.life.envoys.ages),
                "steering": self._steering(),
            },
            "misconfigured": self._misconfigured(),
        }

    def _steering(self) -> dict[str, str]:
        """Return, for each Envoy by its fingerprint, `verified` or why its steering cannot be verified."""
        found: dict[str, str] = {}
        for child in self._children:
            for name, state in child.steering.items():
                if found.get(name or "(none)") in {None, VERIFIED}:
                    found[name or "(none)"] = state
        return found

    def _misconfigured(self) -> dict[str, int]:
        """Return how many exchanges lacked what, since the start."""
        counted = self._totals.all().counters.get(MISCONFIGURED.name, [])
        return {labels[0]: int(number) for labels, number in counted}

    def _child(self, index: int) -> Child:
        options = self._options
        webhook = None if options.webhook is None else options.webhook.sibling(index)
        binding = Binding(options.listen.sibling(index), self.life.config.tls, options.socket_mode, webhook)
        sealed, share = self.life.config.sealed, index / options.workers
        order = Start(index, share, sealed, binding, options.transport, options.log, self._place, options.log_format)
        return Child(order, lambda: self.life.config, self._forker, self._totals, self._log, self._noted, self._learned)

    async def _started(self) -> None:
        """Waits until all workers listen, or one says that it cannot."""
        deadline = time.monotonic() + START_TIMEOUT
        while not self._stopping.is_set():
            problems = [child.problem for child in self._children if child.problem is not None]
            if problems:
                raise ServeError(*problems)
            if all(child.state is WorkerState.READY for child in self._children):
                return
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), deadline - time.monotonic())
            except TimeoutError:
                raise ServeError(f"not all workers listened within {START_TIMEOUT:.0f} s") from None

    def _noted(self) -> None:
        """Note that the state or the load of a worker has changed."""
        self._changed.set()
        tell_relief(self._children)

    async def _watch(self, child: Child) -> None:
        while True:
            await asyncio.sleep(PING_EVERY)
            if child.state in {WorkerState.READY, WorkerState.DRAINING} and not await child.ask(FROZEN_AFTER):
                self._log.event("worker_frozen", {"worker": child.index, "pid": child.pid})
                child.kill()

    async def _drain(self, keeping: list[asyncio.Task[None]]) -> None:
        for child in self._children:
            child.drain()
        timeout = self.life.loaded.policy.limits.drain_timeout + STOP_MARGIN
        await asyncio.wait(keeping, timeout=timeout)

    def _learned(self, teller: Child, changes: tuple[HealthChange, ...]) -> None:
        """Hand on what a worker learned about backends; one that has just begun is told all that is known."""
        if not changes:
            teller.share(self._health.changes())
            return
        self._health.take(changes)
        for child in self._children:
            if child is not teller:
                child.share(changes)

    def _down_at(self, backend: str) -> dict[str, str]:
        return {
            str(child.index): _worst(each.word for each in child.backends if each.backend == backend)
            for child in self._children
            if child.state is not WorkerState.DOWN
        }

    def _ailing(self) -> list[dict[str, object]]:
        """Return what is out in any worker, as the worker has it in which that lasts longest."""
        found: dict[tuple[str, str], Ailing] = {}
        for each in (each for child in self._children for each in child.backends):
            known = found.setdefault((each.backend, each.model), each)
            if each.seconds > known.seconds:
                found[each.backend, each.model] = each
        return [
            {"backend": b, "model": m or None, "state": e.word, "why": e.why, "seconds": round(e.seconds, 1)}
            for (b, m), e in sorted(found.items())
        ]


def _worst(words: Iterable[str]) -> str:
    """Return the state of a backend, by the states of what is out there."""
    return min(words, key=_STATES.index, default="up")


def _rounded(ages: Mapping[str, float]) -> dict[str, float]:
    return {name or "(none)": round(age, 1) for name, age in ages.items()}


def _described(child: Child) -> dict[str, object]:
    return {
        "worker": child.index,
        "pid": child.pid,
        "endpoint": child.endpoint,
        "state": child.state.value,
        "open_exchanges": child.open,
        "overloaded": child.overloaded,
        "restarts": child.restarts,
        **({} if child.audit_problem is None else {"audit": child.audit_problem}),
    }
