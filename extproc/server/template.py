"""The start of a template process. Imports little, so that the template can import much while its supervisor does."""

import socket
import subprocess
import sys
import weakref
from typing import Final

MODULE: Final = "extproc.server.template_process"


class Template:
    """A template process, and our ends of its sockets. It ends when this is garbage, or the program ends.

    Raises OSError where no process or no descriptor is left.
    """

    def __init__(self, transport: str) -> None:
        self.orders, orders = socket.socketpair()
        self.descriptors, descriptors = socket.socketpair()
        self.descriptors.setblocking(False)
        with orders, descriptors:
            numbers = (orders.fileno(), descriptors.fileno())
            self._process = subprocess.Popen(  # noqa: S603  - ourselves
                # -P: what lies in the current directory was not installed.
                [sys.executable, "-P", "-m", MODULE, *map(str, numbers), transport],
                pass_fds=numbers,
                stdin=subprocess.DEVNULL,
            )
        self.pid = self._process.pid
        self._end = weakref.finalize(self, _ended, self._process, self.orders, self.descriptors)

    def kill(self) -> None:
        """Ends the process by force; `end` frees the rest."""
        self._process.kill()

    def end(self) -> int | None:
        """End the process if it has not ended, and free all. Return its exit code, and None when called again."""
        return self._end()


def _ended(process: "subprocess.Popen[bytes]", *ends: socket.socket) -> int:
    for each in ends:
        each.close()
    process.kill()
    return process.wait()
