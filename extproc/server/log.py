"""The log: JSON lines, written by a thread, so that nobody who reads slowly ever holds up an exchange."""

import os
import stat
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final, Literal

from msgspec import Struct

from extproc.protocol.record import Scalar
from extproc.telemetry.console import ConsoleLines
from extproc.telemetry.lines import Lines, LogValue

QUEUE_LINES: Final = 10_000
"""Lines that wait to be written, about 5 MB; more are dropped and counted. A second or two of a busy worker."""

GATHER: Final = 0.05
"""Seconds that the writer waits for further lines: waking it for each would cost more than the lines themselves."""

CLOSE_TIMEOUT: Final = 2.0
"""Seconds that closing waits for the last lines; a reader who takes none by then gets none."""

PIPE_WRITE_MAX: Final = 4096
"""Largest write to what is not a file: PIPE_BUF of Linux, up to which the lines of several processes never mix."""

FILE_MODE: Final = 0o640

PLAIN: Final = "NO_COLOR"
COLOURED: Final = "FORCE_COLOR"
"""The variables by which many programs are told about colours: https://no-color.org, https://force-color.org."""

LogFormat = Literal["json", "console"]
LOG_FORMATS: Final[tuple[LogFormat, ...]] = ("json", "console")
"""JSON objects for programs, or columns for people."""


class Sink:
    """The destination of log lines: `-` for stdout, `none`, or a file that is appended to."""

    def __init__(self, destination: str = "-") -> None:
        self._path = None if destination in {"-", "none"} else destination
        self._descriptor = None if destination == "none" else self._open()
        self._most = self._largest_write()

    def reopen(self) -> None:
        """Opens the file anew, after something has rotated it away. Raises OSError, and then goes on with the old."""
        if self._path is None or self._descriptor is None:
            return
        fresh = self._open()
        os.dup2(fresh, self._descriptor, inheritable=False)  # in one step: the writer is never without a file
        os.close(fresh)

    def write(self, data: bytes) -> None:
        """Writes whole lines. Raises OSError."""
        if self._descriptor is None:
            return
        for piece in _pieces(data, self._most):
            view = memoryview(piece)
            while view:
                view = view[os.write(self._descriptor, view) :]

    def close(self) -> None:
        """Closes a file of ours; stdout stays open."""
        if self._path is not None and self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    @property
    def coloured(self) -> bool:
        """True if people see the lines on a terminal, unless the environment says otherwise."""
        if os.environ.get(PLAIN):
            return False
        terminal = self._descriptor is not None and os.isatty(self._descriptor)
        return terminal or bool(os.environ.get(COLOURED))

    def _open(self) -> int:
        if self._path is None:
            return sys.__stdout__.fileno() if sys.__stdout__ is not None else 1
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)

    def _largest_write(self) -> int:
        regular = self._descriptor is not None and stat.S_ISREG(os.fstat(self._descriptor).st_mode)
        return sys.maxsize if regular else PIPE_WRITE_MAX


class Log:
    """Lines on their way to a sink, as JSON or for people. `dropped` counts those that were not written."""

    def __init__(self, sink: Sink, style: LogFormat = "json", **common: Scalar) -> None:
        self._sink = sink
        console = style == "console"
        self._encode = ConsoleLines(colours=sink.coloured, **common).line if console else Lines(**common).line
        self._lines: deque[bytes] = deque()
        self._unwaited = 0  # dropped by the queue
        self._unwritten = 0  # dropped by the writer; each number has one thread that changes it
        self._pending = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._write, name="extproc-log", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Lines that were dropped so far."""
        return self._unwaited + self._unwritten

    def event(self, event: str, details: Mapping[str, LogValue] | Struct) -> None:
        """Queue one line. Never blocks and never raises; `details` hold no client's text."""
        if len(self._lines) >= QUEUE_LINES:
            self._unwaited += 1
            return
        self._lines.append(self._encode(datetime.now(UTC), event, details))
        if not self._pending.is_set():
            self._pending.set()

    def reopen(self) -> None:
        """Goes on in a new file where the old one was rotated away; where that cannot be opened, in the old one."""
        try:
            self._sink.reopen()
        except OSError as error:
            self.event("log_reopen_failed", {"reason": error.strerror})

    def close(self, timeout: float = CLOSE_TIMEOUT) -> None:
        """Writes what waits, for at most `timeout` seconds."""
        self._closing.set()
        self._pending.set()
        self._thread.join(timeout)
        if not self._thread.is_alive():
            self._sink.close()

    def _write(self) -> None:
        while True:
            self._pending.wait()
            self._closing.wait(GATHER)
            self._pending.clear()
            batch = [self._lines.popleft() for _ in range(len(self._lines))]
            try:
                self._sink.write(b"".join(batch))
            except OSError:  # a closed pipe, a full disk: an exchange is worth more than its line
                self._unwritten += len(batch)
            if self._closing.is_set() and not self._lines:
                return


def _pieces(data: bytes, most: int) -> Iterator[bytes]:
    """`data` cut after line ends into pieces of at most `most` bytes; a longer line is a piece of its own."""
    start = 0
    while len(data) - start > most:
        end = data.rfind(b"\n", start, start + most) + 1 or data.find(b"\n", start) + 1 or len(data)
        yield data[start:end]
        start = end
    if start < len(data):
        yield data[start:]
