"""A worker process as its supervisor sees it: started, asked, and started again when it ends by itself."""

import asyncio
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from typing import Final, assert_never

from msgspec import Struct, structs

from extproc.routing.health import Ailing, HealthChange
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
    WorkerStatus,
    reports,
)
from extproc.server.forker import Forker
from extproc.server.life import Life
from extproc.server.log import Log
from extproc.server.policies import Sealed
from extproc.server.tls import TlsContent
from extproc.telemetry import Totals

BACKOFF_FIRST: Final = 0.1
BACKOFF_MAX: Final = 10.0
"""Seconds before a worker that ended by itself is started again: doubled each time, so that one that cannot live costs
next to nothing, and one that died once is missed for a moment only."""

SETTLED: Final = 30.0
"""Seconds a worker must have lived for its next end to count as a first one."""

LINGER: Final = 5.0
"""Seconds from a worker's hanging up to its end, before it is killed."""


class WorkerState(Enum):
    """The state of a worker process."""

    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"
    DOWN = "down"


class Config(Struct, frozen=True):
    """The part of a worker's configuration that a reload may change."""

    sealed: Sealed
    tls: TlsContent | None = None


class Child:
    """One of the workers. `config` tells what is in force at the moment that it is asked.

    `learned` is called with the changes that the worker learned about backends, and with none when it begins to serve.
    """

    def __init__(
        self,
        order: Start,
        config: Callable[[], Config],
        forker: Forker,
        totals: Totals,
        log: Log,
        changed: Callable[[], None],
        learned: Callable[["Child", tuple[HealthChange, ...]], None],
    ) -> None:
        self.index = order.index
        self.state = WorkerState.DOWN
        self.pid: int | None = None
        self.restarts = 0
        self.open = 0
        self.overloaded: str | None = None
        self.backends: tuple[Ailing, ...] = ()
        self.envoys: dict[str, float] = {}
        self.steering: dict[str, str] = {}
        self.audit_problem: str | None = None
        self.unaudited = False
        self.problem: str | None = None
        self._start = order
        self._config = config
        self._forker = forker
        self._totals = totals
        self._log = log
        self._changed = changed
        self._learned = learned
        self._ending = asyncio.Event()
        self._begun = asyncio.Event()
        self._life: Life | None = None
        self._channel: ControlChannel[Report, Order] | None = None
        self._tickets = 0
        self._asked: dict[int, asyncio.Future[None]] = {}
        self._preparing: asyncio.Future[str | None] | None = None
        self._offered: Config | None = None

    @property
    def endpoint(self) -> str:
        """Return where it listens, or is to."""
        return str(self._start.binding.listen)

    async def keep(self) -> None:
        """Has the process running until `drain` or `stop`."""
        backoff = BACKOFF_FIRST
        while not self._ending.is_set():
            begun = time.monotonic()
            code = await self._live()
            if self._ending.is_set():
                return
            backoff = BACKOFF_FIRST if time.monotonic() - begun > SETTLED else min(backoff * 2, BACKOFF_MAX)
            self.restarts += 1
            facts = {"worker": self.index, "exit_code": code, "again_in_s": backoff, "problem": self.problem}
            self._log.event("worker_ended", facts)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), backoff)

    async def ask(self, within: float) -> bool:
        """Brings `open`, `backends` and the totals up to date. False if nothing is heard `within` so many seconds."""
        if self._channel is None or self.state is WorkerState.STARTING:
            return False
        self._tickets += 1
        ticket, answered = self._tickets, asyncio.get_running_loop().create_future()
        self._asked[ticket] = answered
        self._channel.send(ReportStatus(ticket))
        try:
            await asyncio.wait_for(answered, within)
        except TimeoutError:
            return False
        finally:
            self._asked.pop(ticket, None)
        return True

    async def prepare(self, config: Config, within: float) -> str | None:
        """Has the worker make `config` ready; a problem, or None. One that is not up will start with it."""
        if self._channel is None or self.state is not WorkerState.READY:
            return None
        self._preparing = asyncio.get_running_loop().create_future()
        self._offer(config)
        try:
            return await asyncio.wait_for(self._preparing, within)
        except TimeoutError:
            return "no answer in time"
        finally:
            self._preparing = None

    def commit(self, config: Config) -> None:
        """Puts `config` in force: what was prepared, or what the worker is told now because it was starting then."""
        if self._offered is not config:
            self._offer(config)
        self.order(Commit())

    @property
    def takes(self) -> bool:
        """True if the worker takes exchanges, and does not refuse requests because it could not record them."""
        return self.state is WorkerState.READY and not self.unaudited

    async def caught_up(self, within: float) -> None:
        """Waits until a worker that was starting when a policy was put in force has it in force, too, or has ended."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._begun.wait(), within)
            await self.ask(within)  # orders are carried out one by one: it answers behind the last one

    def share(self, changes: tuple[HealthChange, ...]) -> None:
        """Tells a worker that listens what others learned about backends."""
        if changes and self.state is WorkerState.READY:
            self.order(ShareHealth(changes))

    def drain(self) -> None:
        """Lets the worker finish, and not start again."""
        self._ending.set()
        self.order(Drain())

    def stop(self) -> None:
        """Ends the worker now; open exchanges end as errors."""
        self._ending.set()
        self.order(Stop())

    def abandon(self) -> None:
        """Ends the worker by force, and does not start it again."""
        self._ending.set()
        self.kill()

    def kill(self) -> None:
        """Ends by force a worker that answers no more; it is started again."""
        if self._life is not None:
            self._life.kill()

    def _offer(self, config: Config) -> None:
        self._offered = config
        self.order(Prepare(config.sealed, config.tls))

    def order(self, order: Order) -> None:
        """Tell the worker something; it is lost on one that is not up."""
        if self._channel is not None:
            self._channel.send(order)

    async def _live(self) -> int | None:
        """One life of the process; its exit code, if anybody can tell."""
        ours, theirs = socket.socketpair()
        with theirs:
            life = self._life = await self._forked(ours, theirs)
        if life is None:
            return None
        self.pid, self.problem = life.pid, None
        self._become(WorkerState.STARTING)
        self._channel = await reports(ours)
        try:
            await self._listen(self._channel)
            return await self._end(life)
        finally:
            self.kill()
            self._channel.close()
            self._bury()

    async def _forked(self, ours: socket.socket, theirs: socket.socket) -> Life | None:
        life = None
        try:
            life = await self._forker.fork(theirs)
        finally:
            if life is None:
                ours.close()
        return life

    async def _listen(self, channel: ControlChannel[Report, Order]) -> None:
        config = self._offered = self._config()
        binding = structs.replace(self._start.binding, tls=config.tls)
        channel.send(structs.replace(self._start, sealed=config.sealed, binding=binding))
        while (report := await channel.receive()) is not None:
            match report:
                case Ready(endpoint=endpoint):
                    # Kept for the next life: Envoy knows this address, a port chosen anew it would not.
                    self._start = structs.replace(self._start, binding=structs.replace(binding, listen=endpoint))
                    self._log.event("worker_ready", {"worker": self.index, "pid": self.pid, "endpoint": str(endpoint)})
                    self._become(WorkerState.READY)
                    self._learned(self, ())
                    if self._ending.is_set():
                        channel.send(Drain())  # the order may have come before there was anybody to hear it
                case StartFailed(problem=problem):
                    self.problem = problem
                case WorkerStatus():
                    self._heard(report)
                case HealthNews(changes=changes):
                    self._learned(self, changes)
                case LoadNews(overloaded=overloaded):
                    self.overloaded = overloaded
                    self._log.event("worker_load", {"worker": self.index, "overloaded": overloaded})
                    self._changed()
                case PolicyPrepared(problem=problem):
                    if self._preparing is not None and not self._preparing.done():
                        self._preparing.set_result(problem)
                case Draining():
                    self._become(WorkerState.DRAINING)
                    self._log.event("drain", {"worker": self.index})
                case _:
                    assert_never(report)

    def _heard(self, told: WorkerStatus) -> None:
        self.open, self.backends = told.open, told.backends
        self.envoys, self.steering = told.envoys, told.steering
        self.audit_problem, self.unaudited = told.audit_problem, told.unaudited
        self._totals.update(self.index, told.metrics)
        answered = self._asked.get(told.ticket)
        if answered is not None and not answered.done():
            answered.set_result(None)

    async def _end(self, life: Life) -> int | None:
        code = await life.code(LINGER)
        if code is None:
            life.kill()
            code = await life.code(LINGER)
        return code

    def _bury(self) -> None:
        self._channel, self._life, self.pid, self.overloaded = None, None, None, None
        self.open, self.backends, self.envoys, self.steering = 0, (), {}, {}
        self.audit_problem, self.unaudited = None, False
        self._totals.bury(self.index)
        for answered in self._asked.values():
            if not answered.done():
                answered.set_result(None)  # its end is an answer, too
        if self._preparing is not None and not self._preparing.done():
            self._preparing.set_result(None)  # the next one starts with it
        self._become(WorkerState.DOWN)

    def _become(self, state: WorkerState) -> None:
        self.state = state
        if state is WorkerState.STARTING:
            self._begun.clear()
        else:
            self._begun.set()
        self._changed()
