"""Virtual keys as their file has them: read again by each worker as soon as the file changes.

A key that is revoked has to stop working quickly, and a reload of the whole policy takes as long as its rules take to
compile. So each worker looks at the file by itself; the policy and what was compiled of it stay.
"""

import asyncio
import stat
from pathlib import Path
from typing import Final, TypeAlias

from extproc.policy.virtual_keys import KEY_FILE_MAX, KeyFileError, KeyRing, read_keys
from extproc.server.files import read_file
from extproc.server.runtime import Runtime
from extproc.server.tasks import cancel, spawn

LOOK_EVERY: Final = 0.5
"""Seconds between looks at the file: one `stat` in a thread. A revoked key works for so long, and while it is read."""

Signature: TypeAlias = tuple[int, int, int, int]
"""What tells one state of a file from another: device, inode, size, and time of the last change in nanoseconds."""


class KeyWatch:
    """Keeps `Shared.ring` as the file of the policy in force has it. To be used in one loop.

    A file that cannot be read or is wrong changes nothing: the keys that were known stay, and the log says so once.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._path: Path | None = None
        self._seen: Signature | None = None
        self._problem: str | None = None
        self._task: asyncio.Task[None] | None = None

    def begin(self, path: Path) -> None:
        """Read the file here and now: before anything is served, as the plan may be older than the worker."""
        self.keep(path)
        found = look(path, None)
        if found is not None:
            self._seen, self._runtime.shared.ring, self._problem = found
            self._told(self._problem)

    def keep(self, path: Path | None) -> None:
        """Look after the keys of this file from now on, and of none without it. Those of another file are forgotten."""
        if path != self._path:
            self._runtime.shared.ring = None  # those of the plan hold, which was read just now
            self._path, self._seen, self._problem = path, None, None
        if path is not None and self._task is None:
            self._task = spawn(self._run())

    async def close(self) -> None:
        """End looking."""
        if self._task is not None:
            await cancel(self._task)
            self._task = None

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            path = self._path
            if path is not None:
                found = await asyncio.to_thread(look, path, self._seen)
                if found is not None and path == self._path:
                    self._take(*found)

    def _take(self, seen: Signature | None, ring: KeyRing | None, problem: str | None) -> None:
        """Put what was read in force."""
        self._seen = seen
        if ring is not None:
            self._runtime.shared.ring = ring
            self._runtime.log.event("keys_read", {"keys": len(ring)})
        elif problem != self._problem:
            self._told(problem)
        self._problem = problem

    def _told(self, problem: str | None) -> None:
        if problem is not None:
            self._runtime.log.event("keys_unusable", {"file": str(self._path), "problem": problem})


def look(path: Path, seen: Signature | None) -> tuple[Signature | None, KeyRing | None, str | None] | None:
    """Return the state of a file with its keys, or with what is wrong; None if it is still as it was `seen`."""
    found: Signature | None = None
    try:
        is_now = path.stat()
        found = (is_now.st_dev, is_now.st_ino, is_now.st_size, is_now.st_mtime_ns)
        if found == seen:
            return None
        if stat.S_ISFIFO(is_now.st_mode):  # whoever opens one waits for a writer
            return found, None, "it is a pipe"
        raw = read_file(path, KEY_FILE_MAX + 1)
    except OSError as error:
        return found, None, f"it cannot be read: {error.strerror}"
    if len(raw) > KEY_FILE_MAX:
        return found, None, f"it is larger than {KEY_FILE_MAX >> 20} MiB"
    try:
        return found, read_keys(raw), None
    except KeyFileError as error:
        return found, None, str(error)
