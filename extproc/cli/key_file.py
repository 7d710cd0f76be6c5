"""The file of virtual keys, changed by one at a time and replaced as a whole: readers see the old or the new."""

import fcntl
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeAlias

from extproc.cli.common import USAGE, CommandError
from extproc.policy.virtual_keys import KEY_FILE_MAX, KeyFileError, VirtualKey, read_keys, written
from extproc.server.files import read_file

MODE: Final = 0o600
"""The mode of a new file: hashes of keys are no keys, but tenants and limits are nobody else's business."""

KEPT: Final = 0o640
"""The bits of an old file's mode that stay: a group may be there to read it."""

KeyTuple: TypeAlias = tuple[VirtualKey, ...]


def keys_in(path: Path) -> KeyTuple:
    """Return the keys of a file. Raises CommandError."""
    try:
        raw = read_file(path, KEY_FILE_MAX + 1)
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}", USAGE) from None
    if len(raw) > KEY_FILE_MAX:
        raise CommandError(f"{path} is larger than {KEY_FILE_MAX >> 20} MiB", USAGE)
    return _parsed(path, raw)


def changed(path: Path, change: Callable[[KeyTuple], KeyTuple], *, create: bool = False) -> None:
    """Replace the file by one with the keys that `change` makes of its own. `create`: one that is missing is empty.

    Raises:
        CommandError: it cannot be read or written; it is as it was then.
    """
    path = path.resolve()  # the file behind a link is replaced, not the link
    try:
        with _locked(path):
            old = path.stat() if path.exists() or not create else None
            keys = change(() if old is None else keys_in(path))
            text = written(keys)
            _parsed(path, text)
            _replace(path, text, old)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from None


def _parsed(path: Path, raw: bytes) -> KeyTuple:
    try:
        return tuple(read_keys(raw).keys)
    except KeyFileError as error:
        raise CommandError(f"{path}: {error} ({error.mend})", USAGE) from None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep others out, by a file beside it: the file itself is another one after each change."""
    lock = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, MODE)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _replace(path: Path, text: bytes, old: os.stat_result | None) -> None:
    """Put a new file in the place of the old one, of the same owner, so that workers can read it still."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if old is not None:
                if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
                    os.fchown(file.fileno(), old.st_uid, old.st_gid)
                os.fchmod(file.fileno(), stat.S_IMODE(old.st_mode) & KEPT | MODE)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)  # a revocation outlives a crash
    finally:
        os.close(folder)
