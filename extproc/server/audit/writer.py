"""The writer of one worker's audit record: a thread that takes records in order, and says when it cannot write them."""

import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct
from msgspec.structs import force_setattr, replace

from extproc.protocol.record import AttemptRecord, Record
from extproc.protocol.trail import CapturedBody, Trail
from extproc.server.audit.bodies import BodyFile
from extproc.server.audit.output import AuditOutput
from extproc.server.log import Log
from extproc.telemetry.audit.lines import CapturedIn, LostRecords
from extproc.transaction.auditing.settings import UNAVAILABLE, AuditSettings
from extproc.transaction.shared import Shared

QUEUE_RECORDS: Final = 10_000
"""Records that wait to be written, about 20 MB. With more, `on_failure` applies: the sinks are slower than the traffic.
Those of exchanges that are open then are kept as well, as many as `limits.open_exchanges`."""

GATHER: Final = 0.05
"""Seconds that the writer waits for further records. What a killed worker loses are the records of this time."""

RETRY: Final = 0.2
RETRY_MOST: Final = 5.0
"""Seconds until it is tried again after an error; twice as long each time, up to the second number."""

CLOSE_TIMEOUT: Final = 5.0
"""Seconds that closing waits for the last lines: as long as a service may take to answer."""

OPEN_TIMEOUT: Final = 2.0
"""Seconds that a worker waits at its start for the first line to be written."""

WRITER_BYTES: Final = 8
"""Random bytes of a writer's id: two workers out of a million have the same with a chance of 1 in 40 million."""

Item = tuple[float, Record | AttemptRecord, Trail | None, CapturedBody | None]


class MissingRecords(Struct):
    """Records that could not be queued, at their place among those that were. `since`: seconds since 1970."""

    since: float
    records: int = 0
    refused: int = 0


class AuditWriter:
    """Takes records from the loop of a worker, and writes them in a thread.

    `blocked` says why new requests are refused, or would be; None while records are written.
    """

    def __init__(
        self,
        settings: AuditSettings,
        worker: int,
        shared: Shared,
        log: Log,
        open_most: int,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._worker = worker
        self._shared = shared
        self._log = log
        self._open_most = open_most
        self._wall = wall
        self._queue: deque[Item | MissingRecords] = deque()
        self._missing: MissingRecords | None = None
        self._lock = threading.Lock()
        self._fresh: AuditSettings | None = None
        self._reopen = False
        self._output: AuditOutput | None = None
        self._bodies: BodyFile | None = None
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._tried = threading.Event()
        self._retry = 0.0
        self.blocked: str | None = None
        self.written = 0
        self.lost = 0
        self.refused = 0
        self._thread = threading.Thread(target=self._run, name="extproc-audit", daemon=True)
        self._thread.start()
        self._wake.set()

    @property
    def settings(self) -> AuditSettings:
        """The settings that are in force, or will be as soon as the thread comes to it."""
        return self._settings

    def wait(self, timeout: float = OPEN_TIMEOUT) -> None:
        """Wait until the first line is written, or could not be."""
        self._tried.wait(timeout)

    def take(
        self,
        event: Record | AttemptRecord,
        at: float,
        trail: Trail | None = None,
        captured: CapturedBody | None = None,
    ) -> None:
        """Queue a record; `at` is in seconds since 1970. Never blocks and never raises.

        The trail and the body come beside the record, which others get without them.
        """
        queue = self._queue
        if len(queue) >= QUEUE_RECORDS and not self._overflows(event, at):
            return
        if self._shared.unaudited and type(event) is Record and event.reason == UNAVAILABLE:
            self._declare(at, refused=1)  # a line for each would be one more that cannot be written
            return
        queue.append((at, event, trail, captured))
        if not self._wake.is_set():
            self._wake.set()

    def configure(self, settings: AuditSettings) -> None:
        """Go on with other settings; the chain ends, and another begins."""
        if settings != self._settings:
            self._settings = self._fresh = settings
            self._wake.set()

    def reopen(self) -> None:
        """Go on in a new file where the old one was moved away."""
        self._reopen = True
        self._wake.set()

    def retire(self) -> None:
        """Write what waits and end the chain, without waiting for that."""
        self._closing.set()
        self._wake.set()

    def close(self, timeout: float = CLOSE_TIMEOUT) -> None:
        """Write what waits and end the chain, for at most `timeout` seconds."""
        self.retire()
        self._thread.join(timeout)

    # -- on the loop

    def _overflows(self, event: Record | AttemptRecord, at: float) -> bool:
        """True if there is room for a record all the same: it is that of an exchange that had begun before."""
        if self._settings.section.on_failure == "block":
            if self.blocked is None:
                self.blocked = "the records come faster than they can be written"
            self._shared.unaudited = True
            if len(self._queue) < QUEUE_RECORDS + self._open_most:
                return True
        refused = type(event) is Record and event.reason == UNAVAILABLE
        self._declare(at, records=not refused, refused=refused)
        return False

    def _declare(self, at: float, *, records: int = 0, refused: int = 0) -> None:
        """Count what has no line, at its place in the queue."""
        with self._lock:
            if self._missing is None:
                self._missing = MissingRecords(at)
                self._queue.append(self._missing)
            self._missing.records += records
            self._missing.refused += refused
            self.lost += records
            self.refused += refused

    # -- in the thread

    def _run(self) -> None:
        until: float | None = None
        while True:
            self._wake.wait(self._patience())
            self._closing.wait(self._retry or GATHER)
            self._wake.clear()
            closing = self._closing.is_set()
            try:
                self._work()
            except OSError as error:
                self._failed(error.strerror or str(error) or type(error).__name__)
            except Exception as error:  # noqa: BLE001  - without this thread, requests would go on without a record
                self._failed(type(error).__name__)
            else:
                self._succeeded()
            if closing:
                until = until or time.monotonic() + CLOSE_TIMEOUT
                if self._end() or time.monotonic() > until:
                    return
                time.sleep(RETRY)  # `closing` is set: nothing else waits

    def _patience(self) -> float | None:
        if self._retry:
            return 0.0
        return None if self._output is None else self._output.due_in(self._wall())

    def _work(self) -> None:
        if self._fresh is not None:
            self._replace()
        if self._output is None:
            self._output = AuditOutput(self._settings, self._worker, secrets.token_hex(WRITER_BYTES))
        output = self._output
        if not output.opened:
            output.open(self._wall())
            self._log.event("audit_opened", output.head)
        output.flush()
        for _ in range(len(self._queue)):
            self._put(output)
        output.flush()
        output.tend(self._wall())
        if self._reopen:
            self._reopen = False
            output.reopen(self._wall())
        output.sync()

    def _put(self, output: AuditOutput) -> None:
        item = self._queue[0]
        if isinstance(item, MissingRecords):
            with self._lock:
                self._queue.popleft()
                if self._missing is item:
                    self._missing = None
            output.put(LostRecords(item.records, item.refused, datetime.fromtimestamp(item.since, UTC)), self._wall())
            return
        at, event, trail, body = item
        capture = None if body is None else self._captured(event.request_id, body)
        if trail is not None:
            force_setattr(event, "trail", trail)
        self._queue.popleft()
        self.written += 1
        try:
            output.put(event, at, capture)
        except (TypeError, ValueError):  # half a surrogate pair in a text, for one
            output.put(replace(Record.lost("unwritable"), request_id=event.request_id), at)

    def _captured(self, request_id: str, body: CapturedBody) -> CapturedIn:
        """Keep the body of a request. Raises OSError."""
        if self._bodies is None:
            self._bodies = BodyFile(self._settings, self._worker)
        return self._bodies.keep(request_id, body, self._wall())

    def _replace(self) -> None:
        """End the chain; what it could not write, the next one declares as lost."""
        self._fresh, output = None, self._output
        self._output = None
        if self._bodies is not None:
            self._bodies.close()
            self._bodies = None
        if output is None:
            return
        try:
            output.close(self._wall())
        except OSError:
            if output.undelivered:
                self._declare(self._wall(), records=output.undelivered)
        else:
            self._log.event("audit_closed", output.head)

    def _failed(self, reason: str) -> None:
        self._retry = min(max(RETRY, self._retry * 2), RETRY_MOST)
        if self.blocked is None:
            self._log.event("audit_failed", {"reason": reason, "on_failure": self._settings.section.on_failure})
        self.blocked = reason
        self._shared.unaudited = self._settings.section.on_failure == "block"
        self._tried.set()

    def _succeeded(self) -> None:
        if self.blocked is not None:
            self._log.event("audit_recovered", {"lost": self.lost, "refused": self.refused})
        self._retry, self.blocked = 0.0, None
        self._shared.unaudited = False
        self._tried.set()

    def _end(self) -> bool:
        """End the chain, if all could be written; return whether that is done."""
        if self.blocked is not None:
            return False
        self._fresh = None
        self._replace()
        return True
