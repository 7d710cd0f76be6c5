"""A program of ours as a child process: started, waited for until it says that it is ready, stopped."""

import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, Self

from extproc.gateway.process import tied

READY_WITHIN: Final = 30.0
"""Seconds until a program must have said that it is ready: starting Python and reading a policy takes about one."""

STOP_WITHIN: Final = 40.0
"""Seconds between SIGTERM and SIGKILL; above `limits.drain_timeout` by default, which is 30 s."""

TAIL_LINES: Final = 40
"""Lines of a program's own words that an error shows."""


class ProgramError(Exception):
    """A program did not start; the text is what it said."""


class Program:
    """`python -m MODULE ARGUMENTS`, as a context manager.

    It is ready when it writes a line with `ready` in it, on either stream; what follows that line's `ready` is kept as
    `said`. Later lines go to `tell`. It dies with us, if started from the main thread.
    """

    def __init__(
        self, module: str, arguments: Sequence[str], *, ready: str, tell: Callable[[str], None] = lambda _: None
    ) -> None:
        self._command = [sys.executable, "-m", module, *arguments]
        self._ready_word = ready
        self._tell = tell
        self._ready = threading.Event()
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._process: subprocess.Popen[str] | None = None
        self._reader = threading.Thread(target=self._read, daemon=True)
        self.said = ""
        """The text after the ready word."""

    @property
    def alive(self) -> bool:
        """True if it runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its process id. Raises ProgramError before it was started."""
        if self._process is None:
            raise ProgramError("this program was not started")
        return self._process.pid

    @property
    def tail(self) -> str:
        """The last lines it said."""
        return "".join(self._tail)

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(  # noqa: S603  - our own module, a list of arguments, no shell
            tied(self._command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._reader.start()
        if self._ready.wait(READY_WITHIN) and self.said:
            return self
        self.stop()
        raise ProgramError(self.tail.strip() or f"{self._command[2]} did not say that it is ready")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def signal(self, number: int) -> None:
        """Sends it a signal, if it runs."""
        if self._process is not None:
            self._process.send_signal(number)

    def stop(self) -> None:
        """SIGTERM, and SIGKILL after `STOP_WITHIN` seconds. A second call does nothing."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(1.0)
        if self._process.stdout is not None and not self._reader.is_alive():
            self._process.stdout.close()

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._hear(line)
        self._ready.set()  # it ended: nobody is to wait any longer

    def _hear(self, line: str) -> None:
        if not self._ready.is_set():
            self._tail.append(line)
            before, word, after = line.partition(self._ready_word)
            if word:
                self.said = (after or before).strip() or word
                self._ready.set()
            return
        self._tail.append(line)
        self._tell(line)
