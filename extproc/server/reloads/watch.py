"""Looks at the files of a policy: which of them hold something else than what was read.

Files are polled, by `stat` first: notifications of the kernel do not reach every mount (NFS, FUSE, a folder of a host),
and miss the swap of a symbolic link further up, which is how Kubernetes changes a ConfigMap. `stat` follows links, so
that a swapped one shows as another file.
"""

import os
import stat
from collections.abc import Iterable
from typing import Final, TypeAlias

from extproc.server.reloads.seen import SeenFile, seen

LOOK_EVERY: Final = 0.5
"""Seconds between two looks. One takes some 3 us for each file, in a thread of the supervisor: no worker pays."""

SETTLE: Final = 0.25
"""Seconds for which files that changed must stay as they are before they are read: somebody may be writing yet."""

READ_EVERY: Final = 10.0
"""Seconds after which files are read although `stat` shows no change: some file systems count in whole seconds."""

_Mark: TypeAlias = tuple[int, int, int, int, int]

_PIPE: Final[_Mark] = (0, 0, 0, 0, 0)
"""The mark of a named pipe, which is never read again: who opens one waits for a writer, for ever if none comes."""


class FileWatch:
    """Compares files with what was read of them. `now` is in seconds on any steady clock."""

    def __init__(self) -> None:
        self._files: dict[str, SeenFile] = {}
        self._marks: dict[str, _Mark | None] = {}
        self._differing: dict[str, bytes] = {}
        self._read_at = 0.0

    def __len__(self) -> int:
        return len(self._files)

    def keep(self, files: Iterable[SeenFile]) -> None:
        """Watch these files, and no others, for anything but what was read of them."""
        self._files = {each.path: each for each in files}
        self._marks, self._differing = {}, {}

    def add(self, files: Iterable[SeenFile]) -> None:
        """Watch these files, too: they were read for a policy that was not taken."""
        self.keep((*self._files.values(), *files))

    def differing(self, now: float) -> dict[str, bytes]:
        """Return the files that differ from what was read, each with the digest of what it holds now. May block."""
        anyway = now - self._read_at >= READ_EVERY
        if anyway:
            self._read_at = now
        for path, read in self._files.items():
            mark = _mark(path)
            if path in self._marks and self._marks[path] == mark and not anyway:
                continue
            self._marks[path] = mark
            if mark == _PIPE:
                continue
            found = seen(path, read.most)
            if found == read:
                self._differing.pop(path, None)
            else:
                self._differing[path] = found.digest
        return dict(self._differing)


def _mark(path: str) -> _Mark | None:
    try:
        found = os.stat(path)  # noqa: PTH116  - some 100,000 of these a day and file
    except (OSError, ValueError):
        return None
    if stat.S_ISFIFO(found.st_mode):
        return _PIPE
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
