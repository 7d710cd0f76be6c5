"""Unix sockets as files: what a dead process left is taken away, what a live one holds is not."""

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from extproc.server.errors import ServeError
from extproc.server.listen import Unix

PROBE_TIMEOUT: Final = 1.0
"""Seconds to wait for whoever may listen. A live listener is connected to by the kernel, at once."""


def clear(listen: Unix) -> None:
    """Makes way for a new socket. Raises ServeError where something that is not a dead socket is in the way."""
    try:
        mode = os.lstat(listen.path).st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise ServeError(f"{listen}: {error.strerror}") from error
    if not stat.S_ISSOCK(mode):
        raise ServeError(f"{listen}: the path exists and is no socket; choose another, or remove it")
    if _alive(listen.path):
        raise ServeError(f"{listen}: another process listens there; stop it, or choose another path")
    remove(listen)


def remove(listen: Unix) -> None:
    """Takes the socket's file away, if it is still there."""
    try:
        os.unlink(listen.path)  # noqa: PTH108  - the path of a socket, as the system calls above take it
    except FileNotFoundError:
        pass  # whoever bound it tidied up
    except OSError as error:
        raise ServeError(f"{listen}: {error.strerror}") from error


@contextmanager
def created_with(mode: int) -> Iterator[None]:
    """Within, files are made with at most `mode`: a socket accepts once it is bound, so chmod would be too late."""
    before = os.umask(0o777 & ~mode)
    try:
        yield
    finally:
        os.umask(before)


def _alive(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(PROBE_TIMEOUT)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return False
        except FileNotFoundError:
            return False
        except OSError:
            return True  # no permission, or a full backlog: somebody's
        return True
