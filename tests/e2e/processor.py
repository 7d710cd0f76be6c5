"""The real processor for a test: `extproc serve` as a child process, with its log, metrics and workers."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from extproc.gateway.process import tied
from extproc.testing import eventually

READY_WITHIN: Final = 30.0
"""Seconds until all workers listen; one second on a machine that is not busy."""

STOP_WITHIN: Final = 20.0
"""Seconds for a drain with nothing open: more than the policies of these tests allow for one with something open."""

AGAIN: Final = 0.1
"""Seconds between two signals: long enough for the first to be seen as one of its own."""

TOLD_WITHIN: Final = 5.0
"""Seconds for a line to reach the log: the writer gathers lines for 50 ms."""


class Processor:
    """One supervisor and its workers. `folder` takes the policy, the socket, the log and what it says on stderr.

    `more`: further arguments.
    """

    def __init__(
        self,
        folder: Path,
        policy: str,
        transport: str,
        *more: str,
        workers: int = 1,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.policy = folder / "policy.yaml"
        self.policy.write_text(policy)
        self._log = folder / "log.jsonl"
        self._said = folder / "stderr.txt"
        self._command = [sys.executable, "-m", "extproc", "serve", "-c", str(self.policy)]
        self._command += ["--listen", f"unix:{folder}/p.sock", "--admin", "127.0.0.1:0", "--log", str(self._log)]
        # A test that writes a policy says itself when it is reloaded; `--watch` among `more` takes this back.
        self._command += ["--workers", str(workers), "--transport", transport, "--no-watch", *more]
        self._environ = {**os.environ, **(environ or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self.endpoints: tuple[str, ...] = ()
        self.admin = ""

    def start(self) -> Self:
        """Starts it and waits until all workers listen."""
        with self._said.open("ab") as said:
            self._process = subprocess.Popen(
                tied(self._command), env=self._environ, stdin=subprocess.DEVNULL, stdout=said, stderr=said
            )
        try:
            eventually(lambda: self._ready_line() is not None or self.exit_code is not None, READY_WITHIN)
            line = self._ready_line()
            assert line is not None, f"the processor did not come up (code {self.exit_code}): {self.said}"
        except BaseException:
            self.stop()
            raise
        endpoints, _, admin = line.removeprefix("extproc: ready at ").partition("; admin at ")
        self.endpoints, self.admin = tuple(endpoints.split()), admin
        return self

    def stop(self) -> None:
        """Ends it at once, as a second SIGTERM does; by force where that takes too long."""
        if self._process is None:
            return
        deadline = time.monotonic() + STOP_WITHIN
        while self._process.poll() is None and time.monotonic() < deadline:
            self._process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(AGAIN)
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def exit_code(self) -> int | None:
        """How the supervisor ended; None while it runs."""
        assert self._process is not None, "it was not started"
        return self._process.poll()

    @property
    def said(self) -> str:
        """What it wrote to stdout and stderr."""
        return self._said.read_text(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to the supervisor."""
        assert self._process is not None, "it was not started"
        self._process.send_signal(number)

    def wait(self, within: float = STOP_WITHIN) -> int:
        """Its exit code, once it has ended."""
        assert self._process is not None, "it was not started"
        return self._process.wait(within)

    @property
    def pids(self) -> tuple[int, ...]:
        """The workers' process ids, in order."""
        return tuple(worker["pid"] for worker in self.status()["workers"])

    def status(self) -> Any:
        """What /status says."""
        return json.loads(self._ask("/status"))

    def metrics(self) -> str:
        """What /metrics says."""
        return self._ask("/metrics").decode()

    @property
    def log(self) -> str:
        """All of the log so far, as text."""
        return self._log.read_text()

    def lines(self, event: str = "exchange") -> list[dict[str, Any]]:
        """The log's lines of one kind."""
        whole = [line for line in self.log.splitlines(keepends=True) if line.endswith("\n")]
        return [line for line in map(json.loads, whole) if line["event"] == event]

    def told(self, holds: Callable[[dict[str, Any]], bool], event: str = "exchange") -> dict[str, Any]:
        """The one line of the log of which `holds` is true, once it is there."""
        found: list[dict[str, Any]] = []

        def look() -> bool:
            found[:] = [line for line in self.lines(event) if holds(line)]
            return bool(found)

        assert eventually(look, TOLD_WITHIN), f"no such line among the last: {self.lines(event)[-5:]}"
        assert len(found) == 1, f"one exchange, one line: {found}"
        return found[0]

    def _ready_line(self) -> str | None:
        lines = self.said.splitlines(keepends=True)
        return next(
            (line.strip() for line in lines if line.startswith("extproc: ready at ") and line[-1] == "\n"), None
        )

    def _ask(self, page: str) -> bytes:
        with urllib.request.urlopen(self.admin + page, timeout=TOLD_WITHIN) as answer:
            content: bytes = answer.read()
            return content
