"""The outputs of one worker's audit record: lines are made once, and taken by all sinks, in order."""

import os
import sys
from collections.abc import Sequence
from typing import Final, Literal, Protocol

from msgspec import Struct

from extproc import __version__
from extproc.server.audit.files import AuditFile, path_of
from extproc.server.audit.services import LineService, LogCollector
from extproc.telemetry.audit.chain import AuditChain
from extproc.telemetry.audit.lines import (
    FORMAT,
    UNSIGNED,
    AuditEvent,
    CapturedIn,
    ClosedChain,
    ContinuedChain,
    OpenedChain,
    RotatedFile,
    SignedLines,
)
from extproc.telemetry.audit.signing import Signer
from extproc.transaction.auditing.settings import AuditSettings

GATHERED: Final = 32
"""Lines that are made and written at a time. Making them holds up the loop of exchanges, 10 us for each; writing does
not. So the loop stands still for 0.3 ms at most."""


_RECORDS: Final = tuple(f'{{"v":{FORMAT},"kind":"{kind}"'.encode() for kind in UNSIGNED)
"""How the lines of records begin."""


class LineSink(Protocol):
    """A destination of lines."""

    def take(self, lines: Sequence[bytes], first: int, writer: str) -> None:
        """Take lines; `first` is the number of the first of them. Raises OSError, and then none counts as taken."""

    def close(self) -> None:
        """Close it."""


class FileLines:
    """The file, as a sink."""

    def __init__(self, file: AuditFile) -> None:
        self.file = file

    def take(self, lines: Sequence[bytes], first: int, writer: str) -> None:  # noqa: ARG002  - see `LineSink`
        """See `LineSink`."""
        self.file.write(lines)

    def close(self) -> None:
        """See `LineSink`."""
        self.file.close()


class StandardOutput:
    """Standard output, as a sink."""

    def take(self, lines: Sequence[bytes], first: int, writer: str) -> None:  # noqa: ARG002  - see `LineSink`
        """See `LineSink`."""
        descriptor = sys.__stdout__.fileno() if sys.__stdout__ is not None else 1
        for line in lines:  # one by one, so that lines of workers mix as little as they can
            view = memoryview(line)
            while view:
                view = view[os.write(descriptor, view) :]

    def close(self) -> None:
        """See `LineSink`."""


class ServiceLines:
    """A service, as a sink."""

    def __init__(self, service: LineService) -> None:
        self._service = service

    def take(self, lines: Sequence[bytes], first: int, writer: str) -> None:
        """See `LineSink`."""
        self._service.send(lines, first, writer)

    def close(self) -> None:
        """See `LineSink`."""
        self._service.close()


class WaitingLines(Struct):
    """Lines that some sinks have not taken. `since`: the number of the first; `left`: the sinks that lack them."""

    lines: list[bytes]
    since: int
    left: list[LineSink]


class FileTurn(Struct):
    """A new file that is due. `name`: the one that the old file was given, once it was."""

    why: Literal["size", "reopen"]
    at: float
    name: str | None = None


class AuditOutput:
    """The chain of one worker and its sinks, for the thread that writes. Methods raise OSError.

    After an error `flush` is called until it raises none; nothing else is, as the lines that wait come first.
    """

    def __init__(self, settings: AuditSettings, worker: int, writer: str) -> None:
        self.settings = settings
        self._section = settings.section
        self._worker = worker
        sign = settings.secrets.get("sign")
        self._chain = AuditChain(writer, None if sign is None else Signer.read(sign))
        self._file: AuditFile | None = None
        self._sinks: list[LineSink] = []
        self._made: list[bytes] = []
        self._first = 0
        self._waiting: WaitingLines | None = None
        self._turn: FileTurn | None = None
        self.opened = False
        self._unsynced = False

    @property
    def undelivered(self) -> int:
        """Return how many records some sink lacks."""
        waiting = [] if self._waiting is None else self._waiting.lines
        return sum(line.startswith(_RECORDS) for line in (*waiting, *self._made))

    @property
    def head(self) -> dict[str, str | int]:
        """The last line that was made, as the log tells it."""
        return {"writer": self._chain.writer, "seq": self._chain.seq - 1, "hash": self._chain.hash}

    def open(self, at: float) -> None:
        """Open the sinks and write the first line; called again after an error, go on with that."""
        if not self._sinks:
            self._begin(at)
        self.flush()
        self.opened = True

    def _begin(self, at: float) -> None:
        after, torn, stem = None, 0, None
        if self._section.file is not None:
            self._file = AuditFile(path_of(self._section.file, self._worker))
            self._sinks.append(FileLines(self._file))
            after, torn, stem = self._file.end, self._file.torn, self._file.path.stem
        self._sinks += _others(self.settings, self._worker)
        self._put(OpenedChain(self._worker, __version__, after, torn, self._chain.key, stem), at)

    def put(self, event: AuditEvent, at: float, capture: CapturedIn | None = None) -> None:
        """Make a line; once there are enough, write them, and tend to what they take."""
        self._put(event, at, capture)
        if len(self._made) >= GATHERED:
            self.flush()
            self.tend(at)

    def flush(self) -> None:
        """Write what waits and what was made, and begin the new file that is due."""
        self._deliver()
        if self._made:
            self._waiting = WaitingLines(self._made, self._first, list(self._sinks))
            self._made = []
            self._deliver()
        if self._turn is not None:
            self._turned(self._turn)

    def sync(self) -> None:
        """Have what was written on the disk, if the policy asks for that."""
        if self._unsynced and self._section.sync and self._file is not None:
            self._file.sync()
        self._unsynced = False

    def tend(self, at: float) -> None:
        """Sign what waits for that, and begin a new file if this one is full. After `flush`."""
        if self._chain.due(at, self._section.checkpoint):
            self._put(SignedLines(self._chain.unsigned), at)
            self.flush()
        if self._file is not None and self._file.size >= self._section.rotate.size:
            self._begin_file("size", at)

    def reopen(self, at: float) -> None:
        """Go on in a new file if somebody has moved this one away. After `flush`."""
        if self._file is not None and self._file.moved():
            self._begin_file("reopen", at)

    def due_in(self, at: float) -> float | None:
        """Return the seconds until a line has to be signed; None if none waits."""
        if self._chain.signer is None or self._chain.since is None:
            return None
        return max(0.0, self._chain.since + self._section.checkpoint - at)

    def close(self, at: float) -> None:
        """End the chain and close the sinks; what cannot be written now is not."""
        try:
            self.flush()
            self._put(ClosedChain(self._chain.seq + 1), at)
            self.flush()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Close the sinks without an end of the chain."""
        for sink in self._sinks:
            sink.close()
        self._sinks = []

    def _put(self, event: AuditEvent, at: float, capture: CapturedIn | None = None) -> None:
        if not self._made:
            self._first = self._chain.seq
        self._made.append(self._chain.line(event, at, capture))

    def _deliver(self) -> None:
        waiting = self._waiting
        if waiting is None:
            return
        while waiting.left:
            waiting.left[0].take(waiting.lines, waiting.since, self._chain.writer)
            del waiting.left[0]
        self._waiting, self._unsynced = None, True

    def _begin_file(self, why: Literal["size", "reopen"], at: float) -> None:
        self._turn = FileTurn(why, at)
        self._put(RotatedFile(why), at)
        self.flush()

    def _turned(self, turn: FileTurn) -> None:
        """Begin a new file, now that the last line of the old one is written; where that failed, what is left of it."""
        file = self._file
        assert file is not None, "it ends one file and begins another"
        if turn.why == "size" and turn.name is None:
            turn.name = file.rename(turn.at, self._section.rotate.keep)
        file.reopen()
        self._turn = None
        self._put(ContinuedChain(turn.name, self._chain.key, file.path.stem), turn.at)
        self.flush()


def _others(settings: AuditSettings, worker: int) -> list[LineSink]:
    """Return the sinks besides the file."""
    section, secrets, sinks = settings.section, settings.secrets, list[LineSink]()
    if section.stdout:
        sinks.append(StandardOutput())
    if section.otlp is not None:
        resource = {"service.name": "extproc", "service.version": __version__, "extproc.worker": str(worker)}
        sinks.append(ServiceLines(LogCollector(section.otlp, secrets.get("otlp"), resource)))
    if section.webhook is not None:
        sinks.append(ServiceLines(LineService(section.webhook, secrets.get("webhook"))))
    return sinks
