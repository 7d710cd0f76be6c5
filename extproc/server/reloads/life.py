"""The policy in force, and how the next one comes into force: in all workers, or in none."""

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Literal, TypeAlias

from extproc.policy import Policy, PolicyError
from extproc.protocol.errors import ServeError
from extproc.routing.health import BackendHealth
from extproc.server import changeover, tls
from extproc.server.changeover import Envoys
from extproc.server.child import Child, Config, WorkerState
from extproc.server.forker import Forker
from extproc.server.log import Log
from extproc.server.policies import ActivePolicy
from extproc.server.reloads.seen import SeenFile, seen
from extproc.server.reloads.watch import LOOK_EVERY, SETTLE, FileWatch
from extproc.server.tls import PEM_MAX, TlsFiles
from extproc.telemetry import Metrics
from extproc.telemetry.families import POLICY_INFO, POLICY_LOADED, RELOAD_SUCCESSFUL, RELOADS

PREPARE_TIMEOUT: Final = 30.0
"""Seconds for a worker to compile a new policy."""

ASK_TIMEOUT: Final = 1.0
"""Seconds that somebody who reads metrics waits for a worker; what it said last is shown if it takes longer."""

ASK_AGAIN: Final = 2.0
"""Seconds between two questions whether Envoy has the configuration that a refused policy needs."""

Cause: TypeAlias = Literal["signal", "file", "envoy"]
"""The reason of a reload: SIGHUP, a file that changed, or Envoy, which has the configuration now that it lacked."""


class PolicyLife:
    """The policy in force. Raises ServeError or PolicyError when made of what cannot be served.

    `workers` are set before anything is reloaded. `tell` gets a sentence about each reload, `taken` each policy that is
    put in force by one.
    """

    def __init__(
        self, path: Path, tls_files: TlsFiles | None, forker: Forker, log: Log, metrics: Metrics, health: BackendHealth
    ) -> None:
        self._path = path
        self._tls_files = tls_files
        self._forker = forker
        self._log = log
        self._metrics = metrics
        for result in ("ok", "failed"):  # shown from the start: an alert about an increase needs a zero before it
            metrics.counter(RELOADS).add(result, by=0.0)
        self._health = health
        self._reloading = asyncio.Lock()
        self._files = FileWatch()
        self._refused: ActivePolicy | None = None
        certificates = self._certificates()
        self.loaded = forker.compile_first(path)
        self.config = self._with_tls(self.loaded)
        self.last: dict[str, object] | None = None
        """What became of the last reload."""
        self.workers: Sequence[Child] = ()
        self.tell: Callable[[str], None] = _nothing
        self.taken: Callable[[ActivePolicy], None] = _nothing
        self._files.keep((*self.loaded.files, *certificates))

    @property
    def envoys(self) -> Envoys:
        """Return the Envoys that workers have heard of."""
        return Envoys(child.envoys for child in self.workers)

    @property
    def awaits(self) -> str | None:
        """Return the fingerprint of the Envoy that a refused policy waits for."""
        return None if self._refused is None else self._refused.fingerprint

    async def reload(self, cause: Cause = "signal") -> bool:
        """Reads policy, credentials and certificates anew, and puts them in force everywhere or nowhere."""
        async with self._reloading:
            if cause == "file" and not await self._differing():
                return True  # a signal came first: they are read
            self._refused, certificates = None, self._certificates()  # read before they are used: see `FileWatch`
            try:
                loaded = await self._forker.compile(self._path)
                config = self._with_tls(loaded)
            except (PolicyError, ServeError) as error:
                self._files.add((*self._forker.files, *certificates))
                return self._reloaded(cause, [str(problem) for problem in error.problems])
            self._files.keep((*loaded.files, *certificates))
            await self.ask_workers()
            envoys = self.envoys
            refused = changeover.refusal(self.loaded, loaded, envoys, str(self._path))
            if refused is not None:
                self._refused = loaded
                return self._reloaded(cause, [refused])
            problems = await self._prepared(config)
            if problems:
                return self._reloaded(cause, problems)
            warning = changeover.warning(self.loaded, loaded, envoys)
            await self._commit(loaded, config)
            return self._reloaded(cause, [], warning)

    async def watch(self) -> None:
        """Reload when files change, or when Envoy has the configuration that a refused policy lacked. Never ends."""
        asked = 0.0
        while True:
            await asyncio.sleep(LOOK_EVERY)
            if await self._changed():
                await self.reload("file")
            elif self._refused is not None and time.monotonic() - asked >= ASK_AGAIN:
                asked = time.monotonic()
                await self.ask_workers()
                if self.envoys.latest == self.awaits and self.envoys.other(self._refused.fingerprint) is None:
                    await self.reload("envoy")

    async def ask_workers(self) -> None:
        """Bring up to date what is known of the workers."""
        await asyncio.gather(*(child.ask(ASK_TIMEOUT) for child in self.workers))

    def measure(self) -> None:
        """Set the gauges."""
        loaded = self.loaded
        self._metrics.gauge(POLICY_INFO, {(loaded.digest, loaded.fingerprint): 1.0})
        self._metrics.gauge(POLICY_LOADED, {(): loaded.at})
        successful = self.last is None or self.last["result"] == "ok"
        self._metrics.gauge(RELOAD_SUCCESSFUL, {(): float(successful)})

    def status(self) -> dict[str, object]:
        """Return what `/status` says of the policy in force."""
        return {
            "file": str(self._path),
            "digest": self.loaded.digest,
            "loaded_at": self.loaded.at,
            "files": len(self._files),
            "awaits_envoy": self.awaits,
        }

    async def _changed(self) -> bool:
        """True if files differ from what was read of them, and nobody seems to be writing them any more."""
        found = await self._differing()
        while found:
            await asyncio.sleep(SETTLE)
            again = await self._differing()
            if again == found:
                return True
            found = again
        return False

    async def _differing(self) -> dict[str, bytes]:
        # In a thread: a mount that hangs must not stop the supervisor.
        return await asyncio.to_thread(self._files.differing, time.monotonic())

    async def _prepared(self, config: Config) -> list[str]:
        """Have all workers make a policy ready; return their problems."""
        told = await asyncio.gather(*(child.prepare(config, PREPARE_TIMEOUT) for child in self.workers))
        return [f"worker {child.index}: {said}" for child, said in zip(self.workers, told, strict=True) if said]

    async def _commit(self, loaded: ActivePolicy, config: Config) -> None:
        """Put in force what all workers have ready."""
        self._note_growth(loaded)
        self._health.keep(_unmoved(self.loaded.policy, loaded.policy))
        self.loaded, self.config = loaded, config
        self.taken(loaded)
        starting = [child for child in self.workers if child.state is WorkerState.STARTING]
        for child in self.workers:
            child.commit(config)
        await asyncio.gather(*(child.caught_up(PREPARE_TIMEOUT) for child in starting))
        self._log.reopen()

    def _with_tls(self, loaded: ActivePolicy) -> Config:
        files = self._tls_files
        return Config(loaded.sealed, None if files is None else tls.read(files))

    def _certificates(self) -> list[SeenFile]:
        files = self._tls_files
        named = () if files is None else (files.cert, files.key, files.client_ca)
        return [seen(each, PEM_MAX + 1) for each in named if each is not None]

    def _note_growth(self, loaded: ActivePolicy) -> None:
        """A transport's largest message is fixed when it starts to listen."""
        if loaded.policy.limits.request_body > self.loaded.policy.limits.request_body:
            self._log.event("reload_note", {"note": "limits.request_body grew: larger bodies need a restart"})

    def _reloaded(self, cause: Cause, problems: list[str], warning: str | None = None) -> bool:
        self._forker.settle(taken=not problems)
        for problem in problems:
            self._log.event("reload_problem", {"problem": problem})
        result = "failed" if problems else "ok"
        self._metrics.counter(RELOADS).add(result)
        told = {} if warning is None else {"warning": warning}
        self._log.event("reload", {"result": result, "cause": cause, "policy": self.loaded.digest, **told})
        self.last = {"result": result, "cause": cause, "at": time.time(), "problems": problems, **told}
        self.tell(_sentence(self.loaded.digest, problems, warning))
        return not problems


def _sentence(digest: str, problems: Sequence[str], warning: str | None) -> str:
    """Return what a person at a terminal is told of a reload."""
    if problems:
        return "\n  ".join((f"the reload failed, and policy {digest} stays in force:", *problems))
    return f"policy {digest} is in force" + ("" if warning is None else f"; warning: {warning}")


def _unmoved(before: Policy, after: Policy) -> set[str]:
    """Return the backends that a reload leaves where they are."""
    urls = {each.name: each.url for each in before.backends}
    return {each.name for each in after.backends if urls.get(each.name) == each.url}


def _nothing(what: object) -> None:
    del what
