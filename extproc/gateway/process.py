"""A real Envoy as a child process: find it, check a bootstrap with it, start it, ask its admin port, stop it."""

import contextlib
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

Bootstrap = Mapping[str, object]
"""Envoy's Bootstrap message as plain data, ready to become JSON."""

READY_WITHIN: Final = 20.0
"""Seconds until /ready must say so. Envoy needs 0.1 s; a loaded two-core machine was never seen to need 2."""

STOP_WITHIN: Final = 5.0
"""Seconds between SIGTERM and SIGKILL. Envoy exits on SIGTERM at once, without draining; a frozen one never does."""

VALIDATE_WITHIN: Final = 30.0
"""Seconds for `--mode validate`, which reads files and may resolve names."""

ADMIN_WITHIN: Final = 5.0
"""Seconds for one admin request. The admin server shares Envoy's main thread, which no traffic runs on."""

POLL_EVERY: Final = 0.02
"""Seconds between two looks at a starting Envoy."""

TAIL_BYTES: Final = 8 * 1024
"""Bytes of the log's end that an error shows: Envoy's last words are a few lines, its greeting is 10 KB of no use."""

LOOPBACK_ADMIN: Final = {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}}

# Envoy must not outlive us when we are killed. A preexec_fn could ask for that, but it runs Python between fork and
# exec, which deadlocks when another thread held a lock; so a fresh interpreter asks and then becomes Envoy. It compares
# its parent with the one it was told, in case that one died before prctl(PR_SET_PDEATHSIG = 1, SIGKILL = 9).
TIED_TO_PARENT: Final = """\
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 9)
if os.getppid() != int(sys.argv[1]):
    sys.exit("the parent is gone")
os.execv(sys.argv[2], sys.argv[2:])
"""


class EnvoyError(Exception):
    """Envoy is missing, refused its bootstrap, did not come up, or does not answer."""


class EnvoyMissing(EnvoyError):  # noqa: N818  - named for what it says
    """There is no Envoy on this machine."""


class EnvoyRejected(EnvoyError):  # noqa: N818  - named for what it says
    """Envoy will not run with this bootstrap; the text is Envoy's own."""


def find_envoy() -> Path:
    """The `envoy` program: the one installed beside this Python, else the first on PATH.

    Raises:
        EnvoyMissing: there is none.
    """
    beside = Path(sys.executable).parent / "envoy"
    if os.access(beside, os.X_OK):
        return beside
    on_path = shutil.which("envoy")
    if on_path is None:
        raise EnvoyMissing('no `envoy` beside this Python or on PATH; install it with: pip install "envoy-extproc[up]"')
    return Path(on_path)


def validate(bootstrap: Bootstrap) -> None:
    """Have Envoy itself check a bootstrap (`--mode validate`); nothing is started.

    Raises:
        EnvoyMissing: there is no Envoy.
        EnvoyRejected: with Envoy's message.
    """
    with tempfile.TemporaryDirectory(prefix="envoy-") as folder:
        config = _written(bootstrap, Path(folder))
        command = [str(find_envoy()), "--mode", "validate", "--disable-hot-restart", "-c", str(config)]
        done = subprocess.run(  # noqa: S603  - our own program, a list of arguments, no shell
            command, check=False, capture_output=True, timeout=VALIDATE_WITHIN, stdin=subprocess.DEVNULL
        )
        if done.returncode != 0:
            said = (done.stderr + done.stdout).decode(errors="replace")
            raise EnvoyRejected(_complaint(said).replace(str(config), "the bootstrap"))


class EnvoyProcess:
    """One running Envoy, as a context manager.

    `bootstrap` gets a loopback admin port when it has no `admin`. `concurrency` is Envoy's number of worker threads.
    `log` is where its log and standard output go (appended); without it, a temporary file that goes with the process.
    When we are killed it is killed too, if it was started from the main thread (the kernel ties a child to the *thread*
    that made it, so from another thread that would end Envoy too early); a normal end of ours stops it through `stop`.
    """

    def __init__(
        self,
        bootstrap: Bootstrap,
        *,
        concurrency: int = 1,
        log: Path | None = None,
        log_level: str = "info",
        arguments: Sequence[str] = (),
    ) -> None:
        self._bootstrap = {"admin": LOOPBACK_ADMIN, **bootstrap}
        self._options = ["--concurrency", str(concurrency), "--log-level", log_level, *arguments]
        self._log = log
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._last_words = ""
        self.admin = ""
        """`host:port` of the admin interface."""

    def start(self) -> Self:
        """Start Envoy and wait until it serves.

        Raises:
            EnvoyMissing: there is no Envoy.
            EnvoyError: it ended, or was not ready within `READY_WITHIN` seconds; the text holds the end of its log.
        """
        if self._process is not None:
            raise EnvoyError("this Envoy was started before")
        program = find_envoy()
        self._folder = tempfile.TemporaryDirectory(prefix="envoy-")
        try:
            self._process = self._spawned(program, Path(self._folder.name))
            self._wait_until_ready(time.monotonic() + READY_WITHIN)
        except BaseException:  # also KeyboardInterrupt: nothing of ours may stay behind
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End Envoy: SIGTERM, and SIGKILL after `STOP_WITHIN` seconds. A second call does nothing."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_WITHIN)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._folder is not None:
            self._last_words = self.log_tail()
            self._folder.cleanup()
            self._folder = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def alive(self) -> bool:
        """True if the process runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id of Envoy itself."""
        if self._process is None:
            raise EnvoyError("this Envoy was not started")
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Return how it ended: None while it runs, negative for a signal."""
        return None if self._process is None else self._process.poll()

    def port(self, listener: str) -> int:
        """The TCP port on which the named listener really listens.

        Raises:
            EnvoyError: there is no such listener, or it listens on no port.
        """
        statuses = json.loads(self.ask("/listeners?format=json")).get("listener_statuses", [])
        addresses = {status["name"]: status["local_address"] for status in statuses}
        if listener not in addresses:
            raise EnvoyError(f"no listener {listener!r}; there are: {', '.join(sorted(addresses)) or 'none'}")
        port = addresses[listener].get("socket_address", {}).get("port_value")
        if not isinstance(port, int):
            raise EnvoyError(f"the listener {listener!r} listens on no TCP port")
        return port

    def stats(self, prefix: str = "") -> dict[str, int]:
        """Counters and gauges whose names begin with `prefix`, by full name."""
        answer = self.ask(f"/stats?format=json&filter={quote('^' + re.escape(prefix), safe='')}")
        rows = json.loads(answer).get("stats", [])
        return {row["name"]: row["value"] for row in rows if isinstance(row.get("value"), int)}

    def ask(self, target: str, method: str = "GET") -> bytes:
        """The body of an admin answer; `target` is a path with its query.

        Raises:
            EnvoyError: no answer within `ADMIN_WITHIN` seconds, or a status other than 200.
        """
        status, body = self._admin(method, target)
        if status != 200:
            raise EnvoyError(f"the admin port answered {status} to {method} {target}")
        return body

    def log_tail(self) -> str:
        """The end of Envoy's log, `TAIL_BYTES` at the most; it can still be read after `stop`."""
        path = self._log_path()
        if path is None or not path.exists():
            return self._last_words
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL_BYTES))
            return file.read().decode(errors="replace")

    def _log_path(self) -> Path | None:
        if self._log is not None:
            return self._log
        return None if self._folder is None else Path(self._folder.name) / "envoy.log"

    def _spawned(self, program: Path, folder: Path) -> subprocess.Popen[bytes]:
        # Not --use-dynamic-base-id, which leaves a file in /dev/shm behind; without hot restart there is none to share.
        command = [str(program), "-c", str(_written(self._bootstrap, folder)), "--disable-hot-restart"]
        command += ["--admin-address-path", str(folder / "admin"), *self._options]
        log = self._log_path()
        assert log is not None, "the folder was just made"
        # Appending, because /dev/stdout in an access log's configuration opens the same file a second time.
        with log.open("ab") as output:
            return subprocess.Popen(  # noqa: S603  - our own program, a list of arguments, no shell
                tied(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                process_group=0,  # Ctrl-C in a terminal is for us; we then stop Envoy in our own order
            )

    def _wait_until_ready(self, deadline: float) -> None:
        while not self._is_ready():
            assert self._process is not None, "called by start alone"
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self._process.wait(POLL_EVERY)
                raise EnvoyError(f"Envoy ended with code {code} while starting: {_complaint(self.log_tail())}")
            if time.monotonic() > deadline:
                raise EnvoyError(f"Envoy was not ready after {READY_WITHIN:.0f} s; its log ends:\n{self.log_tail()}")

    def _is_ready(self) -> bool:
        assert self._folder is not None, "called by start alone"
        written = Path(self._folder.name) / "admin"
        if not written.exists():
            return False
        self.admin = written.read_text()
        try:
            return bool(self.admin) and self._admin("GET", "/ready")[0] == 200
        except EnvoyError:
            return False  # the file is there before the port answers

    def _admin(self, method: str, target: str) -> tuple[int, bytes]:
        host, _, port = self.admin.rpartition(":")
        if not port.isdecimal():
            raise EnvoyError(f"no admin port: Envoy says its admin address is {self.admin!r}")
        connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=ADMIN_WITHIN)
        try:
            connection.request(method, target)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise EnvoyError(f"the admin port does not answer {method} {target}: {error!r}") from error
        finally:
            connection.close()


def _written(bootstrap: Bootstrap, folder: Path) -> Path:
    path = folder / "bootstrap.json"  # Envoy goes by the name's ending
    path.write_text(json.dumps(bootstrap))
    return path


def tied(command: Sequence[str]) -> list[str]:
    """The command, made to die with us where the kernel can do that."""
    if sys.platform != "linux" or threading.current_thread() is not threading.main_thread():
        return list(command)
    return [sys.executable, "-I", "-S", "-c", TIED_TO_PARENT, str(os.getpid()), *command]


def _complaint(said: str) -> str:
    """Return Envoy's complaints without its greeting: its critical lines and errors, or the end of its log."""
    wanted = [line for line in said.splitlines() if "[critical]" in line or "[error]" in line]
    text = "\n".join(re.sub(r"^(\[[^\]]*\] ?)+", "", line) for line in wanted) or said[-TAIL_BYTES:]
    return text.strip()
