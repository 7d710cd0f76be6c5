"""A worker process from its fork to its end: it is no child of the supervisor, but of the template."""

import asyncio
import os
import signal
import time
from contextlib import suppress
from typing import Final

LOOK_EVERY: Final = 0.02
"""Seconds between looks at whether a process has ended that became ours when its template ended."""


class Life:
    """The template tells of its end. `pid` is its process number."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._over = asyncio.Event()
        self._code: int | None = None

    def end(self, code: int | None) -> None:
        """The process has ended with `code`; None: its template ended before it, so that nobody can tell."""
        self._code = code
        self._over.set()

    async def code(self, within: float) -> int | None:
        """Return the exit code (of a signal its negative number); None if it is not known `within` so many seconds."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), within)
            if self._code is None:
                await self._reaped(time.monotonic() + within)
        return self._code

    async def _reaped(self, deadline: float) -> None:
        """Reaps a process that became our child when its template ended: in a container, where we are process 1."""
        with suppress(ChildProcessError):  # it became another's
            while time.monotonic() < deadline:
                ended, status = os.waitpid(self.pid, os.WNOHANG)  # noqa: ASYNC222  - it does not wait
                if ended:
                    self._code = os.waitstatus_to_exitcode(status)
                    return
                await asyncio.sleep(LOOK_EVERY)

    def kill(self) -> None:
        """Ends the process by force. The number of one that is known to have ended may be another's by now."""
        if self._code is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
