"""The file of one worker's audit record: whole lines, one writer, rotation."""

import fcntl
import glob
import os
import stat
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from extproc.telemetry.audit.chain import taken_apart
from extproc.telemetry.audit.lines import ChainEnd
from extproc.telemetry.audit.verification import ReadHead

FILE_MODE: Final = 0o640
CAPTURE_MODE: Final = 0o600
"""The file of bodies is for nobody else's eyes."""

STAMP: Final = "%Y%m%dT%H%M%S.%fZ"
"""The time in the name of a renamed file, so that names sort as files were written."""

TAIL_MOST: Final = 1 << 20
"""Bytes at the end of a file in which its last line is looked for: ten times the longest, with 1,024 findings."""

_head: Final = msgspec.json.Decoder(ReadHead).decode


def path_of(file: Path, worker: int) -> Path:
    """Return the file of a worker: `audit.jsonl` of the first one, `audit.1.jsonl` of the second, and so on."""
    return file.with_name(f"{file.stem}.{worker}{file.suffix}") if worker else file


def bodies_of(file: Path, worker: int) -> Path:
    """Return the file of the bodies that a worker captures, beside that of its lines: `audit.bodies`."""
    return path_of(file, worker).with_suffix(".bodies")


class AuditFile:
    """A file that one process alone appends whole lines to. Raises OSError; what was begun of a line is taken back.

    `end`: the last line that was there before, with which the chain of its writer has ended; `torn`: bytes of a line
    behind it that were not finished, which are cut off.
    """

    def __init__(self, path: Path, mode: int = FILE_MODE) -> None:
        self.path = path
        self._mode = mode
        self._descriptor = -1
        self._size = 0
        self._regular = False
        self.end: ChainEnd | None = None
        self.torn = 0
        self._open()

    @property
    def size(self) -> int:
        """Bytes of the file; 0 for what is none, such as a terminal."""
        return self._size

    def write(self, lines: Sequence[bytes]) -> None:
        """Append lines. Raises OSError, and then none of them is in the file."""
        view = memoryview(b"".join(lines))
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError:
            self._take_back()
            raise
        if self._regular:
            self._size = os.fstat(self._descriptor).st_size

    def sync(self) -> None:
        """Have what was written on the disk. Raises OSError."""
        if self._regular:
            os.fdatasync(self._descriptor)

    def moved(self) -> bool:
        """True if another file, or none, stands under the path: somebody has moved or deleted this one."""
        try:
            there, ours = self.path.stat(), os.fstat(self._descriptor)
        except FileNotFoundError:
            return True
        return (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino)

    def rename(self, at: float, keep: int | None) -> str:
        """Give the file a name with a time, and delete those that are too many; return its name. Raises OSError."""
        if self._regular:
            os.fsync(self._descriptor)
        aside = self._aside(datetime.fromtimestamp(at, UTC))
        self.path.rename(aside)
        if keep is not None:
            for old in rotated(self.path)[:-keep]:
                old.unlink(missing_ok=True)
        return aside.name

    def _aside(self, at: datetime) -> Path:
        """Return a name that sorts behind those of all files before, also after the clock was put back."""
        before = rotated(self.path)
        if before:
            newest = before[-1].name.removeprefix(f"{self.path.stem}.").removesuffix(self.path.suffix)
            at = max(at, datetime.strptime(newest, STAMP).replace(tzinfo=UTC) + timedelta(microseconds=1))
        return self.path.with_name(f"{self.path.stem}.{at.strftime(STAMP)}{self.path.suffix}")

    def reopen(self) -> None:
        """Go on in a new file under the path. Raises OSError, and then goes on in the old one."""
        before = self._descriptor
        self._open()
        os.close(before)

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _open(self) -> None:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY
        descriptor = os.open(self.path, flags, self._mode)
        try:
            # Two writers of one file would tear each other's chains.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            found = os.fstat(descriptor)
            self._regular, size = stat.S_ISREG(found.st_mode), 0
            if self._regular:
                tail = os.pread(descriptor, TAIL_MOST, max(0, found.st_size - TAIL_MOST))
                whole = tail.rfind(b"\n") + 1
                self.end, self.torn = end_of(tail[:whole]), len(tail) - whole
                if self.torn:
                    os.ftruncate(descriptor, found.st_size - self.torn)
                size = found.st_size - self.torn
        except OSError:
            os.close(descriptor)
            raise
        self._descriptor, self._size = descriptor, size
        if self._regular and not size:
            self.end = _last(rotated(self.path))

    def _take_back(self) -> None:
        if self._regular:
            os.ftruncate(self._descriptor, self._size)


def rotated(path: Path) -> list[Path]:
    """Return the renamed files of a path, the oldest first."""
    digits = "[0-9]"
    stamp = f"{digits * 8}T{digits * 6}.{digits * 6}Z"
    return sorted(path.parent.glob(f"{glob.escape(path.stem)}.{stamp}{glob.escape(path.suffix)}"))


def end_of(tail: bytes) -> ChainEnd | None:
    """Return the last line of whole lines as the end of a chain; None if it is no line of an audit record."""
    last = tail[tail.rfind(b"\n", 0, -1) + 1 :]
    read = taken_apart(last)
    if read is None:
        return None
    try:
        head = _head(read.body + b"}")
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return ChainEnd(head.writer, head.seq, read.hash)


def _last(files: Sequence[Path]) -> ChainEnd | None:
    """Return the end of the newest of some files."""
    if not files:
        return None
    with files[-1].open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - TAIL_MOST))
        return end_of(file.read())
