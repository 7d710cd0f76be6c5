"""Compiled databases of rules in a folder, where the next process finds them.

Whoever could write there would decide what is found, and the engine trusts what it loads. So nothing is read but files
of this user or of root, that nobody else may change, in a folder of which the same is true; each has the digest of its
content and of its name, which is a digest of all that it was made from. Whatever is wrong, the rules are compiled.
"""

import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

from extproc.matching import databases

VARIABLE: Final = "EXTPROC_CACHE_DIR"
"""The variable that names the folder; `none` for no folder at all."""

MOST_FILES: Final = 256
"""Databases that are kept. All rules take 13."""

MOST_BYTES: Final = 64 << 20
"""Bytes of all of them. Those of all rules have 4 MB."""

MOST_OF_ONE: Final = 16 << 20
"""Bytes of one database. The largest of all rules has 1.6 MB; 10,000 literals have 5 MB."""

_MAGIC: Final = b"extproc database 1\n"
_HEAD: Final = len(_MAGIC) + sha256().digest_size
_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_WRITE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class DatabaseFolder:
    """A store of databases in one folder, for any number of processes at once. Never raises OSError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, name: str) -> bytes | None:
        """See `DatabaseStore.get`."""
        with suppress(OSError), self._opened() as folder:
            file = os.open(name, _READ, dir_fd=folder)
            try:
                return _content(name, file)
            finally:
                os.close(file)
        return None

    def put(self, name: str, data: bytes) -> None:
        """See `DatabaseStore.put`."""
        if len(data) > MOST_OF_ONE:
            return
        with suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(OSError), self._opened() as folder:
            _written(folder, name, _MAGIC + _digest(name, data) + data)
            _pruned(folder)

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """The folder, if nobody else can change what is in it. Raises OSError."""
        # What leads to it may be a link of this user's or of root's; what it is shows when it is open.
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if not _ours(os.fstat(folder)):
                raise PermissionError
            yield folder
        finally:
            os.close(folder)


def keep_databases(environ: Mapping[str, str]) -> None:
    """Have the databases of this process kept in the folder that the environment names, if there may be one."""
    folder = folder_of(environ)
    if folder is not None:
        databases.keep_in(DatabaseFolder(folder))


def folder_of(environ: Mapping[str, str]) -> Path | None:
    """Return the folder for databases: that of VARIABLE, else `extproc` where this user's caches are."""
    named = environ.get(VARIABLE, "")
    if named:
        return None if named == "none" else Path(named)
    for variable, below in (("XDG_CACHE_HOME", "extproc"), ("HOME", ".cache/extproc")):
        folder = Path(environ.get(variable, ""), below)
        if folder.is_absolute():
            return folder
    return None


def _ours(status: os.stat_result) -> bool:
    """True for what this user or root owns and nobody else may write."""
    return status.st_uid in {0, os.geteuid()} and not status.st_mode & _OTHERS


def _content(name: str, file: int) -> bytes | None:
    """The database in an open file; None if it is not one, not whole, or not of that name."""
    status = os.fstat(file)
    if not stat.S_ISREG(status.st_mode) or not _ours(status) or not _HEAD < status.st_size <= _HEAD + MOST_OF_ONE:
        return None
    with os.fdopen(os.dup(file), "rb") as opened:
        whole = opened.read(status.st_size)
    data = whole[_HEAD:]
    return data if whole[:_HEAD] == _MAGIC + _digest(name, data) else None


def _digest(name: str, data: bytes) -> bytes:
    return sha256(name.encode() + data).digest()


def _written(folder: int, name: str, whole: bytes) -> None:
    """Put a file in its place in one step, so that nobody reads half of it. Raises OSError."""
    draft = f".{secrets.token_hex(8)}"
    try:
        with os.fdopen(os.open(draft, _WRITE, 0o600, dir_fd=folder), "wb") as file:
            file.write(whole)
        os.rename(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        with suppress(OSError):
            os.unlink(draft, dir_fd=folder)
        raise


def _pruned(folder: int) -> None:
    """Take out the oldest files until no more are left than may be kept; drafts of dead processes count, too."""
    with os.scandir(folder) as entries:
        files = [(each.stat(follow_symlinks=False), each.name) for each in entries]
    files.sort(key=lambda file: file[0].st_mtime_ns, reverse=True)
    total = 0
    for count, (status, name) in enumerate(files, 1):
        total += status.st_size
        if count > MOST_FILES or total > MOST_BYTES:
            with suppress(OSError):
                os.unlink(name, dir_fd=folder)
