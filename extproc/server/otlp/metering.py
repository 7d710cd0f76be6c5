"""Export of the metrics of all workers together, from the supervisor.

They are cumulative: a lost export costs nothing but resolution, as the next one has all of it.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from extproc.policy.collector import Collector
from extproc.server.log import Log
from extproc.server.otlp.sending import Sender, Sent, sender
from extproc.server.otlp.tracing import WARN_EVERY
from extproc.server.tasks import spawn
from extproc.telemetry import Snapshot
from extproc.telemetry.otlp.attributes import resource
from extproc.telemetry.otlp.points import metrics_request

CLOSE_TIMEOUT: Final = 3.0
"""Seconds that the last export may take, when the supervisor ends."""


class MetricsExport:
    """Exports what `collect` returns, as often as the collector's settings say. To be used in the loop's thread.

    `counts`: exports by how they ended.
    """

    def __init__(
        self,
        collect: Callable[[], Awaitable[Snapshot]],
        log: Log,
        connect: Callable[[Collector], Sender] = sender,
    ) -> None:
        self.counts = {"exported": 0, "failed": 0}
        self._collect = collect
        self._log = log
        self._connect = connect
        self._began = time.time_ns()
        self._collector: Collector | None = None
        self._ending = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._warned: float | None = None

    def keep(self, collector: Collector | None) -> None:
        """Export to this collector from now on; None for none. What was counted so far goes to the one before."""
        if collector is not None and not collector.metrics:
            collector = None
        if collector == self._collector:
            return
        self._ending.set()
        self._collector, self._ending, self._task = collector, asyncio.Event(), None
        if collector is not None:
            self._task = spawn(self._repeat(collector, self._ending))

    async def close(self) -> None:
        """Export for the last time, within a few seconds."""
        self._ending.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=CLOSE_TIMEOUT)

    async def _repeat(self, collector: Collector, ending: asyncio.Event) -> None:
        connection = self._connect(collector)
        try:
            while not ending.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(ending.wait(), collector.interval)
                timeout = min(collector.timeout, CLOSE_TIMEOUT) if ending.is_set() else collector.timeout
                message = self._message(collector, await self._collect())
                self._note(await asyncio.to_thread(connection.send, "metrics", message, timeout))
        finally:
            connection.close()

    def _message(self, collector: Collector, snapshot: Snapshot) -> bytes:
        """Return the message of an export; some milliseconds in a process that serves nothing itself."""
        about = resource(collector.service, f"{os.uname().nodename}/{os.getpid()}")
        return metrics_request(snapshot, about, self._began, time.time_ns())

    def _note(self, sent: Sent) -> None:
        self.counts["exported" if sent.problem is None else "failed"] += 1
        now = time.monotonic()
        if sent.problem is not None and (self._warned is None or now - self._warned >= WARN_EVERY):
            self._warned = now
            self._log.event("otlp_failed", {"signal": "metrics", "problem": sent.problem})
