"""A worker process from its fork to its end: it is no child of the supervisor, but of the template."""

import asyncio
import os
import signal
from contextlib import suppress


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
        return self._code

    def kill(self) -> None:
        """Ends the process by force. The number of one that is known to have ended may be another's by now."""
        if self._code is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
