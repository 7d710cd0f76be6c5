"""A real redis-server for a test, on a Unix socket or a port of its own."""

import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from extproc.policy.credentials import Source
from extproc.policy.redis_state import RedisAccess, RedisState
from extproc.testing import eventually

WITHIN = 10.0


def free_port() -> int:
    """A port that the kernel gave."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


class RedisServer:
    """A redis-server in a folder: `more` are its further settings. It can be stopped and started again."""

    def __init__(self, folder: Path, *more: str) -> None:
        self.folder = folder
        self.socket = folder / "r.sock"
        self._more = more
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self) -> Self:
        base = ["--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.folder), "--save", ""]
        log = (self.folder / "log").open("ab")
        self._process = subprocess.Popen(["redis-server", *base, *self._more], stdout=log, stderr=log)
        log.close()
        assert eventually(lambda: b"PONG" in self._ping(), WITHIN), (self.folder / "log").read_text()
        return self

    def stop(self, how: int = signal.SIGTERM) -> None:
        assert self._process is not None
        self._process.send_signal(how)
        self._process.wait(WITHIN)

    def cli(self, *words: str) -> str:
        """What redis-cli prints."""
        ran = subprocess.run(["redis-cli", "-s", str(self.socket), *words], capture_output=True, text=True, check=True)
        return ran.stdout.strip()

    def _ping(self) -> bytes:
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(1)
                client.connect(str(self.socket))
                client.sendall(b"PING\r\n")
                reply = client.recv(64)
                return b"PONG" if reply.startswith(b"-NOAUTH") else reply
        except OSError:
            return b""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(WITHIN)


@contextmanager
def redis_server(folder: Path, *more: str) -> Iterator[RedisServer]:
    """A running server. The test is skipped where there is no redis-server."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    with RedisServer(folder, *more) as server:
        yield server


def access(url: str, password: bytes | None = None, **more: object) -> RedisAccess:
    """How a server is asked."""
    source = {} if password is None else {"password": Source(env="REDIS_PASSWORD")}
    return RedisAccess(RedisState.model_validate({"url": url, "timeout": "2s", **source, **more}), password)
