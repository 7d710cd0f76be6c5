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
from extproc.policy import Policy, PolicyError
from extproc.policy.collector import collector_of
from extproc.protocol.errors import ServeError
from extproc.routing.health import Ailing, BackendHealth, HealthChange
from extproc.server import changeover, tls
from extproc.server.changeover import Envoys
from extproc.server.child import LINGER, Child, Config, WorkerState
from extproc.server.control import Start
from extproc.server.forker import Forker
from extproc.server.listen import Listen, Tcp
from extproc.server.log import Log
from extproc.server.policies import ActivePolicy
from extproc.server.tasks import cancel, spawn
from extproc.server.template import Template
from extproc.server.tls import TlsFiles
from extproc.server.transport import DEFAULT_TRANSPORT, SOCKET_MODE, Binding
from extproc.telemetry import Metrics, Snapshot, Totals
from extproc.telemetry.families import EXPORTS, LOG_DROPPED, MISCONFIGURED, RELOADS, RESTARTS, WORKERS
from extproc.telemetry.snapshot import merged
from extproc.transaction.steering.witness import VERIFIED

if TYPE_CHECKING:
    from extproc.server.otlp import MetricsExport

WORKERS_MAX: Final = 256
"""More than the cores of any one machine that this runs on; each worker adds 20 to 60 MiB."""

START_TIMEOUT: Final = 60.0
"""Seconds for all workers to listen; each takes about one on a machine that is not busy."""

PING_EVERY: Final = 2.0
FROZEN_AFTER: Final = 10.0
"""Seconds between questions to a worker, and for its answer, before it is killed. A worker answers between two
messages; the longest takes well under a second."""

ASK_TIMEOUT: Final = 1.0
"""Seconds that somebody who reads metrics waits for a worker; what it said last is shown if it takes longer."""

PREPARE_TIMEOUT: Final = 30.0
"""Seconds for a worker to compile a new policy."""

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
    webhook: Tcp | None = None


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
        self._loaded = self._forker.compile_first(options.policy)
        self._config = self._with_tls(self._loaded)
        self._last_reload: dict[str, object] | None = None
        self._metrics = Metrics()
        self._totals = Totals(self._loaded.policy.telemetry.metrics.tenants)
        self._changed = asyncio.Event()
        self._stopping = asyncio.Event()
        self._reloading = asyncio.Lock()
        self._health = BackendHealth()
        self._collecting: asyncio.Task[None] | None = None
        self._export: MetricsExport | None = None
        self._children = [self._child(index) for index in range(options.workers)]

    @property
    def ready(self) -> bool:
        """True if at least one worker takes exchanges."""
        return not self._stopping.is_set() and any(child.takes for child in self._children)

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
        self._log.event("start", {"version": __version__, "pid": os.getpid(), "policy": self._loaded.digest})
        forking = spawn(self._forker.keep(lambda: self._config.sealed))
        keeping = [spawn(child.keep()) for child in self._children]
        watching = [spawn(self._watch(child)) for child in self._children]
        try:
            await self._started()
            self._keep_export()
            if not self._stopping.is_set():
                self._log.event("ready", {"endpoints": list(self.endpoints), "policy": self._loaded.digest})
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
            self._log.event("stopped", {})

    def stop(self) -> None:
        """Drains; called again, ends at once."""
        if not self._stopping.is_set():
            self._stopping.set()
            self._changed.set()
            return
        for child in self._children:
            child.stop()

    async def reload(self) -> bool:
        """Reads policy, credentials and certificates anew, and puts them in force everywhere or nowhere."""
        async with self._reloading:
            try:
                loaded = await self._forker.compile(self._options.policy)
                config = self._with_tls(loaded)
            except (PolicyError, ServeError) as error:
                return self._reloaded([str(problem) for problem in error.problems])
            await self._ask_all()
            envoys = self._envoys()
            refused = changeover.refusal(self._loaded, loaded, envoys, str(self._options.policy))
            if refused is not None:
                return self._reloaded([refused])
            told = await asyncio.gather(*(child.prepare(config, PREPARE_TIMEOUT) for child in self._children))
            problems = [
                f"worker {child.index}: {told}" for child, told in zip(self._children, told, strict=True) if told
            ]
            if problems:
                return self._reloaded(problems)
            self._note_growth(loaded)
            warning = changeover.warning(self._loaded, loaded, envoys)
            self._health.keep(_unmoved(self._loaded.policy, loaded.policy))
            self._loaded, self._config = loaded, config
            self._totals.tenants.most = loaded.policy.telemetry.metrics.tenants
            self._keep_export()
            starting = [child for child in self._children if child.state is WorkerState.STARTING]
            for child in self._children:
                child.commit(config)
            await asyncio.gather(*(child.caught_up(PREPARE_TIMEOUT) for child in starting))
            self._log.reopen()
            return self._reloaded([], warning)

    async def collect(self) -> Snapshot:
        """The metrics of all, as fresh as the workers answer. Readers at the same time share one question."""
        if self._collecting is None or self._collecting.done():
            self._collecting = spawn(self._ask_all())
        await asyncio.shield(self._collecting)
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
        collector = collector_of(self._loaded.policy, self._loaded.sealed.secrets)
        if self._export is None and collector is not None:
            # Only who has a collector needs the messages of its protocol.
            self._export = import_module("extproc.server.otlp").MetricsExport(self.collect, self._log)
        if self._export is not None:
            self._export.keep(collector)

    async def status(self) -> dict[str, object]:
        """Return what there is to know at a glance; no secret is part of it."""
        await self.collect()
        policy = self._loaded.policy
        return {
            "version": __version__,
            "ready": self.ready,
            "policy": {"file": str(self._options.policy), "digest": self._loaded.digest, "loaded_at": self._loaded.at},
            "plugins": list(self._loaded.plugins),
            "last_reload": self._last_reload,
            "transport": self._options.transport,
            "workers": [_described(child) for child in self._children],
            "backends": {backend.name: self._down_at(backend.name) for backend in policy.backends},
            "health": self._ailing(),
            "envoy": {
                "needs": self._loaded.fingerprint,
                "seen_s_ago": _rounded(self._envoys().ages),
                "steering": self._steering(),
            },
            "misconfigured": self._misconfigured(),
        }

    def _envoys(self) -> Envoys:
        return Envoys(child.envoys for child in self._children)

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
        binding = Binding(options.listen.sibling(index), self._config.tls, options.socket_mode, webhook)
        order = Start(index, index / options.workers, self._config.sealed, binding, options.transport, options.log)
        return Child(
            order, lambda: self._config, self._forker, self._totals, self._log, self._changed.set, self._learned
        )

    def _with_tls(self, loaded: ActivePolicy) -> Config:
        files = self._options.tls_files
        return Config(loaded.sealed, None if files is None else tls.read(files))

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

    async def _watch(self, child: Child) -> None:
        while True:
            await asyncio.sleep(PING_EVERY)
            if child.state in {WorkerState.READY, WorkerState.DRAINING} and not await child.ask(FROZEN_AFTER):
                self._log.event("worker_frozen", {"worker": child.index, "pid": child.pid})
                child.kill()

    async def _drain(self, keeping: list[asyncio.Task[None]]) -> None:
        for child in self._children:
            child.drain()
        timeout = self._loaded.policy.limits.drain_timeout + STOP_MARGIN
        await asyncio.wait(keeping, timeout=timeout)

    async def _ask_all(self) -> None:
        await asyncio.gather(*(child.ask(ASK_TIMEOUT) for child in self._children))

    def _note_growth(self, loaded: ActivePolicy) -> None:
        """A transport's largest message is fixed when it starts to listen."""
        if loaded.policy.limits.request_body > self._loaded.policy.limits.request_body:
            self._log.event("reload_note", {"note": "limits.request_body grew: larger bodies need a restart"})

    def _reloaded(self, problems: list[str], warning: str | None = None) -> bool:
        self._forker.settle(taken=not problems)
        for problem in problems:
            self._log.event("reload_problem", {"problem": problem})
        result = "failed" if problems else "ok"
        self._metrics.counter(RELOADS).add(result)
        told = {} if warning is None else {"warning": warning}
        self._log.event("reload", {"result": result, "policy": self._loaded.digest, **told})
        self._last_reload = {"result": result, "at": time.time(), "problems": problems, **told}
        return not problems

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


def _unmoved(before: Policy, after: Policy) -> set[str]:
    """Return the backends that a reload leaves where they are."""
    urls = {each.name: each.url for each in before.backends}
    return {each.name for each in after.backends if urls.get(each.name) == each.url}


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
        "restarts": child.restarts,
        **({} if child.audit_problem is None else {"audit": child.audit_problem}),
    }
