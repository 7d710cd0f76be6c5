"""Export of spans from a worker: a bounded queue, and a thread that encodes and sends what is in it."""

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from extproc.policy.collector import Collector
from extproc.protocol.record import Record
from extproc.server.log import Log
from extproc.server.otlp.sending import Sender, sender
from extproc.telemetry.names import LabelNames
from extproc.telemetry.otlp.attributes import resource
from extproc.telemetry.otlp.spans import EndedExchange, spans_request

QUEUE_MAX: Final = 4096
"""Exchanges that wait to be exported, about 4 MB; more are dropped and counted. Twice OpenTelemetry's own, as a worker
ends some two thousand exchanges in a second."""

BATCH_MAX: Final = 512
"""Spans of an export, as OpenTelemetry has it; encoding them takes about 15 ms of the thread."""

GATHER: Final = 1.0
"""Seconds that the thread waits for more: an export for each exchange would cost more than the exchange."""

PAUSE_SPANS: Final = 32
"""Spans that are encoded in one go, about a millisecond; then the loop has its turn. (See `inspections.PACE`.)"""

ATTEMPTS: Final = 5
"""Attempts to export a batch, a minute in all with the waits between; then it is dropped."""

BACKOFF_FIRST: Final = 1.0
BACKOFF_MAX: Final = 16.0
"""Seconds between two attempts, doubled each time, unless the collector says how long."""

CLOSE_TIMEOUT: Final = 3.0
"""Seconds that closing waits for the last spans; what is not sent by then is lost."""

WARN_EVERY: Final = 60.0
"""Seconds between two lines of the log about a collector that does not take what is sent."""


class SpanExport:
    """Exports the spans of a worker. `put` is for the loop's thread; all else happens in a thread of its own.

    `counts`: spans by what became of them, each number changed by one thread alone.
    """

    def __init__(
        self,
        collector: Collector,
        names: LabelNames,
        log: Log,
        connect: Callable[[Collector], Sender] = sender,
        wall: Callable[[], int] = time.time_ns,
    ) -> None:
        self.collector = collector
        self.counts = {"exported": 0, "refused": 0, "failed": 0, "dropped": 0}
        self._names = names
        self._log = log
        self._connect = connect
        self._wall = wall
        self._queue: deque[tuple[Record, int]] = deque()
        self._full = threading.Event()
        self._closing = threading.Event()
        self._closed_by = 0.0
        self._warned: float | None = None
        self._about = resource(collector.service, f"{os.uname().nodename}/{os.getpid()}")
        self._thread = threading.Thread(target=self._run, name="extproc-otlp", daemon=True)
        self._thread.start()

    def put(self, record: Record) -> None:
        """Queue the span of an exchange that is over. Never blocks and never raises."""
        queue = self._queue
        if len(queue) >= QUEUE_MAX:
            self.counts["dropped"] += 1
            return
        queue.append((record, self._wall()))
        if len(queue) >= BATCH_MAX and not self._full.is_set():
            self._full.set()

    def rename(self, names: LabelNames) -> None:
        """Take the names of another policy from now on."""
        self._names = names

    def close(self, timeout: float = CLOSE_TIMEOUT) -> None:
        """Export what waits, for at most `timeout` seconds. Blocks."""
        self._closed_by = time.monotonic() + timeout
        self._closing.set()
        self._full.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        connection: Sender | None = None
        while True:
            self._full.wait(GATHER)
            self._full.clear()
            while self._queue:
                connection = connection or self._connect(self.collector)
                self._export(connection, [self._queue.popleft() for _ in range(min(BATCH_MAX, len(self._queue)))])
            if self._closing.is_set():
                if connection is not None:
                    connection.close()
                return

    def _export(self, connection: Sender, batch: list[tuple[Record, int]]) -> None:
        message = self._encoded(batch)
        backoff = BACKOFF_FIRST
        for attempt in range(1, ATTEMPTS + 1):
            sent = connection.send("traces", message, self._left(self.collector.timeout))
            if sent.problem is None:
                self.counts["exported"] += len(batch) - sent.refused
                self.counts["refused"] += sent.refused
                return
            self._warn(sent.problem)
            wait = backoff if sent.wait is None else sent.wait
            backoff = min(backoff * 2, BACKOFF_MAX)
            if not sent.again or attempt == ATTEMPTS or self._closing.wait(wait):
                break
        self.counts["failed"] += len(batch)

    def _encoded(self, batch: list[tuple[Record, int]]) -> bytes:
        """Return the message of a batch. Messages of protobuf may be joined, so that it is made piece by piece."""
        pieces = []
        for start in range(0, len(batch), PAUSE_SPANS):
            some = [EndedExchange(record, at, os.urandom(8)) for record, at in batch[start : start + PAUSE_SPANS]]
            pieces.append(spans_request(some, self._names, self._about))
            time.sleep(0)
        return b"".join(pieces)

    def _left(self, timeout: float) -> float:
        """Return the time that an export may take: less while the worker ends."""
        if not self._closing.is_set():
            return timeout
        return max(0.1, min(timeout, self._closed_by - time.monotonic()))

    def _warn(self, problem: str) -> None:
        now = time.monotonic()
        if self._warned is None or now - self._warned >= WARN_EVERY:
            self._warned = now
            self._log.event("otlp_failed", {"signal": "traces", "problem": problem})
