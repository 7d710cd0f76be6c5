"""Sockets: those that listen on TCP, and Unix sockets as files.

What a dead process left is taken away, what a live one holds is not.
"""

import errno
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from extproc.protocol.errors import ServeError
from extproc.server.listen import EVERY_ADDRESS, LOOPBACKS, Tcp, Unix, is_localhost

PROBE_TIMEOUT: Final = 1.0
"""Seconds to wait for whoever may listen. A live listener is connected to by the kernel, at once."""


_NO_IPV6: Final = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL})
"""Errors of a machine without IPv6."""


def listening(listen: Tcp, backlog: int) -> list[socket.socket]:
    """Listening sockets, one for each address that the host stands for, all on one port. Raises OSError."""
    made: list[socket.socket] = []
    try:
        for family, address in _addresses(listen):
            port = made[0].getsockname()[1] if made else listen.port
            try:
                made.append(_bound(family, (address[0], port, *address[2:]), backlog))
            except OSError as error:
                if not made or not is_localhost(listen.host) or error.errno not in _NO_IPV6:
                    raise
    except OSError:
        for each in made:
            each.close()
        raise
    return made


def _addresses(listen: Tcp) -> Iterator[tuple[int, tuple[Any, ...]]]:
    hosts = LOOPBACKS if is_localhost(listen.host) else (listen.host,)
    for host in hosts:
        found = socket.getaddrinfo(host, listen.port, type=socket.SOCK_STREAM)
        yield from dict.fromkeys((family, address) for family, _, _, _, address in found)


def _bound(family: int, address: tuple[Any, ...], backlog: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        # An address in use is an error, but one that only lingers from an earlier process is not.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # Not as the system happens to be set: `[::]` hears IPv4 as well.
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(address[0] != EVERY_ADDRESS))
        made.setblocking(False)
        made.bind(address)
        made.listen(backlog)
    except OSError:
        made.close()
        raise
    return made


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
